//! Sections of engines that are not chosen, and keys beside them: checked all the same, since tomorrow another one is chosen.

use crate::toy::{Files, fault, load, printed, value};

#[test]
fn keys_and_types_of_all_sections_are_checked() {
    let section = |name: &str, entry: &str| {
        format!("session: memory\nengines:\n  session:\n    {name}:\n      {entry}\n")
    };
    let cases = [
        (
            section("toy", "perfix: x"),
            "config.yml:5: engines.session.toy.perfix: there is no such key; did you mean `prefix`?",
        ),
        (
            section("Puppet", "toy_sever: x"),
            "config.yml:5: engines.session.puppet.toy_sever: there is no such key; did you mean `toy_server`?",
        ),
        (
            section("toy", "cokie_name: x"),
            "config.yml:5: engines.session.toy.cokie_name: there is no such key; did you mean `cookie_name`?",
        ),
        (
            section("doll", "doll_sise: 1"),
            "config.yml:5: engines.session.doll.doll_sise: there is no such key; did you mean `doll_size`?",
        ),
        (
            section("doll", "perfix: 1"),
            "config.yml:5: engines.session.doll.perfix: there is no such key; did you mean `prefix`?",
        ),
        (
            section("stage", "flor: toy"),
            "config.yml:5: engines.session.stage.flor: there is no such key; did you mean `floor`?",
        ),
        (
            section("toy", "timeout_ms: soon"),
            "config.yml:5: engines.session.toy.timeout_ms: must be a whole number",
        ),
        (section("toy", "nodes: { a: b }"), "config.yml:5: engines.session.toy.nodes: must be a list"),
        (
            "session: memory\nengines: { session: { toy: 3 } }\n".to_owned(),
            "config.yml:2: engines.session.toy: must be a table of keys",
        ),
        (
            "session: memory\nredis_session:\n  sever: x\n".to_owned(),
            "config.yml:3: redis_session.sever: there is no such key; did you mean `server`?",
        ),
        (
            "session: memory\nredis_session: x\n".to_owned(),
            "config.yml:2: redis_session: must be a table of keys",
        ),
        (
            "engines:\n  session:\n    toy:\n      perfix: x\n".to_owned(),
            "config.yml:4: engines.session.toy.perfix: there is no such key",
        ),
    ];
    for (text, expected) in cases {
        assert!(fault(&text).starts_with(expected), "{text}{}", fault(&text));
    }
}

/// What the values mean is the business of the engine, once it is chosen.
#[test]
fn what_may_stand_in_a_section_is_left_alone() {
    for section in [
        "toy: { url: 'toys://h', prefix: p, toy_server: a, cookie_name: x, timeout_ms: '7' }",
        "toy: { url: not a url, timeout_ms: 0 }",
        "doll: { prefix: p }",
        "stage: { floor: { engine: toy, prefix: p } }",
        "postgres: { what_nobody_here_knows: 1 }",
        "toy: ~",
    ] {
        let text = format!("session: memory\nengines: {{ session: {{ {section} }} }}\n");
        assert!(load(&text).is_ok(), "{text}{}", fault(&text));
    }
}

/// A structure without defaults is complete once variables say the rest.
#[test]
fn what_is_missing_in_a_section_may_be_said_elsewhere() {
    use dancecard_config::{Engines, Loader};
    use dancecard_core::{MemoryStore, SharedStore};

    #[derive(Default, serde::Serialize, serde::Deserialize)]
    struct Strict {
        host: String,
        port: u16,
    }

    let mut engines = Engines::new();
    engines.register("strict", &[], |_: Strict| Ok(SharedStore::new(MemoryStore::new())));
    let load = |section: &str, engine: &str| {
        let text = format!("session: {engine}\nengines: {{ session: {{ strict: {{ {section} }} }} }}\n");
        let files = Files::new(&[("config.yml", &text)]);
        Loader::new(files.path().join("config.yml")).with_variables([("A", "b")]).load(&engines).map(drop)
    };
    load("host: h", "memory").unwrap();
    load("host: h, port: 1", "strict").unwrap();
    let missing = load("host: h", "strict").unwrap_err().to_string();
    let expected = "config.yml:1: session.engine: needs `engines.session.strict.port`: set it";
    assert!(missing.contains(expected), "{missing}");
    let wrong = load("port: x", "memory").unwrap_err().to_string();
    assert!(wrong.contains("config.yml:2: engines.session.strict.port: must be a whole number"), "{wrong}");
}

#[test]
fn keys_at_the_top_that_are_nearly_ours_are_refused() {
    for (key, meant) in [
        ("sesion", "session"),
        ("Session", "session"),
        ("enginess", "engines"),
        ("memcached_server", "memcached_servers"),
        ("redis_sesion", "redis_session"),
        ("kiokudb_backed", "kiokudb_backend"),
        ("session_expire", "session_expires"),
        ("sessionName", "session_name"),
        ("session_is_httponly", "session_is_http_only"),
        ("mongodb_session_col", "mongodb_session_coll"),
    ] {
        let told = fault(&format!("a: 1\n{key}: x\n"));
        let expected = format!("config.yml:2: {key}: there is no such key; did you mean `{meant}`?");
        assert!(told.starts_with(&expected), "{told}");
    }
    for key in ["session.idle", "'engines.session.redis.prefix'"] {
        let told = fault(&format!("a: 1\n{key}: 5m\n"));
        let expected = format!("config.yml:2: {}: is one name with dots", key.trim_matches('\''));
        assert!(told.starts_with(&expected), "{told}");
    }
    for (text, meant) in [
        (
            "engines: { sesion: { redis: {} } }\n",
            "engines.sesion: there is no such key; did you mean `session`?",
        ),
        ("engines: { sessions: {} }\n", "engines.sessions: there is no such key; did you mean `session`?"),
        ("sessions: { engine: toy }\n", "sessions: there is no such key; did you mean `session`?"),
        ("engine: { session: { toy: {} } }\n", "engine: there is no such key; did you mean `engines`?"),
    ] {
        assert!(fault(text).starts_with(&format!("config.yml:1: {meant}")), "{}", fault(text));
    }
}

/// What applications of Dancer have there, and what an application might.
#[test]
fn keys_of_the_application_are_left_alone() {
    for key in [
        "appname",
        "layout",
        "charset",
        "template",
        "logger",
        "log",
        "plugins",
        "serializer",
        "warnings",
        "show_errors",
        "startup_info",
        "behind_proxy",
        "views",
        "public",
        "port",
        "server",
        "apphandler",
        "traces",
        "environment",
        "no_server_tokens",
        "static_handler",
        "confdir",
        "content_type",
        "session_id",
        "session_age",
        "session_banner",
        "sessions",
        "engine",
        "mission",
        "version",
        "redis",
        "redis_url",
        "redis_sessions_url",
        "memcached",
        "mongodb",
        "dsn",
        "database",
        "cookie_name",
        "cookies",
        "a.sesion",
        "sessions.banner",
        "secret",
    ] {
        for value in ["x", "[1]", "{ x: 1 }"] {
            let text = format!("session: toy\n{key}: {value}\n");
            assert!(load(&text).is_ok(), "{text}{}", fault(&text));
        }
    }
    assert!(load("engines: { template: { x: 1 }, logger: { file: {} }, serializer: {} }\n").is_ok());
}

#[test]
fn of_two_names_for_one_thing_the_later_source_wins() {
    let text = "session: toy\nengines:\n  session:\n    toy:\n      toy_server: a\n";
    let files = Files::new(&[("config.yml", text)]);
    let variable = "DANCECARD_ENGINES__SESSION__TOY__NODES";
    let config = files.load(&[(variable, "b")]).unwrap();
    assert_eq!(printed(&config, "engines.session.toy.nodes"), ("[b]".into(), variable.into()));
    let files = Files::new(&[("config.yml", &text.replace("toy_server", "nodes"))]);
    let config = files.load(&[("DANCECARD_ENGINES__SESSION__TOY__TOY_SERVER", "b")]).unwrap();
    assert_eq!(value(&config, "engines.session.toy.nodes"), "[b]");
    // In one source they quarrel.
    let told = fault(&text.replace("toy_server: a", "{ toy_server: a, nodes: b }"));
    assert!(told.contains("says what `engines.session.toy.nodes` at") && told.contains("keep one"), "{told}");
}

/// Two variables for one key: nobody can tell which was meant.
#[test]
fn variables_that_say_the_same_are_refused() {
    let files = Files::new(&[("config.yml", "session: memory\n")]);
    for (first, second) in [
        ("DANCECARD_SESSION", "DANCECARD_SESSION__ENGINE"),
        ("DANCECARD_SESSION__IDLE", "DANCECARD_session__idle"),
        ("DANCECARD_ENGINES__SESSION__TOY__PREFIX", "DANCECARD_ENGINES__SESSION__TOY__prefix"),
    ] {
        let error = files.load(&[(first, "hidden"), (second, "hidden")]).unwrap_err();
        let told = error.detail().unwrap();
        assert!(told.contains(first) && told.contains(second) && !told.contains("hidden"), "{told}");
        assert!(told.contains("take one of them away"), "{told}");
    }
    // The short form and another key of the table are no quarrel.
    let config = files.load(&[("DANCECARD_SESSION", "toy"), ("DANCECARD_SESSION__IDLE", "5m")]).unwrap();
    assert_eq!(
        (value(&config, "session.engine"), value(&config, "session.idle")),
        ("toy".into(), "5m".into())
    );
}
