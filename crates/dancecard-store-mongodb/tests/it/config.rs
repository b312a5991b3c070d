//! Settings, however they are given. None of it needs a server.

use std::time::Duration;

use dancecard_core::{ErrorKind, Store};
use dancecard_store_mongodb::{Config, MongodbStore, ReadConcern, WriteConcern};
use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    let tests: [(&str, fn()); 7] = [
        ("code_url_and_file_say_the_same", code_url_and_file_say_the_same),
        ("everything_is_optional_and_nothing_is_ignored", everything_is_optional_and_nothing_is_ignored),
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
    Config::new("mongodb://a,b:27018/shop?replicaSet=rs&maxPoolSize=7")
        .with_database("shop")
        .with_collection("cards")
        .with_create_indexes(false)
        .with_write_concern(WriteConcern::Members(2))
        .with_journal(false)
        .with_read_concern(ReadConcern::Linearizable)
        .with_transactions(false)
        .with_timeout(Duration::from_millis(250))
        .with_expiry_slack(Duration::from_secs(90))
        .with_max_payload(30)
}

fn code_url_and_file_say_the_same() {
    let url = "mongodb://a,b:27018/shop?replicaSet=rs&collection=cards&create_indexes=false&write_concern=2\
               &journal=false&read_concern=linearizable&maxPoolSize=7&transactions=false&timeout_ms=250\
               &expiry_slack_ms=90000&max_payload=30";
    assert_eq!(Config::from_url(url).unwrap(), everything());
    let mut secret = everything();
    secret.uri = "mongodb://user:canary@a,b:27018/shop?tlsCAFile=canary".into();
    let json = serde_json::to_value(secret).unwrap();
    let uri = json["uri"].as_str().unwrap();
    assert!(uri.contains("a,b:27018") && !uri.contains("canary"), "{uri}");
    let mut read = serde_json::from_value::<Config>(json.clone()).unwrap();
    read.uri = everything().uri;
    assert_eq!(read, everything());
    assert_eq!(json.as_object().unwrap().len(), 11);
}

fn everything_is_optional_and_nothing_is_ignored() {
    assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
    assert!(serde_json::from_str::<Config>(r#"{"collektion": "a"}"#).is_err());
    assert!(serde_json::from_str::<Config>(r#"{"write_concern": "all"}"#).is_err());
    let two: Config = serde_json::from_str(r#"{"write_concern": 2, "uri": "mongodb://h"}"#).unwrap();
    assert_eq!((two.write_concern, two.uri.as_str()), (WriteConcern::Members(2), "mongodb://h"));
}

fn what_makes_no_sense_is_refused_by_name() {
    let cases = [
        ("mysql://a", "mongodb:"),
        ("mongodb://a?colection=x", "`collection`"),
        ("mongodb://a?w=2", "write_concern"),
        ("mongodb://a?journal=yes", "journal"),
        ("mongodb://a?write_concern=all", "write_concern"),
        ("mongodb://a?read_concern=snapshot", "`linearizable`"),
        ("mongodb://a?timeout_ms=-1", "timeout_ms"),
    ];
    for (url, named) in cases {
        let error = Config::from_url(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(named), "{url}: {error}");
    }
}

#[track_caller]
fn assert_refused(config: Config, named: &str) {
    let error = MongodbStore::connect(config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{named}");
    assert!(error.to_string().contains(named), "{named}: {error}");
}

fn settings_out_of_bounds_are_refused() {
    let config = Config::default;
    let unsure =
        config().with_write_concern(WriteConcern::Members(1)).with_read_concern(ReadConcern::Majority);
    let cases = [
        (Config::new(""), "uri"),
        (Config::new("mongodb://"), "uri"),
        (Config::new("mongodb://a:port"), "uri"),
        (Config::new("mongodb://u:p@ss/word@h"), "uri"),
        (Config::new("postgres://h"), "uri"),
        (config().with_timeout(Duration::ZERO), "timeout_ms"),
        (config().with_timeout(Duration::MAX), "timeout_ms"),
        (config().with_expiry_slack(Duration::MAX), "expiry_slack_ms"),
        (config().with_max_payload(usize::MAX), "max_payload"),
        (unsure, "read_concern"),
    ];
    for (config, named) in cases {
        assert_refused(config, named);
    }
}

fn hostile_names_are_refused() {
    let long = "x".repeat(121);
    for name in ["", "a b", "a.b", "a/b", "a\\b", "a\"b", "a$b", "a\0", "a*b", &long] {
        assert_refused(Config::default().with_database(name), "database");
    }
    for name in ["", "a$b", "$cmd", "a\0", "system.users", &long] {
        assert_refused(Config::default().with_collection(name), "collection");
    }
    MongodbStore::connect(Config::default().with_collection("shop.sessions")).unwrap();
}

fn nothing_shows_the_password() {
    let url = "mongodb://canary-user:canary-4711@h/?tlsCertificateKeyFilePassword=canary";
    let config = Config::from_url(url).unwrap();
    let store =
        MongodbStore::connect(Config::from_url("mongodb://canary-user:canary-4711@h").unwrap()).unwrap();
    let shown = format!("{config:?} {store:?}");
    assert!(!shown.contains("canary"), "{shown}");
    let unreadable = MongodbStore::from_url("mongodb://u:canary-4711%@h").unwrap_err();
    assert!(!format!("{unreadable} {unreadable:?}").contains("canary"));
}

/// Not even a runtime is needed to set it up; to use it one is.
fn connecting_does_nothing_yet() {
    let store =
        MongodbStore::from_url("mongodb://nowhere.invalid/shop?tls=true&tlsCAFile=missing.pem").unwrap();
    assert_eq!((store.engine(), store.capabilities().durable), ("mongodb", true));
    let mut load = Box::pin(async { store.health().await });
    let polled = load.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    let std::task::Poll::Ready(Err(error)) = polled else { panic!("no answer") };
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("runtime"), "{error}");
}
