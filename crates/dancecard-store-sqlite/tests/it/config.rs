//! Settings, however they are given.

use std::path::Path;
use std::time::Duration;

use dancecard_core::ErrorKind;
use dancecard_store_sqlite::{Config, SqliteStore, Synchronous};

use crate::fixture::*;

fn everything() -> Config {
    Config::new("dir/a b.db")
        .with_create(false)
        .with_synchronous(Synchronous::Normal)
        .with_timeout(Duration::from_millis(250))
        .with_readers(4)
        .with_queue(10)
        .with_batch(20)
        .with_max_payload(30)
        .with_max_size(Some(40))
}

#[test]
fn code_url_and_file_say_the_same() {
    let url = "sqlite:dir/a%20b.db?create=false&synchronous=normal&timeout_ms=250&readers=4&queue=10&batch=20\
               &max_payload=30&max_size=40";
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
    assert_eq!(Config::from_url("sqlite:sessions.db").unwrap(), Config::default());
    assert!(serde_json::from_str::<Config>(r#"{"pathh": "a"}"#).is_err());
    assert!(serde_json::from_str::<Config>(r#"{"synchronous": "off"}"#).is_err());
}

#[test]
fn paths_in_urls() {
    let cases = [
        ("sqlite:a.db", "a.db"),
        ("sqlite://a.db", "a.db"),
        ("sqlite:///var/a.db", "/var/a.db"),
        ("sqlite:/var/a.db", "/var/a.db"),
        ("sqlite:what%3F%25.db?", "what?%.db"),
        ("sqlite:ä.db", "ä.db"),
    ];
    for (url, path) in cases {
        assert_eq!(Config::from_url(url).unwrap().path, Path::new(path), "{url}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let cases = [
        ("postgres:a", "sqlite:"),
        ("sqlite:a%2", "path"),
        ("sqlite:a%zz", "path"),
        ("sqlite:a%ff", "path"),
        ("sqlite:a?sync=full", "`sync`"),
        ("sqlite:a?readers=two", "readers"),
        ("sqlite:a?readers=-1", "readers"),
        ("sqlite:a?queue", "queue"),
        ("sqlite:a?synchronous=off", "synchronous"),
        ("sqlite:a?create=maybe", "create"),
    ];
    for (url, named) in cases {
        let error = Config::from_url(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(named), "{url}: {error}");
    }
}

#[test]
fn settings_out_of_bounds_are_refused_before_any_file_is_made() {
    let place = Place::new();
    let config = || place.config();
    let cases = [
        (config().with_readers(0), "readers"),
        (config().with_readers(65), "readers"),
        (config().with_queue(0), "queue"),
        (config().with_queue(usize::MAX), "queue"),
        (config().with_batch(0), "batch"),
        (config().with_max_payload(usize::MAX), "max_payload"),
        (config().with_timeout(Duration::MAX), "timeout_ms"),
        (Config::new(""), "path"),
    ];
    for (config, named) in cases {
        let error = SqliteStore::connect(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{named}");
        assert!(error.to_string().contains(named), "{error}");
    }
    assert!(!place.path().exists());
}
