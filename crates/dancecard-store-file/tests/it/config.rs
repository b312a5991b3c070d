//! Settings, however they are given.

use std::path::Path;
use std::time::Duration;

use dancecard_core::{ErrorKind, Store};
use dancecard_store_file::{Config, FileStore, Format, Synchronous};

use crate::fixture::*;

fn everything() -> Config {
    Config::new("dir/a b")
        .with_format(Format::Yaml)
        .with_synchronous(Synchronous::Normal)
        .with_create(false)
        .with_touch(false)
        .with_lock_timeout(Duration::from_millis(250))
        .with_writers(3)
        .with_readers(5)
        .with_queue(10)
        .with_max_payload(30)
}

#[test]
fn code_url_and_file_say_the_same() {
    let url = "file:dir/a%20b?format=yaml&synchronous=normal&create=false&touch=false&lock_timeout_ms=250&writers=3\
               &readers=5&queue=10&max_payload=30";
    assert_eq!(Config::from_url(url).unwrap(), everything());
    let json = serde_json::to_value(everything()).unwrap();
    assert_eq!(serde_json::from_value::<Config>(json.clone()).unwrap(), everything());
    let url_names: Vec<_> =
        url.split(['?', '&']).skip(1).map(|pair| pair.split('=').next().unwrap()).collect();
    let fields: Vec<_> = json.as_object().unwrap().keys().filter(|name| *name != "path").collect();
    assert_eq!(url_names.len(), fields.len());
    assert!(fields.iter().all(|field| url_names.contains(&field.as_str())), "{fields:?}");
}

#[test]
fn everything_is_optional_and_nothing_is_ignored() {
    assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
    assert_eq!(Config::from_url("file:sessions").unwrap(), Config::default());
    assert!(serde_json::from_str::<Config>(r#"{"pathh": "a"}"#).is_err());
    assert!(serde_json::from_str::<Config>(r#"{"format": "xml"}"#).is_err());
}

#[test]
fn paths_in_urls() {
    let cases = [
        ("file:a", "a"),
        ("file://a", "a"),
        ("file:///var/a", "/var/a"),
        ("file:/var/a", "/var/a"),
        ("FILE:what%3F%25?", "what?%"),
        ("file:ä", "ä"),
    ];
    for (url, path) in cases {
        assert_eq!(Config::from_url(url).unwrap().path, Path::new(path), "{url}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let cases = [
        ("sqlite:a", "file:"),
        ("file:a%2", "path"),
        ("file:a%ff", "path"),
        ("file:a?formt=yaml", "`format`"),
        ("file:a?format=xml", "`yaml`"),
        ("file:a?writers=two", "writers"),
        ("file:a?create=yes", "create"),
        ("file:a?synchronous=off", "synchronous"),
    ];
    for (url, named) in cases {
        let error = Config::from_url(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(named), "{url}: {error}");
        assert_eq!(FileStore::from_url(url).unwrap_err().to_string(), error.to_string());
    }
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let place = Place::new();
    let config = || place.config();
    let cases = [
        (config().with_writers(0), "writers"),
        (config().with_writers(257), "writers"),
        (config().with_readers(0), "readers"),
        (config().with_queue(0), "queue"),
        (config().with_queue(usize::MAX), "queue"),
        (config().with_max_payload(usize::MAX), "max_payload"),
        (config().with_lock_timeout(Duration::MAX), "lock_timeout_ms"),
        (Config::new(""), "path"),
    ];
    for (config, named) in cases {
        let error = FileStore::connect(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{named}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_done_to_the_disk_before_the_first_operation() {
    let place = Place::new();
    let store = place.open();
    assert!(!place.path().exists());
    store.health().await.unwrap();
    assert!(place.path().join("dancecard.json").exists());
}

/// Core rewrites a record whose engine says that it can't touch.
#[tokio::test]
async fn without_touch_the_times_of_files_count_for_nothing() {
    let place = Place::new();
    let store = FileStore::connect(place.config().with_touch(false)).unwrap();
    assert!(!store.capabilities().touch.is_supported());
    create(&store, "a").await;
    let error = store.touch(&key("a"), later(9000)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let file = std::fs::File::open(place.record()).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(4_000_000_000)).unwrap();
    assert_eq!(store.load(&key("a")).await.unwrap().unwrap().expires_at(), later(3600));
    assert_eq!(store.purge_expired(later(3599), 10).await.unwrap(), 0);
    assert_eq!(store.purge_expired(later(3600), 10).await.unwrap(), 1);
}
