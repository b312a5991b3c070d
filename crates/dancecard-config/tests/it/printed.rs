//! What a configuration prints.

use crate::toy::{Files, load, printed};

#[test]
fn every_value_has_its_place() {
    let files = Files::new(&[
        (
            "config.yml",
            "session:\n  engine: toy\n  absolute: 2d\nengines:\n  session:\n    toy:\n      prefix: p\n",
        ),
        ("environments/development.yml", "session:\n  idle: 15m\n"),
    ]);
    let config = files.load(&[("DANCECARD_SESSION__MAX_SESSIONS", "3")]).unwrap();
    let expected = [
        ("session.engine", "toy", "config.yml:2"),
        ("session.idle", "15m", "development.yml:2"),
        ("session.absolute", "2d", "config.yml:3"),
        ("session.renewal", "never", "default"),
        ("session.grace", "30s", "default"),
        ("session.touch", "0.1", "default"),
        ("session.max_sessions", "3", "DANCECARD_SESSION__MAX_SESSIONS"),
        ("session.at_limit", "end_oldest", "default"),
        ("session.cookie.name", "session", "default"),
        ("session.cookie.secure", "auto", "default"),
        ("session.cookie.same_site", "lax", "default"),
        ("session.cookie.domain", "none", "default"),
        ("engines.session.toy.prefix", "p", "config.yml:7"),
        ("engines.session.toy.timeout_ms", "100", "default"),
        ("engines.session.toy.nodes", "[a]", "default"),
    ];
    for (key, value, place) in expected {
        assert_eq!(printed(&config, key), (value.to_owned(), place.to_owned()), "{key}\n{config}");
    }
    assert!(config.to_string().starts_with("environment: development\n"), "{config}");
}

#[test]
fn secrets_are_masked() {
    let texts = [
        "session: toy\nengines: { session: { toy: { password: hidden } } }\n",
        "session: 'toy://me:hidden@host?password=hidden'\n",
        "session: toy\nengines: { session: { toy: { url: 'toy://me:hid/den@host', password: hidden } } }\n",
        "session: toy\nengines: { session: { toy: { nodes: ['toy://me:hidden@host'] } } }\n",
    ];
    for text in texts {
        let config = load(text).unwrap();
        let all = format!("{config}\n{config:?}");
        assert!(all.contains("***") && !all.contains("hid"), "{all}");
    }
}

#[test]
fn no_engine_is_printed_as_none() {
    assert_eq!(printed(&load("").unwrap(), "session.engine"), ("none".into(), "default".into()));
}
