//! Settings, however they are given. None of it needs a server.

use std::time::Duration;

use dancecard_core::{ErrorKind, Store};
use dancecard_store_postgres::{Config, PostgresStore, SynchronousCommit};
use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    let tests: [(&str, fn()); 8] = [
        ("code_url_and_file_say_the_same", code_url_and_file_say_the_same),
        ("everything_is_optional_and_nothing_is_ignored", everything_is_optional_and_nothing_is_ignored),
        ("urls_are_taken_apart", urls_are_taken_apart),
        ("what_makes_no_sense_is_refused_by_name", what_makes_no_sense_is_refused_by_name),
        ("settings_out_of_bounds_are_refused", settings_out_of_bounds_are_refused),
        ("hostile_names_are_refused", hostile_names_are_refused),
        ("nothing_shows_the_password", nothing_shows_the_password),
        ("connecting_does_nothing_yet", connecting_does_nothing_yet),
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(format!("config::{name}"), move || {
            test();
            Ok(())
        })
    };
    tests.into_iter().map(trial).collect()
}

fn everything() -> Config {
    Config::new("a,b:5433")
        .with_port(5431)
        .with_credentials("ann", "p@ss/word")
        .with_database("shop")
        .with_tls(true)
        .with_tls_ca("ca.pem")
        .with_tls_identity("own.pem", "key.pem")
        .with_schema("web")
        .with_table("Sessions")
        .with_create(false)
        .with_unlogged(true)
        .with_synchronous_commit(SynchronousCommit::RemoteWrite)
        .with_prepare(true)
        .with_readers(3)
        .with_writers(5)
        .with_timeout(Duration::from_millis(250))
        .with_connect_timeout(Duration::from_millis(150))
        .with_max_payload(30)
}

fn code_url_and_file_say_the_same() {
    let url = "postgres://ann:p%40ss%2Fword@a,b:5433/shop?port=5431&tls=true&tls_ca=ca.pem&tls_certificate=own.pem\
               &tls_key=key.pem&schema=web&table=Sessions&create=false&unlogged=true&prepare=true\
               &synchronous_commit=remote_write&readers=3&writers=5&timeout_ms=250&connect_timeout_ms=150\
               &max_payload=30";
    assert_eq!(Config::from_url(url).unwrap(), everything());
    let json = serde_json::to_value(everything()).unwrap();
    assert_eq!(serde_json::from_value::<Config>(json.clone()).unwrap(), everything());
    let in_front = ["host", "username", "password", "database"];
    let url_names = url.split(['?', '&']).skip(1).map(|pair| pair.split('=').next().unwrap());
    let mut names: Vec<_> = url_names.chain(in_front).collect();
    let mut fields: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    fields.sort_unstable();
    assert_eq!(names, fields);
}

fn everything_is_optional_and_nothing_is_ignored() {
    assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
    for url in ["postgres:", "postgres://", "postgresql://localhost", "postgres://localhost/?port=5432"] {
        assert_eq!(Config::from_url(url).unwrap(), Config::default(), "{url}");
    }
    assert!(serde_json::from_str::<Config>(r#"{"hots": "a"}"#).is_err());
    assert!(serde_json::from_str::<Config>(r#"{"synchronous_commit": "never"}"#).is_err());
}

fn urls_are_taken_apart() {
    let read = |url| Config::from_url(url).unwrap();
    assert_eq!(read("postgres://%2Frun%2Fpostgresql:5433/shop").host, "/run/postgresql:5433");
    assert_eq!(read("postgres:///shop?host=/run/postgresql").host, "/run/postgresql");
    assert_eq!(read("postgres://[::1]:5433").host, "[::1]:5433");
    assert_eq!(read("postgres://ann@h").username.as_deref(), Some("ann"));
    assert_eq!(read("postgres://ann@h").password, None);
    assert_eq!(read("postgres://a:b@c@h").password.as_deref(), Some("b@c"));
    assert_eq!(read("postgres://h?sslmode=require").tls, Some(true));
    assert_eq!(read("postgres://h?sslmode=disable").tls, Some(false));
    assert_eq!(read("postgres://h?sslrootcert=ca.pem"), read("postgres://h?tls_ca=ca.pem"));
}

fn what_makes_no_sense_is_refused_by_name() {
    let cases = [
        ("mysql://a", "postgres://"),
        ("postgres://%2@a", "user"),
        ("postgres://u:%ff@a", "password"),
        ("postgres://a/%zz", "database"),
        ("postgres://a?tabel=x", "`table`"),
        ("postgres://a?sslmode=prefer", "sslmode"),
        ("postgres://a?tls=yes", "tls"),
        ("postgres://a?readers=-1", "readers"),
        ("postgres://a?synchronous_commit=always", "`remote_apply`"),
    ];
    for (url, named) in cases {
        let error = Config::from_url(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(named), "{url}: {error}");
    }
}

#[track_caller]
fn assert_refused(config: Config, named: &str) {
    let error = PostgresStore::connect(config.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{named}");
    assert!(error.to_string().contains(named), "{named}: {error}");
    assert_eq!(config.schema_sql().unwrap_err().kind(), ErrorKind::Config);
}

fn settings_out_of_bounds_are_refused() {
    let config = Config::default;
    let mut halved = config();
    halved.tls_key = Some("key.pem".into());
    let cases = [
        (Config::new(""), "host"),
        (Config::new("a,,b"), "host"),
        (Config::new("a:port"), "host"),
        (halved, "tls_certificate"),
        (config().with_prepare(false).with_synchronous_commit(SynchronousCommit::Off), "synchronous_commit"),
        (config().with_readers(0), "readers"),
        (config().with_readers(257), "readers"),
        (config().with_writers(0), "writers"),
        (config().with_timeout(Duration::ZERO), "timeout_ms"),
        (config().with_timeout(Duration::MAX), "timeout_ms"),
        (config().with_connect_timeout(Duration::ZERO), "connect_timeout_ms"),
        (config().with_max_payload(usize::MAX), "max_payload"),
    ];
    for (config, named) in cases {
        assert_refused(config, named);
    }
}

fn hostile_names_are_refused() {
    let long = "x".repeat(49);
    let names = [
        "",
        "a b",
        "a\"b",
        "a'; DROP TABLE users; --",
        "a.b",
        "1a",
        "ä",
        "a\0",
        "a$step$",
        "a{table}",
        &long,
    ];
    for name in names {
        assert_refused(Config::default().with_table(name), "table");
        assert_refused(Config::default().with_schema(name), "schema");
    }
    PostgresStore::connect(Config::default().with_table("x".repeat(48))).unwrap();
}

fn nothing_shows_the_password() {
    let config = Config::from_url("postgres://canary-user:canary-4711@h").unwrap();
    let shown = format!("{config:?} {:?}", PostgresStore::connect(config.clone()).unwrap());
    assert!(!shown.contains("canary"), "{shown}");
    let unreadable = Config::from_url("postgres://u:canary-4711%@h").unwrap_err();
    assert!(!format!("{unreadable} {unreadable:?}").contains("canary"));
}

/// Not even a runtime is needed to set it up; to use it one is.
fn connecting_does_nothing_yet() {
    let store = PostgresStore::from_url("postgres://nowhere.invalid/shop?tls_ca=missing.pem").unwrap();
    assert_eq!((store.engine(), store.capabilities().durable), ("postgres", true));
    let mut load = Box::pin(async { store.health().await });
    let polled = load.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    let std::task::Poll::Ready(Err(error)) = polled else { panic!("no answer") };
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("runtime"), "{error}");
}
