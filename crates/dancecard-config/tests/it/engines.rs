//! How an engine is chosen and set up.

use dancecard_config::{Engines, Loader};
use dancecard_core::{MemoryStore, SharedStore, Store};

use crate::toy::{Files, fault, load, printed, tail, value};

#[test]
fn a_name_counts_in_any_case_and_under_each_alias() {
    for (name, section) in
        [("toy", "Toy"), ("TOY", "toy"), ("Puppet", "puppet"), ("toy", "PUPPET"), ("puppet", "toy")]
    {
        let config =
            load(&format!("session: {name}\nengines: {{ session: {{ {section}: {{ prefix: p }} }} }}"))
                .unwrap();
        assert_eq!(value(&config, "engines.session.toy.prefix"), "p", "{name} {section}");
        assert_eq!(config.store().unwrap().engine(), "memory");
    }
}

#[test]
fn a_url_chooses_by_its_scheme_and_takes_keys_along() {
    let config = load("session: toys://host/?prefix=u\nengines:\n  session:\n    toy:\n      timeout_ms: 7\n      nodes: [b, c]\n").unwrap();
    assert_eq!(printed(&config, "engines.session.toy.prefix"), ("u".into(), "config.yml:1".into()));
    assert_eq!(printed(&config, "engines.session.toy.timeout_ms"), ("7".into(), "config.yml:5".into()));
    assert_eq!(value(&config, "engines.session.toy.nodes"), "[b, c]");
    let config =
        load("session: toy\nengines: { session: { toy: { url: 'toy://host', prefix: 'a&b=c %' } } }")
            .unwrap();
    assert_eq!(value(&config, "engines.session.toy.nodes"), "[host]");
    assert_eq!(value(&config, "engines.session.toy.prefix"), "a&b=c %");
}

#[test]
fn a_url_of_a_stronger_source_wins_over_what_the_file_says_of_the_place() {
    let files = |section: &str| {
        let text = format!("session: toy\nengines:\n  session:\n    toy:\n      prefix: p\n{section}");
        Files::new(&[("config.yml", &text)])
    };
    let url = [("DANCECARD_SESSION", "toys://production")];
    for section in ["      url: toys://development/\n", "      nodes: [development]\n"] {
        let config = files(section).load(&url).unwrap();
        let nodes = printed(&config, "engines.session.toy.nodes");
        assert_eq!(nodes, ("[production]".into(), "DANCECARD_SESSION".into()), "{section}");
        assert_eq!(printed(&config, "engines.session.toy.prefix"), ("p".into(), "config.yml:5".into()));
    }
    // The other way round as well.
    let variable = [("DANCECARD_ENGINES__SESSION__TOY__URL", "toys://production")];
    let config = Files::new(&[("config.yml", "session: toys://development/\n")]).load(&variable).unwrap();
    assert_eq!(value(&config, "engines.session.toy.nodes"), "[production]");
}

#[test]
fn one_source_says_once_where_the_engine_is() {
    let text = "session: toys://a/\nengines:\n  session:\n    toy: { url: 'toys://b/' }\n";
    let told = fault(text);
    assert!(told.starts_with("config.yml:4") && told.contains("engines.session.toy.url"), "{told}");
    assert!(
        told.contains("as `session.engine` at ") && told.contains("config.yml:1 does; keep one"),
        "{told}"
    );
}

#[test]
fn variables_set_up_engines_with_texts_alone() {
    let files = Files::new(&[("config.yml", "session: memory\n")]);
    let config = files
        .load(&[
            ("DANCECARD_SESSION", "toy"),
            ("DANCECARD_ENGINES__SESSION__TOY__NODES", "x, y"),
            ("DANCECARD_ENGINES__SESSION__TOY__TIMEOUT_MS", "9"),
            ("DANCECARD_ENGINES__SESSION__TOY__TLS", "on"),
            ("DANCECARD_SESSION__IDLE", "5m"),
        ])
        .unwrap();
    assert_eq!(printed(&config, "session.engine"), ("toy".into(), "DANCECARD_SESSION".into()));
    assert_eq!(value(&config, "engines.session.toy.nodes"), "[x, y]");
    assert_eq!(value(&config, "engines.session.toy.tls"), "true");
    let place = "DANCECARD_ENGINES__SESSION__TOY__TIMEOUT_MS".to_owned();
    assert_eq!(printed(&config, "engines.session.toy.timeout_ms"), ("9".to_owned(), place));
    assert_eq!(value(&config, "session.idle"), "5m");
}

#[test]
fn another_frameworks_keys_are_translated() {
    let config = load("session: toy\nengines: { session: { toy: { toy_server: 'h1,h2' } } }").unwrap();
    assert_eq!(printed(&config, "engines.session.toy.nodes"), ("[h1, h2]".into(), "config.yml:2".into()));
    let config =
        load("session: doll\nengines: { session: { doll: { doll_size: 3, timeout_ms: 5 } } }").unwrap();
    assert_eq!(value(&config, "session.engine"), "toy");
    assert_eq!(printed(&config, "engines.session.toy.prefix"), ("doll-3:".into(), "config.yml:2".into()));
    assert_eq!(value(&config, "engines.session.toy.timeout_ms"), "5");
}

#[test]
fn what_can_not_be_chosen_is_explained() {
    let section = |text: &str| format!("session: toy\nengines:\n  session:\n    toy:\n      {text}\n");
    let cases = [
        (
            "session: toi\n".to_owned(),
            "config.yml:1: session.engine: there is no such engine; did you mean `toy`?",
        ),
        (
            "session: something-else\n".to_owned(),
            "config.yml:1: session.engine: there is no such engine; there are `memory`, `toy`, `redis`, `doll`, `stage`, `postgres`",
        ),
        ("session: ''\n".to_owned(), "config.yml:1: session.engine: there is no such engine"),
        ("session: [toy]\n".to_owned(), "config.yml:1: session: must be"),
        (
            "session: pg\n".to_owned(),
            "config.yml:1: session.engine: the engine `postgres` is not in this build: build dancecard with the feature `postgres`",
        ),
        (
            "session: 'postgresql://u:p@h'\n".to_owned(),
            "config.yml:1: session.engine: the engine `postgres` is not in this build",
        ),
        ("session: 'memory://'\n".to_owned(), "config.yml:1: session.engine: there is no such engine"),
        (
            "session: toy\nengines: { session: { tory: {} } }\n".to_owned(),
            "config.yml:2: engines.session.tory: there is no such engine; did you mean `toy`?",
        ),
        (
            "session: toy\nengines:\n  session:\n    toy: {}\n    puppet: {}\n".to_owned(),
            "config.yml:5: engines.session.puppet: sets up the engine that `engines.session.toy` at",
        ),
        (
            "session: toy\nengines: { session: { toy: x } }\n".to_owned(),
            "config.yml:2: engines.session.toy: must be a table",
        ),
        (
            section("perfix: x"),
            "config.yml:5: engines.session.toy.perfix: there is no such key; did you mean `prefix`?",
        ),
        (section("timeout_ms: soon"), "config.yml:5: engines.session.toy.timeout_ms: must be a whole number"),
        (section("nodes: { a: b }"), "config.yml:5: engines.session.toy.nodes: must be a list"),
        (
            section("url: 'toy:?timeout_ms=x'"),
            "config.yml:5: engines.session.toy.url: timeout_ms must be a whole number",
        ),
        (
            section("{ toy_server: a, nodes: b }"),
            "config.yml:5: engines.session.toy.toy_server: says what `engines.session.toy.nodes` at",
        ),
        ("session: doll\n".to_owned(), "config.yml:1: session.engine: needs `doll_size`"),
        (
            "session: redis\nengines: { session: { redis: { url: 'redis://h' } } }\n".to_owned(),
            "config.yml:2: engines.session.redis.url: this engine takes no URL",
        ),
    ];
    for (text, expected) in cases {
        assert!(fault(&text).starts_with(expected), "{text}{}", fault(&text));
    }
}

#[test]
fn what_an_engine_refuses_has_its_line() {
    let config = load("session: toy\nengines:\n  session:\n    toy:\n      timeout_ms: 0\n").unwrap();
    let error = config.manager().unwrap_err();
    assert_eq!(tail(&error), "config.yml:5: engines.session.toy.timeout_ms: timeout_ms must be 1 to 3600000");
}

#[test]
fn a_name_that_is_registered_again_means_the_new_one() {
    #[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
    #[serde(default)]
    struct Nothing {}

    let mut engines = Engines::new();
    engines.missing("mine", &[], "none");
    engines.register("mine", &["simple"], |_: Nothing| Ok(SharedStore::new(MemoryStore::new())));
    let files = Files::new(&[("config.yml", "session: simple\n"), ("two.yml", "session: memory\n")]);
    for (file, name) in [("config.yml", "mine"), ("two.yml", "memory")] {
        let config =
            Loader::new(files.path().join(file)).with_variables([("A", "b")]).load(&engines).unwrap();
        assert_eq!(value(&config, "session.engine"), name);
    }
}

#[test]
fn an_engine_that_is_missing_is_set_up_once_although_its_urls_begin_with_its_name() {
    let mut engines = Engines::new();
    engines.missing("attic", &["loft", "attic", "attics"], "attic");
    let text = "session: attic\nengines: { session: { attic: { url: 'attics://hall' } } }\n";
    let files = Files::new(&[("config.yml", text)]);
    let loader = Loader::new(files.path().join("config.yml"));
    let told = loader.with_variables([("A", "b")]).load(&engines).unwrap_err().to_string();
    assert!(told.contains("the engine `attic` is not in this build"), "{told}");
}
