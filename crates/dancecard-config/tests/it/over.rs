//! An engine over another one: what is under it is chosen like any other, and set up where it was chosen.

use crate::toy::{Files, fault, load, printed, value};

fn stage(floor: &str, more: &str) -> String {
    format!("session: stage\nengines:\n  session:\n    stage: {floor}\n{more}")
}

#[test]
fn what_is_under_it_is_named_and_set_up_in_its_own_section() {
    for floor in ["{ floor: Toy }", "{ floor: { engine: PUPPET } }", "{ name: low, floor: toy }"] {
        let config = load(&stage(floor, "    toy: { prefix: p }\n")).unwrap();
        let under = printed(&config, "engines.session.stage.floor");
        assert_eq!(under, ("toy".into(), "config.yml:4".into()), "{config}");
        let prefix = printed(&config, "engines.session.toy.prefix");
        assert_eq!(prefix, ("p".into(), "config.yml:5".into()), "{config}");
        config.store().unwrap();
    }
}

#[test]
fn what_is_under_it_can_have_a_section_of_its_own() {
    let floor = "\n      floor:\n        engine: toy\n        toy_server: h\n        password: hidden\n";
    // The one in the section of its name is another.
    let config = load(&stage(floor, "    toy: { prefix: p }\n")).unwrap();
    let key = |name: &str| printed(&config, &format!("engines.session.stage.floor.{name}"));
    assert_eq!(key("nodes"), ("[h]".into(), "config.yml:7".into()));
    assert_eq!(key("prefix"), ("toy:".into(), "default".into()));
    assert_eq!(key("password"), ("***".into(), "config.yml:8".into()));
    assert!(!config.to_string().contains("hidden"), "{config}");
    config.store().unwrap();
}

#[test]
fn what_is_under_it_can_be_chosen_by_a_url() {
    for floor in [
        "{ floor: 'toys://host?prefix=p' }",
        "{ floor: { url: 'toys://host', prefix: p } }",
        "{ floor: { engine: 'toys://host', prefix: p } }",
        "{ floor: { engine: toy, url: 'toys://host?prefix=p' } }",
        "{ url: 'stage:?floor=toys%3A%2F%2Fhost%3Fprefix%3Dp&name=low' }",
    ] {
        let config = load(&stage(floor, "")).unwrap_or_else(|error| panic!("{floor}: {error}"));
        let text = config.to_string();
        let line = |end: &str| text.lines().any(|line| line.contains(end));
        assert!(line("nodes      = [host]") && line("prefix     = p"), "{floor}\n{text}");
        config.store().unwrap();
    }
}

#[test]
fn the_stronger_source_says_what_is_under_it() {
    let files = Files::new(&[("config.yml", &stage("{ floor: toy, name: low }", ""))]);
    let under = |variables: &[(&str, &str)]| {
        let config = files.load(variables).unwrap();
        let name = printed(&config, "engines.session.stage.name").0;
        let (engine, place) = printed(&config, "engines.session.stage.floor");
        (engine, place, name)
    };
    let expect =
        |engine: &str, place: &str, name: &str| (engine.to_owned(), place.to_owned(), name.to_owned());
    assert_eq!(under(&[]), expect("toy", "config.yml:4", "low"));
    let variable = "DANCECARD_ENGINES__SESSION__STAGE__FLOOR";
    assert_eq!(under(&[(variable, "memory")]), expect("memory", variable, "low"));
    let url = [("DANCECARD_SESSION", "stage:?floor=memory&name=high")];
    assert_eq!(under(&url), expect("memory", "DANCECARD_SESSION", "high"));
    let url = [("DANCECARD_SESSION", "stage:?name=high")];
    assert_eq!(under(&url), expect("toy", "config.yml:4", "high"));
}

#[test]
fn nothing_has_to_be_under_it() {
    let config = load(&stage("{ name: low }", "")).unwrap();
    assert_eq!(value(&config, "engines.session.stage.name"), "low");
    config.store().unwrap();
}

#[test]
fn what_can_not_be_under_it_is_explained() {
    let cases = [
        (
            "{ floor: toi }",
            "config.yml:4: engines.session.stage.floor: there is no such engine; did you mean `toy`?",
        ),
        (
            "{ floor: pg }",
            "config.yml:4: engines.session.stage.floor: the engine `postgres` is not in this build",
        ),
        ("{ floor: [toy] }", "config.yml:4: engines.session.stage.floor: must be one value"),
        (
            "{ flor: toy }",
            "config.yml:4: engines.session.stage.flor: there is no such key; did you mean `floor`?",
        ),
        (
            "{ floor: stage }",
            "config.yml:4: engines.session.stage.floor: the engine `stage` can't be under itself",
        ),
        ("{ floor: { prefix: p } }", "config.yml:4: engines.session.stage.floor: needs `engine`"),
        (
            "\n      floor:\n        engine: toy\n        perfix: p",
            "config.yml:7: engines.session.stage.floor.perfix: there is no such key; did you mean `prefix`?",
        ),
        (
            "\n      floor:\n        engine: toy\n        cookie_name: p",
            "config.yml:7: engines.session.stage.floor.cookie_name: there is no such key",
        ),
        (
            "\n      floor:\n        engine: toy\n        timeout_ms: soon",
            "config.yml:7: engines.session.stage.floor.timeout_ms: must be a whole number",
        ),
        (
            "\n      floor:\n        engine: doll\n        tls: true",
            "config.yml:6: engines.session.stage.floor.engine: needs `doll_size`",
        ),
        (
            "\n      floor:\n        engine: stage\n        floor: toy",
            "config.yml:6: engines.session.stage.floor.engine: the engine `stage` can't be under itself",
        ),
        ("{ url: 'stage:?floor=%zz' }", "config.yml:4: engines.session.stage.url: the value of floor is not"),
    ];
    for (floor, expected) in cases {
        let text = stage(floor, "");
        assert!(fault(&text).starts_with(expected), "{text}{}", fault(&text));
    }
}

#[test]
fn what_is_refused_when_it_opens_has_its_line() {
    let cases = [
        (
            "{ floor: toy }\n    toy:\n      timeout_ms: 0\n",
            "config.yml:6: engines.session.toy.timeout_ms: timeout_ms must",
        ),
        (
            "\n      floor:\n        engine: toy\n        timeout_ms: 0\n",
            "config.yml:7: engines.session.stage.floor.timeout_ms: timeout_ms must",
        ),
    ];
    for (floor, expected) in cases {
        let error = load(&stage(floor, "")).unwrap().manager().unwrap_err();
        assert!(crate::toy::tail(&error).starts_with(expected), "{error}");
    }
}
