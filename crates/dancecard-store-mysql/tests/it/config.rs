//! Settings, however they are given. None of it needs a server.

use std::time::Duration;

use dancecard_core::{ErrorKind, Store};
use dancecard_store_mysql::{Config, MysqlStore};
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
    Config::new("a,b:3307")
        .with_port(3305)
        .with_credentials("ann", "p@ss/word")
        .with_database("shop")
        .with_tls(true)
        .with_tls_ca("ca.pem")
        .with_tls_identity("own.pem", "key.pem")
        .with_table("Sessions")
        .with_create(false)
        .with_connections(3)
        .with_timeout(Duration::from_millis(250))
        .with_connect_timeout(Duration::from_millis(150))
        .with_max_payload(30)
}

fn code_url_and_file_say_the_same() {
    let url = "mysql://ann:p%40ss%2Fword@a,b:3307/shop?port=3305&tls=true&tls_ca=ca.pem&tls_certificate=own.pem\
               &tls_key=key.pem&table=Sessions&create=false&connections=3&timeout_ms=250&connect_timeout_ms=150\
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
    for url in ["mysql:", "mysql://", "mariadb://localhost", "mysql://localhost/dancecard?port=3306"] {
        assert_eq!(Config::from_url(url).unwrap(), Config::default(), "{url}");
    }
    assert!(serde_json::from_str::<Config>(r#"{"hots": "a"}"#).is_err());
}

fn urls_are_taken_apart() {
    let read = |url| Config::from_url(url).unwrap();
    assert_eq!(read("mysql://%2Frun%2Fmysqld%2Fmysqld.sock/shop").host, "/run/mysqld/mysqld.sock");
    assert_eq!(read("mysql:///shop?host=/run/mysqld.sock").host, "/run/mysqld.sock");
    assert_eq!(read("mysql://[::1]:3307").host, "[::1]:3307");
    assert_eq!(read("mysql://ann@h").username.as_deref(), Some("ann"));
    assert_eq!(read("mysql://ann@h").password, None);
    assert_eq!(read("mysql://a:b@c@h").password.as_deref(), Some("b@c"));
    assert_eq!(read("mysql://h?ssl-mode=required").tls, Some(true));
    assert_eq!(read("mysql://h?ssl-mode=disabled").tls, Some(false));
    assert_eq!(read("mysql://h?ssl-ca=ca.pem"), read("mysql://h?tls_ca=ca.pem"));
}

fn what_makes_no_sense_is_refused_by_name() {
    let cases = [
        ("postgres://a", "mysql://"),
        ("mysql://%2@a", "user"),
        ("mysql://u:%ff@a", "password"),
        ("mysql://a/%zz", "database"),
        ("mysql://a?tabel=x", "`table`"),
        ("mysql://a?ssl-mode=preferred", "ssl-mode"),
        ("mysql://a?tls=yes", "tls"),
        ("mysql://a?connections=-1", "connections"),
    ];
    for (url, named) in cases {
        let error = Config::from_url(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(named), "{url}: {error}");
    }
}

#[track_caller]
fn assert_refused(config: Config, named: &str) {
    let error = MysqlStore::connect(config.clone()).unwrap_err();
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
        (config().with_connections(0), "connections"),
        (config().with_connections(257), "connections"),
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
    let long = "x".repeat(65);
    let names = ["", "a b", "a`b", "a'; DROP TABLE users; --", "a.b", "1a", "ä", "a\0", "a{table}", &long];
    for name in names {
        assert_refused(Config::default().with_table(name), "table");
        assert_refused(Config::default().with_database(name), "database");
    }
    MysqlStore::connect(Config::default().with_table("x".repeat(64))).unwrap();
}

fn nothing_shows_the_password() {
    let config = Config::from_url("mysql://canary-user:canary-4711@h").unwrap();
    let shown = format!("{config:?} {:?}", MysqlStore::connect(config.clone()).unwrap());
    assert!(!shown.contains("canary"), "{shown}");
    let unreadable = Config::from_url("mysql://u:canary-4711%@h").unwrap_err();
    assert!(!format!("{unreadable} {unreadable:?}").contains("canary"));
}

/// Not even a runtime is needed to set it up; to use it one is.
fn connecting_does_nothing_yet() {
    let store = MysqlStore::from_url("mysql://nowhere.invalid/shop?tls_ca=missing.pem").unwrap();
    assert_eq!((store.engine(), store.capabilities().durable), ("mysql", true));
    let mut load = Box::pin(async { store.health().await });
    let polled = load.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    let std::task::Poll::Ready(Err(error)) = polled else { panic!("no answer") };
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("runtime"), "{error}");
}
