//! Engines chosen in a file, under our names and those of Dancer.

use std::path::Path;

use dancecard::config::{Config, Loader, engines};
use dancecard::{ErrorKind, Result, Store};

trials! {
    every_name_and_every_foreign_key_is_understood,
    opening_asks_nothing,
    a_sealed_cookie_needs_a_good_key_and_may_have_a_registry,
    what_has_no_counterpart_is_refused,
    what_the_client_carries_is_not_cached,
}

const KEY: &str = "q83vEjRWeJq83vEjRWeJqxI0VniavN7_EjRWeJq83vE=";

fn load_in(folder: &Path, text: &str) -> Result<Config> {
    let file = folder.join("config.yml");
    std::fs::write(&file, text).unwrap();
    Loader::new(file).with_variables([("A", "b")]).load(&engines())
}

fn load(text: &str) -> Result<Config> {
    load_in(tempfile::tempdir().unwrap().path(), text)
}

/// What it prints for a key.
fn value(config: &Config, key: &str) -> String {
    let text = config.to_string();
    let line = text.lines().find(|line| line.split(" = ").next().unwrap().trim() == key);
    let line = line.unwrap_or_else(|| panic!("no {key} in:\n{text}"));
    line.split_once(" = ").unwrap().1.rsplit_once("  (").unwrap().0.trim().to_owned()
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
        "session: MongoDB\nmongodb_session_db: d\nmongodb_host: 'mongodb://u:p@h'",
        "mongodb",
        &[("database", "d"), ("uri", "mongodb://***@h")],
    ),
    ("session: KiokuDB", if cfg!(feature = "object") { "object" } else { "memory" }, &[]),
    (
        "session: KiokuDB\nkiokudb_backend: Files\nkiokudb_backend_opts: { dir: /k, create: 1 }",
        "file",
        &[("path", "/k"), ("create", "true")],
    ),
    (
        "session: KiokuDB\nkiokudb_backend: DBI\nkiokudb_backend_opts: { dsn: 'dbi:SQLite:k.db', create: 1 }",
        "sqlite",
        &[("path", "k.db")],
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

async fn opening_asks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let nowhere = nowhere.display();
    let engines = [
        format!("sqlite:{nowhere}/s.db"),
        format!("file:{nowhere}/sessions"),
        "redis://127.0.0.1:1".to_owned(),
        "postgres://127.0.0.1:1/x".to_owned(),
        "mysql://127.0.0.1:1/x".to_owned(),
        "memcached://127.0.0.1:1".to_owned(),
    ];
    for engine in engines {
        let config = load_in(folder.path(), &format!("session: '{engine}'")).unwrap();
        assert!(config.http().is_ok(), "{engine}");
    }
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["config.yml"]);
}

async fn a_sealed_cookie_needs_a_good_key_and_may_have_a_registry() {
    let cookie = |settings: &str| {
        load(&format!("session: Cookie\nengines: {{ session: {{ Cookie: {{ {settings} }} }} }}"))
    };
    for weak in [
        "",
        "secret_key: changeme",
        "keys: ['0000000000000000000000000000000000000000000000000000000000000000']",
    ] {
        let error = cookie(weak).unwrap().manager().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let text = error.to_string();
        assert!(text.contains("config.yml:") && text.contains("key"), "{text}");
        assert!(!text.contains("changeme"), "{text}");
    }
    let alone = cookie(&format!("secret_key: {KEY}, application: shop")).unwrap();
    assert!(alone.manager().unwrap().capabilities().client_keeps);
    assert!(!format!("{alone} {alone:?}").contains("q83v"), "{alone}");
    let held = cookie(&format!("keys: [{KEY}], registry: memory")).unwrap();
    assert!(!held.manager().unwrap().capabilities().client_keeps);
    let held = load(&format!("session: 'cookie:?keys={KEY}&registry=memory'")).unwrap();
    assert!(!held.manager().unwrap().capabilities().client_keeps);
    let unknown = cookie(&format!("keys: [{KEY}], registry: attic")).unwrap().manager().unwrap_err();
    assert!(unknown.to_string().contains("there is no such engine"), "{unknown}");
}

async fn what_has_no_counterpart_is_refused() {
    let cases = [
        ("session: DBI\n", "session.engine: needs `dsn`"),
        (
            "session: DBI\nsession_options: { dsn: 'dbi:Oracle:x' }\n",
            "session_options.dsn: has a driver without an engine",
        ),
        ("session: DBI\nsession_options: { dsn: 'Pg:x' }\n", "session_options.dsn: must look like"),
        (
            "session: DBI\nsession_options: { dsn: 'dbi:Pg:service=x' }\n",
            "session_options.dsn: has a part without a counterpart",
        ),
        (
            "session: Redis\nengines: { session: { Redis: { redis_key: x } } }\n",
            "redis_key: must end in `%s`",
        ),
        ("session: Redis\nredis_session: { host: x }\n", "redis_session.host: there is no such key"),
        ("session: Redis\nredis_session: host\n", "redis_session: must be a table of keys"),
        ("session: MongoDB\nmongodb_password: x\n", "mongodb_password: has no counterpart: put it into"),
        (
            "session: Redis\nengines: { session: { Redis: { redis_sever: x } } }\n",
            "did you mean `redis_server`?",
        ),
        (
            "session: KiokuDB\nkiokudb_backend: Files\nkiokudb_backend_opts: { x: 1 }\n",
            "kiokudb_backend_opts.x: has no counterpart",
        ),
        (
            "session: Cookie\nengines: { session: { Cookie: { default_duration: 1d } } }\n",
            "default_duration: is `session.absolute` here",
        ),
    ];
    for (text, expected) in cases {
        let error = load(text).map(drop).expect_err(text).to_string();
        assert!(error.contains(expected) && error.contains("config.yml:"), "{text}{error}");
    }
}

/// A near cache keeps what a server has.
async fn what_the_client_carries_is_not_cached() {
    let text =
        format!("session:\n  engine: 'cookie:?keys={}'\n  near_cache: true\n", KEY.replace('=', "%3D"));
    let error = load(&text).unwrap().store().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let told = error.to_string();
    assert!(told.contains("config.yml:3") && told.contains("session.near_cache"), "{told}");
}
