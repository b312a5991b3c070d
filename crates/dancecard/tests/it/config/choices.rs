//! The keys of Dancer's engines, and what they come to.

use dancecard::Store as _;

#[cfg(feature = "object-fs")]
use super::load_in;
use super::{load, value};

trials! {
    every_name_and_every_foreign_key_is_understood,
    #[cfg(feature = "object-fs")]
    a_service_under_kiokudb_has_its_options,
    what_has_no_counterpart_is_refused,
}

/// A configuration, the engine it chooses, and some of what that is set to.
type Choice = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const CHOICES: &[Choice] = &[
    ("session: Simple", "memory", &[]),
    ("session: sqlite", "sqlite", &[("path", "sessions.db")]),
    (
        "session: 'sqlite:a/b.db?synchronous=normal'",
        "sqlite",
        &[("path", "a/b.db"), ("synchronous", "normal")],
    ),
    ("session: YAML", "file", &[("format", "yaml"), ("path", "sessions")]),
    (
        "session: JSON\nengines: { session: { JSON: { session_dir: /x } } }",
        "file",
        &[("format", "json"), ("path", "/x")],
    ),
    ("session: YAML\nsession_dir: /y", "file", &[("format", "yaml"), ("path", "/y")]),
    ("session: Memcached\nmemcached_servers: 'a:1, b:2'", "memcached", &[("servers", "[a:1, b:2]")]),
    (
        "session: Memcached\nengines: { session: { Memcached: { memcached_servers: [a, b], fatal_cluster_unreachable: 1 } } }",
        "memcached",
        &[("servers", "[a, b]")],
    ),
    (
        "session: Redis\nengines: { session: { Redis: { redis_server: 'h:1', redis_password: x, redis_key: 'app:%s', redis_reconnect: 60, session_duration: 600 } } }",
        "redis",
        &[("nodes", "[h:1]"), ("password", "***"), ("prefix", "app:")],
    ),
    (
        "session: Redis\nredis_session: { sock: /run/redis.sock, database: 2, expire: 900, debug: 0 }",
        "redis",
        &[("nodes", "[/run/redis.sock]"), ("database", "2")],
    ),
    ("session: 'redis://h:1/3?prefix=p'", "redis", &[("nodes", "[h:1]"), ("database", "3"), ("prefix", "p")]),
    (
        "session: Redis\nredis_session: { server: 'h:1', password: x }",
        "redis",
        &[("nodes", "[h:1]"), ("password", "***"), ("database", "0")],
    ),
    (
        "session: Redis\nengines: { session: { Redis: { redis_sock: /run/redis.sock } } }",
        "redis",
        &[("nodes", "[/run/redis.sock]")],
    ),
    // A URL says where the server is.
    (
        "session: 'redis://h:1'\nredis_session: { server: 'other', database: 2 }",
        "redis",
        &[("nodes", "[h:1]"), ("database", "0")],
    ),
    ("session: 'file:/x'\nsession_dir: /y", "file", &[("path", "/x")]),
    (
        "session: DBI\nsession_options: { dsn: 'dbi:Pg:dbname=app;host=db;port=99', user: u, password: p, table: t }",
        "postgres",
        &[
            ("host", "db"),
            ("port", "99"),
            ("database", "app"),
            ("username", "u"),
            ("password", "***"),
            ("table", "t"),
        ],
    ),
    (
        "session: DBI\nengines: { session: { DBI: { dsn: 'DBI:mysql:database=app;host=db', dbuser: u, dbpass: '', dbtable: t } } }",
        "mysql",
        &[("host", "db"), ("database", "app"), ("username", "u"), ("table", "t")],
    ),
    (
        "session: DBI\nsession_options: { dsn: 'dbi:MariaDB(RaiseError=>1):app' }",
        "mysql",
        &[("database", "app")],
    ),
    (
        "session: DBI\nsession_options: { dsn: 'dbi:SQLite:dbname=data/s.db', user: '', password: '' }",
        "sqlite",
        &[("path", "data/s.db")],
    ),
    (
        "session: dbi\nengines: { session: { dbi: { dsn: 'dbi:SQLite:s.db' } } }",
        "sqlite",
        &[("path", "s.db")],
    ),
    #[cfg(feature = "mongodb")]
    (
        "session: MongoDB\nengines: { session: { MongoDB: { database_name: d, collection_name: c, client_options: { host: 'h:1' } } } }",
        "mongodb",
        &[("database", "d"), ("collection", "c"), ("uri", "mongodb://h:1")],
    ),
    #[cfg(feature = "mongodb")]
    (
        "session: MongoDB\nmongodb_session_db: d\nmongodb_session_coll: c\nmongodb_host: 'mongodb://u:p@h'",
        "mongodb",
        &[("database", "d"), ("collection", "c"), ("uri", "mongodb://***@h")],
    ),
    #[cfg(feature = "mongodb")]
    ("session: MongoDB", "mongodb", &[("uri", "mongodb://127.0.0.1:27017"), ("database", "dancecard")]),
    #[cfg(feature = "mongodb")]
    (
        "session: 'mongodb://h'\nmongodb_host: other\nmongodb_session_coll: c",
        "mongodb",
        &[("uri", "mongodb://h"), ("collection", "sessions")],
    ),
    ("session: KiokuDB", if cfg!(feature = "object") { "object" } else { "memory" }, &[]),
    (
        "session: KiokuDB\nkiokudb_backend: Files\nkiokudb_backend_opts: { dir: /k, create: 1 }",
        "file",
        &[("path", "/k"), ("create", "true")],
    ),
    (
        "session: KiokuDB\nkiokudb_backend: DBI\nkiokudb_backend_opts: { dsn: 'dbi:SQLite:k.db', create: 1, serializer: json }",
        "sqlite",
        &[("path", "k.db"), ("create", "true")],
    ),
    (
        "session: KiokuDB\nkiokudb_backend: DBI\nkiokudb_backend_opts: { dsn: 'dbi:Pg:dbname=k', user: u, password: p, create: 0 }",
        "postgres",
        &[("database", "k"), ("username", "u"), ("password", "***"), ("create", "false")],
    ),
    (
        "session: KiokuDB\nkiokudb_backend: 'KiokuDB::Backend::Files'\nkiokudb_backend_opts: { dir: /k, serializer: YAML, trie: 1 }",
        "file",
        &[("path", "/k"), ("format", "yaml")],
    ),
    (
        "session: KiokuDB\nkiokudb_backend: Hash\nkiokudb_backend_opts: { create: 1, serializer: storable }",
        "memory",
        &[],
    ),
    ("session: KiokuDB\nengines: { session: { KiokuDB: { kiokudb_backend: Memory } } }", "memory", &[]),
];

async fn every_name_and_every_foreign_key_is_understood() {
    for (text, engine, settings) in CHOICES {
        let config = load(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value(&config, "session.engine"), *engine, "{text}");
        for (key, expected) in *settings {
            assert_eq!(
                value(&config, &format!("engines.session.{engine}.{key}")),
                *expected,
                "{text}: {key}"
            );
        }
        assert_eq!(config.store().unwrap().engine(), *engine, "{text}");
    }
}

#[cfg(feature = "object-fs")]
async fn a_service_under_kiokudb_has_its_options() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("objects");
    let root = root.to_str().unwrap();
    let options = format!("kiokudb_backend_opts: {{ root: '{root}', create: 1 }}");
    for text in [
        format!(
            "session: KiokuDB\nkiokudb_backend: Fs\n{options}\nengines: {{ session: {{ KiokuDB: {{ last_writer_wins: 1 }} }} }}\n"
        ),
        format!(
            "session: KiokuDB\nengines:\n  session:\n    KiokuDB:\n      kiokudb_backend: KiokuDB::Backend::FS\n      {options}\n      \
            last_writer_wins: true\n"
        ),
    ] {
        let config = load_in(folder.path(), &text).unwrap_or_else(|error| panic!("{text}{error}"));
        let key = |name: &str| value(&config, &format!("engines.session.object.{name}"));
        assert_eq!((key("backend"), key("create")), ("fs".into(), "true".into()), "{text}");
        assert_eq!(key("options"), format!("{{root: {root}}}"), "{text}");
        assert_eq!(config.store().unwrap().engine(), "object", "{text}");
        let unknown = text.replace("root:", "rot:");
        let told = load_in(folder.path(), &unknown).and_then(|config| config.store()).map(drop).unwrap_err();
        assert!(told.to_string().contains("config.yml:"), "{told}");
    }
}

/// A configuration, and what is said of it.
const REFUSED: &[(&str, &str)] = &[
    ("session: DBI\n", "session.engine: needs `dsn`"),
    (
        "session: DBI\nsession_options: { dsn: 'dbi:Oracle:x' }\n",
        "session_options.dsn: has a driver without an engine",
    ),
    ("session: DBI\nsession_options: { dsn: 'Pg:x' }\n", "session_options.dsn: must look like"),
    (
        "session: DBI\nsession_options: { dsn: 'dbi:Pg:dbname=x', tabel: x }\n",
        "config.yml:2: session_options.tabel: there is no such key; did you mean `table`?",
    ),
    (
        "session: DBI\nsession_options: { dsn: 'dbi:mysql:app', tabel: x }\n",
        "config.yml:2: session_options.tabel: there is no such key; did you mean `table`?",
    ),
    (
        "session: DBI\nsession_options: { dsn: 'dbi:SQLite:x', tabel: x }\n",
        "config.yml:2: session_options.tabel: there is no such key",
    ),
    (
        "session: KiokuDB\nkiokudb_backend: DBI\nkiokudb_backend_opts: { dsn: 'dbi:Pg:dbname=x', tabel: x }\n",
        "config.yml:3: kiokudb_backend_opts.tabel: there is no such key; did you mean `table`?",
    ),
    (
        "session: DBI\nsession_options: { dsn: 'dbi:Pg:service=x' }\n",
        "session_options.dsn: has a part without a counterpart",
    ),
    // The last part of a name with dots is not taken for the name.
    (
        "session: Redis\nredis_session:\n  'x.server': h\n",
        "config.yml:3: redis_session.x.server: is one name with dots",
    ),
    (
        "session: DBI\nsession_options:\n  'x.dsn': 'dbi:SQLite:x'\n",
        "config.yml:3: session_options.x.dsn: is one name with dots",
    ),
    (
        "session: KiokuDB\nkiokudb_backend: Files\nkiokudb_backend_opts:\n  'x.dir': k\n",
        "config.yml:4: kiokudb_backend_opts.x.dir: is one name with dots",
    ),
    (
        "session: Redis\nengines:\n  session:\n    Redis:\n      'x.prefix': p\n",
        "config.yml:5: engines.session.redis.x.prefix: is one name with dots",
    ),
    ("session: Redis\nengines: { session: { Redis: { redis_key: x } } }\n", "redis_key: must end in `%s`"),
    ("session: Redis\nredis_session: { host: x }\n", "redis_session.host: there is no such key"),
    ("session: Redis\nredis_session: host\n", "redis_session: must be a table of keys"),
    ("session: MongoDB\nmongodb_password: x\n", "mongodb_password: has no counterpart: put it into"),
    ("session: Redis\nengines: { session: { Redis: { redis_sever: x } } }\n", "did you mean `redis_server`?"),
    (
        "session: KiokuDB\nkiokudb_backend: Files\nkiokudb_backend_opts: { x: 1 }\n",
        "kiokudb_backend_opts.x: has no counterpart",
    ),
    (
        "session: Memcached\nengines: { session: { Memcached: { memcached_servers: a, servers: b } } }\n",
        "memcached_servers: says what `engines.session.memcached.servers` at",
    ),
    (
        "session: Redis\nengines: { session: { Redis: { redis_server: a, nodes: b } } }\n",
        "redis_server: says what `engines.session.redis.nodes` at",
    ),
    (
        "session: YAML\nengines: { session: { YAML: { session_dir: a, path: b } } }\n",
        "session_dir: says what `engines.session.yaml.path` at",
    ),
    (
        "session: YAML\nengines: { session: { YAML: { format: json } } }\n",
        "session.engine: says what `engines.session.yaml.format` at",
    ),
    (
        "session: KiokuDB\nkiokudb_backend: Hash\nkiokudb_backend_opts: { dir: x }\n",
        "kiokudb_backend_opts.dir: has no counterpart in the engine `memory`",
    ),
    (
        "session: KiokuDB\nkiokudb_backend: Files\nkiokudb_backend_opts: { serializer: storable }\n",
        "kiokudb_backend_opts.serializer: is the form of the files: json, yaml",
    ),
    (
        "session: KiokuDB\nkiokudb_backend: DBI\nkiokudb_backend_opts: { dsn: 'dbi:SQLite:x', serializer: yaml }\n",
        "kiokudb_backend_opts.serializer: is `session.serializer` here",
    ),
    (
        "session: KiokuDB\nkiokudb_backend: DBI\nkiokudb_backend_opts: { dsn: 'dbi:SQLite:x', extract: 1 }\n",
        "kiokudb_backend_opts.extract: there is no such key",
    ),
];

async fn what_has_no_counterpart_is_refused() {
    for (text, expected) in REFUSED {
        let error = load(text).map(drop).expect_err(text).to_string();
        assert!(error.contains(expected) && error.contains("config.yml:"), "{text}{error}");
    }
}
