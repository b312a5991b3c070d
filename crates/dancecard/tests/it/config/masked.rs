//! Nothing secret is printed, wherever in a configuration it stands.

use dancecard::config::{Loader, engines};

use super::{KEY, load};

trials! {
    no_secret_is_printed,
    no_secret_of_a_variable_is_printed,
}

/// In each secret.
const HIDDEN: &str = "hidden";

/// A configuration of each engine for each form that a secret takes there.
const SECRETS: &[&str] = &[
    "session: 'redis://:hidden@db:6379/0'",
    "session: 'redis://user:hidden@db:6379/0'",
    "session: redis\nengines: { session: { redis: { nodes: ['db:6379'], password: hidden } } }",
    "session: redis\nengines: { session: { redis: { nodes: ['db:6379'], topology: sentinel, service: s, sentinel_password: hidden } } }",
    "session: 'redis-sentinel://:hidden@db:26379/main?sentinel_password=hidden'",
    "session: 'memcached://user:hidden@db:11211'",
    "session: memcached\nengines: { session: { memcached: { servers: ['db:11211'], username: u, password: hidden } } }",
    "session: 'postgres://user:hidden@db/app'",
    "session: postgres\nengines: { session: { postgres: { host: db, username: u, password: hidden } } }",
    "session: 'mysql://user:hidden@db/app'",
    "session: mysql\nengines: { session: { mysql: { host: db, username: u, password: hidden, database: app } } }",
    "session: 'mongodb://user:hidden@db/app'",
    "session: 'mongodb://user:hidden@db/app?authMechanism=PLAIN&authSource=$external'",
    "session: mongodb\nengines: { session: { mongodb: { uri: 'mongodb://user:hidden@db/app' } } }",
    "session: 'object:s3?bucket=b&region=r&access_key_id=i&secret_access_key=hidden'",
    "session: 'object:s3?bucket=b&region=r&access_key_id=i&secret_access_key=s&session_token=hidden'",
    "session: object\nengines: { session: { object: { backend: s3, options: { bucket: b, region: r, access_key_id: i, secret_access_key: hidden } } } }",
    "session: object\nengines: { session: { object: { backend: azblob, options: { container: c, endpoint: 'https://e', account_name: a, account_key: hidden } } } }",
    "session: object\nengines: { session: { object: { backend: azblob, options: { container: c, endpoint: 'https://e', sas_token: hidden } } } }",
    "session: 'mongodb://user:hidden@db/app?authMechanism=GSSAPI&authMechanismProperties=SERVICE_NAME:hidden'",
    "session: MongoDB\nmongodb_host: 'mongodb://user:hidden@db'",
    "session: 'object:azblob?container=c&endpoint=https://e&account_name=a&account_key=hidden'",
    "session: 'object:azblob?container=c&endpoint=https://e&sas_token=hidden'",
    "session: object\nengines: { session: { object: { backend: s3, options: { bucket: b, region: r, access_key_id: i, session_token: hidden } } } }",
    "session: redis\nredis_session: { server: 'db:1', password: hidden }",
    "session: redis\nengines: { session: { redis: { redis_server: 'db:1', redis_password: hidden } } }",
    "session: KiokuDB\nkiokudb_backend: DBI\nkiokudb_backend_opts: { dsn: 'dbi:Pg:dbname=k', user: u, password: hidden }",
    "session: KiokuDB\nkiokudb_backend: S3\nkiokudb_backend_opts: { bucket: b, region: r, access_key_id: i, secret_access_key: hidden }",
    "session: 'cookie:?keys=hidden'",
    "session: DBI\nsession_options: { dsn: 'dbi:Pg:dbname=app;host=db', user: u, password: hidden }",
    "session: DBI\nsession_options: { dsn: 'dbi:mysql:app:db;user=u;password=hidden' }",
    "session: DBI\nengines: { session: { DBI: { dsn: 'dbi:mysql:app:db', dbuser: u, dbpass: hidden } } }",
];

async fn no_secret_is_printed() {
    for text in SECRETS {
        let config = load(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        for shown in [config.to_string(), format!("{config:?}"), format!("{config:#?}")] {
            assert!(!shown.contains(HIDDEN), "{text}\n{shown}");
        }
        assert!(config.to_string().contains("***"), "{text}\n{config}");
    }
    for text in [
        format!("session: 'cookie:?keys={KEY}'"),
        format!("session: cookie\nengines: {{ session: {{ cookie: {{ keys: [{KEY}] }} }} }}"),
        format!("session: cookie\nengines: {{ session: {{ cookie: {{ secret_key: {KEY} }} }} }}"),
        format!("session: cookie\nsession_cookie_key: {KEY}"),
        format!("session: {{ engine: memory, encryption_keys: [{KEY}] }}"),
    ] {
        let config = load(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(!format!("{config} {config:?}").contains(&KEY[..8]), "{text}\n{config}");
        assert!(config.to_string().contains("***"), "{text}\n{config}");
    }
}

async fn no_secret_of_a_variable_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yml");
    std::fs::write(&file, "charset: UTF-8\n").unwrap();
    let cases: &[&[(&str, &str)]] = &[
        &[("DANCECARD_SESSION", "redis://:hidden@db:6379")],
        &[("DANCECARD_SESSION", "mysql://u:hidden@db/app")],
        &[("DANCECARD_SESSION", "postgres"), ("DANCECARD_ENGINES__SESSION__POSTGRES__PASSWORD", HIDDEN)],
        &[
            ("DANCECARD_SESSION", "object"),
            ("DANCECARD_ENGINES__SESSION__OBJECT__BACKEND", "s3"),
            ("DANCECARD_ENGINES__SESSION__OBJECT__OPTIONS__BUCKET", "b"),
            ("DANCECARD_ENGINES__SESSION__OBJECT__OPTIONS__REGION", "r"),
            ("DANCECARD_ENGINES__SESSION__OBJECT__OPTIONS__SECRET_ACCESS_KEY", HIDDEN),
        ],
    ];
    for variables in cases {
        let loader = Loader::new(&file).with_variables(variables.iter().copied());
        let config = loader.load(&engines()).unwrap_or_else(|error| panic!("{variables:?}: {error}"));
        let shown = format!("{config} {config:?}");
        assert!(!shown.contains(HIDDEN) && shown.contains("***"), "{variables:?}\n{shown}");
    }
}
