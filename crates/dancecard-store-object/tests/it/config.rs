//! Settings, however they are given.

use std::time::Duration;

use dancecard_core::{ErrorKind, Store, Support};
use dancecard_store_object::{Config, ObjectStore};

use crate::world::*;

trials![
    code_url_and_file_say_the_same,
    everything_is_optional_and_fields_are_not_mistaken,
    what_makes_no_sense_is_refused_by_name,
    backends_that_can_not_be_are_refused_by_name,
    no_value_of_an_option_is_shown,
    nothing_is_asked_before_the_first_operation,
    memory_says_what_it_can_do,
];

fn everything() -> Config {
    Config::new("memory")
        .with_option("root", "/a b")
        .with_prefix("shop/sessions")
        .with_create(false)
        .with_last_writer_wins(true)
        .with_timeout(Duration::from_millis(250))
        .with_concurrency(3)
        .with_max_payload(30)
}

async fn code_url_and_file_say_the_same() {
    let url = "object:memory?root=/a%20b&prefix=shop/sessions&create=false&last_writer_wins=true&timeout_ms=250\
               &concurrency=3&max_payload=30";
    assert_eq!(Config::from_url(url).unwrap(), everything());
    let json = serde_json::to_value(everything()).unwrap();
    assert_eq!(serde_json::from_value::<Config>(json.clone()).unwrap(), everything());
    assert_eq!(json.as_object().unwrap().len(), 8);
    assert_eq!(
        Config::from_url("object://S3/?bucket=b").unwrap(),
        Config::new("S3").with_option("bucket", "b")
    );
}

async fn everything_is_optional_and_fields_are_not_mistaken() {
    assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
    assert_eq!(Config::from_url("object:").unwrap(), Config::default());
    assert!(serde_json::from_str::<Config>(r#"{"bucket": "a"}"#).is_err());
    let config: Config = serde_json::from_str(r#"{"backend": "s3", "options": {"bucket": "a"}}"#).unwrap();
    assert_eq!(config, Config::new("s3").with_option("bucket", "a"));
}

async fn what_makes_no_sense_is_refused_by_name() {
    let memory = || Config::new("memory");
    let cases = [
        (Config::from_url("s3:bucket"), "object:"),
        (Config::from_url("object:s3?create=yes"), "create"),
        (Config::from_url("object:s3?timeout_ms=soon"), "timeout_ms"),
        (Ok(memory().with_timeout(Duration::ZERO)), "timeout_ms"),
        (Ok(memory().with_timeout(Duration::MAX)), "timeout_ms"),
        (Ok(memory().with_concurrency(0)), "concurrency"),
        (Ok(memory().with_max_payload(usize::MAX)), "max_payload"),
        (Ok(memory().with_prefix("/a")), "prefix"),
        (Ok(memory().with_prefix("a//b")), "prefix"),
        (Ok(memory().with_prefix("a/../b")), "prefix"),
    ];
    for (config, named) in cases {
        let error = config.and_then(ObjectStore::connect).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{named}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

async fn backends_that_can_not_be_are_refused_by_name() {
    let cases = [
        ("object:redis?endpoint=redis://localhost", "use the engine `redis`"),
        ("object:memcached", "use the engine `memcached`"),
        ("object:gridfs", "use the engine `mongodb`"),
        ("object:postgresql", "use the engine `postgres`"),
        ("object:mysql", "use the engine `mysql`"),
        ("object:sqlite", "use the engine `sqlite`"),
        ("object:floppy", "cargo feature `services-floppy`"),
        ("object:memory?rot=/a", "did you mean `root`"),
        ("object:memory?timeout=5", "did you mean `timeout_ms`"),
        #[cfg(feature = "s3")]
        ("object:s3?bukcet=b", "did you mean `bucket`"),
        #[cfg(feature = "fs")]
        ("object:fs?root=/tmp", "use the engine `file`"),
        #[cfg(feature = "fs")]
        ("object:fs?last_writer_wins=true", "root"),
        #[cfg(feature = "s3")]
        ("object:s3?region=r", "its options"),
    ];
    for (url, remedy) in cases {
        let error = ObjectStore::from_url(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(remedy), "{url}: {error}");
    }
}

async fn no_value_of_an_option_is_shown() {
    let config = Config::new("memory").with_option("root", SECRET);
    let store = ObjectStore::connect(config.clone()).unwrap();
    let shown = format!("{config:?} {config:#?} {store:?} {store:#?}");
    assert!(shown.contains("root") && !shown.contains(SECRET), "{shown}");
    let refused = ObjectStore::connect(config.with_option("secret", SECRET)).unwrap_err();
    assert_is(&refused, ErrorKind::Config, dancecard_core::Retry::Never);
}

async fn nothing_is_asked_before_the_first_operation() {
    let store = memory();
    assert!(store.capabilities().list.is_supported());
    store.health().await.unwrap();
    assert_eq!(payload(&store, "a").await, None);
    // Where there is nothing yet, and nothing is to be made.
    let store = ObjectStore::connect(Config::new("memory").with_create(false)).unwrap();
    let error = store.load(&key("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("`create` is off"), "{error}");
}

async fn memory_says_what_it_can_do() {
    let can = memory().capabilities();
    assert_eq!((can.conditional_write, can.list), (Support::Emulated, Support::Emulated));
    assert_eq!((can.touch, can.durable, can.shared), (Support::None, false, false));
}
