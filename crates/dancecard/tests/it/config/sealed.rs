//! Sessions sealed in the browser's cookie, with what keeps their facts, in a file.

use dancecard::config::{Config, Loader, engines};
use dancecard::{ErrorKind, MemoryStore, Result, SessionManager, SharedStore, Store as _};

use super::{KEY, fault, load, load_in, printed, value};

trials! {
    a_sealed_cookie_may_have_a_registry,
    a_weak_key_is_refused_where_it_stands,
    the_registry_is_any_engine_of_the_build,
    the_registry_is_an_engine_of_ones_own,
    a_registry_that_can_not_be_is_explained,
    what_dancer_has_for_its_cookies_is_understood,
    what_the_client_carries_is_not_cached,
}

fn cookie(settings: &str) -> String {
    format!("session: Cookie\nengines:\n  session:\n    Cookie:\n      keys: [{KEY}]\n{settings}")
}

async fn a_sealed_cookie_may_have_a_registry() {
    let cookie = |settings: &str| {
        load(&format!("session: Cookie\nengines: {{ session: {{ Cookie: {{ {settings} }} }} }}"))
    };
    let alone = cookie(&format!("secret_key: {KEY}, application: shop")).unwrap();
    assert!(alone.manager().unwrap().capabilities().client_keeps);
    assert!(!format!("{alone} {alone:?}").contains(&KEY[..8]), "{alone}");
    let held = cookie(&format!("keys: [{KEY}], registry: memory")).unwrap();
    assert!(!held.manager().unwrap().capabilities().client_keeps);
    let held = load(&format!("session: 'cookie:?keys={KEY}&registry=memory'")).unwrap();
    assert!(!held.manager().unwrap().capabilities().client_keeps);
}

/// The one that documents show.
const PUBLISHED: &str = "abcdef123456789abcdef123456789ab123456789abcdeff123456789abcdef1";
const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const SHORT: &str = "Y2hhbmdlbWU=";

/// Wherever it stands, the line, the key, and what to do are told, and the key itself is not.
async fn a_weak_key_is_refused_where_it_stands() {
    let weak = [
        (
            PUBLISHED,
            "this key is an example that is published: `openssl rand -base64 32` makes one that is yours",
        ),
        (ZEROS, "this key is not random: `openssl rand -base64 32` makes one that is"),
        (SHORT, "a key needs at least 32 random bytes: `openssl rand -base64 32` makes one"),
        ("not-a-key!", "a key is written in base64 or in hexadecimal"),
    ];
    let section = "session: Cookie\nengines:\n  session:\n    Cookie:\n      application: shop\n";
    for (key, remedy) in weak {
        for (text, place) in [
            (format!("{section}      keys: ['{key}']\n"), "config.yml:6: engines.session.cookie.keys: "),
            (
                format!("{section}      keys:\n        - {KEY}\n        - '{key}'\n"),
                "config.yml:6: engines.session.cookie.keys: ",
            ),
            (
                format!("{section}      secret_key: '{key}'\n"),
                "config.yml:6: engines.session.cookie.secret_key: ",
            ),
            (format!("session: Cookie\nsession_cookie_key: '{key}'\n"), "config.yml:2: session_cookie_key: "),
            (
                format!("session:\n  engine: memory\n  encryption_keys: ['{key}']\n"),
                "config.yml:3: session.encryption_keys",
            ),
        ] {
            let told = fault(&text);
            assert!(told.starts_with(place) && told.contains(remedy), "{text}{told}");
            assert!(!told.contains(key), "{told}");
        }
    }
    let none = fault("session:\n  engine: Cookie\n");
    assert!(none.starts_with("config.yml:2: ") && none.contains("openssl rand -base64 32"), "{none}");
}

/// A near cache keeps what a server has.
async fn what_the_client_carries_is_not_cached() {
    let text =
        format!("session:\n  engine: 'cookie:?keys={}'\n  near_cache: true\n", KEY.replace('=', "%3D"));
    let error = load(&text).unwrap().store().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let told = error.to_string();
    assert!(told.contains("config.yml:3") && told.contains("session.near_cache"), "{told}");
}

/// By name, by URL, with its own section, and with a table of its own.
async fn the_registry_is_any_engine_of_the_build() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (
            "      registry: sqlite\n    sqlite: { path: facts.db }\n",
            "sqlite",
            "engines.session.sqlite.path",
            "facts.db",
            "7",
        ),
        ("      registry: 'sqlite:facts.db'\n", "sqlite", "engines.session.sqlite.path", "facts.db", "6"),
        (
            "      registry: Valkey\n    valkey: { prefix: f }\n",
            "redis",
            "engines.session.redis.prefix",
            "f",
            "7",
        ),
        (
            "      registry: { engine: redis,\n        redis_key: 'f:%s', redis_password: x, redis_server: h }\n",
            "redis",
            "engines.session.cookie.registry.prefix",
            "f:",
            "7",
        ),
        (
            "      registry:\n        engine: YAML\n        session_dir: facts\n",
            "file",
            "engines.session.cookie.registry.path",
            "facts",
            "8",
        ),
        (
            "      registry:\n        url: postgres://u:hidden@h/x\n        table: facts\n",
            "postgres",
            "engines.session.cookie.registry.table",
            "facts",
            "8",
        ),
        (
            "      registry:\n        engine: DBI\n        dsn: dbi:mysql:app:db:99\n        dbpass: hidden\n",
            "mysql",
            "engines.session.cookie.registry.port",
            "99",
            "8",
        ),
        (
            "      registry: DBI\nsession_options: { dsn: 'dbi:SQLite:f.db' }\n",
            "sqlite",
            "engines.session.sqlite.path",
            "f.db",
            "7",
        ),
    ];
    for (text, engine, key, expected, line) in cases {
        let config = load_in(folder.path(), &cookie(text)).unwrap_or_else(|error| panic!("{text}{error}"));
        assert_eq!(value(&config, "engines.session.cookie.registry"), engine, "{text}{config}");
        assert_eq!(
            printed(&config, key),
            (expected.to_owned(), format!("config.yml:{line}")),
            "{text}{config}"
        );
        assert!(!config.to_string().contains("hidden"), "{config}");
        let manager = config.manager().unwrap_or_else(|error| panic!("{text}{error}"));
        assert!(!manager.capabilities().client_keeps, "{text}");
        assert_eq!(manager.store().engine(), "cookie");
    }
}

/// One that a third party registered, and whose store is looked at afterwards: the facts are there.
async fn the_registry_is_an_engine_of_ones_own() {
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Attic {
        shelves: u32,
    }
    let kept = SharedStore::new(MemoryStore::new());
    let folder = tempfile::tempdir().unwrap();
    let load = |settings: &str| -> Result<Config> {
        let mut engines = engines();
        let kept = kept.clone();
        engines.register("attic", &["loft"], move |attic: Attic| {
            assert_eq!(attic.shelves, 3);
            Ok(kept.clone())
        });
        let file = folder.path().join("config.yml");
        std::fs::write(&file, cookie(settings)).unwrap();
        Loader::new(file).with_variables([("A", "b")]).load(&engines)
    };
    for settings in [
        "      registry: Attic\n    attic: { shelves: 3 }\n",
        "      registry: { engine: LOFT, shelves: 3 }\n",
    ] {
        let manager = load(settings).unwrap().manager().unwrap();
        assert!(!manager.capabilities().client_keeps, "{settings}");
        let (session, reply) = manager.open_carried("session", 4000, []).unwrap();
        session.sign_in("ada").unwrap();
        let committed = session.manager().commit(&session).await.unwrap();
        reply.outgoing(&session, committed.token).unwrap();
    }
    let signed_in = SessionManager::new(kept.clone()).sessions_of(&"ada".into()).await.unwrap();
    assert_eq!(signed_in.len(), 2);
    let wrong = load("      registry: { engine: attic, shelfs: 3 }\n").unwrap_err().to_string();
    assert!(wrong.contains("config.yml:6: engines.session.cookie.registry.shelfs: there is no such key; did you mean `shelves`?"), "{wrong}");
}

async fn a_registry_that_can_not_be_is_explained() {
    let path = "engines.session.cookie.registry";
    let cases = [
        ("      registry: attic\n", format!("config.yml:6: {path}: there is no such engine")),
        (
            "      registry: postgre\n",
            format!("config.yml:6: {path}: there is no such engine; did you mean `postgres`?"),
        ),
        (
            "      registry: cookie\n",
            format!("config.yml:6: {path}: the engine `cookie` can't be under itself"),
        ),
        (
            "      registry: 'redis://h?perfix=x'\n",
            format!("config.yml:6: {path}: there is no setting `perfix`; did you mean `prefix`?"),
        ),
        (
            "      registry:\n        engine: redis\n        perfix: x\n",
            format!("config.yml:8: {path}.perfix: there is no such key; did you mean `prefix`?"),
        ),
        (
            "      registry:\n        engine: redis\n        x.prefix: p\n",
            format!("config.yml:8: {path}.x.prefix: is one name with dots"),
        ),
        (
            "      registry:\n        engine: redis\n        database: x\n",
            format!("config.yml:8: {path}.database: must be a whole number"),
        ),
        (
            "      registry:\n        engine: redis\n        timeout_ms: 0\n",
            format!("config.yml:8: {path}.timeout_ms: timeout_ms must be"),
        ),
        (
            "      registry: redis\n    redis:\n      timeout_ms: 0\n",
            "config.yml:8: engines.session.redis.timeout_ms: timeout_ms must be".to_owned(),
        ),
        ("      registry: { prefix: x }\n", format!("config.yml:6: {path}: needs `engine`")),
        ("      registry: DBI\n", format!("config.yml:6: {path}: needs `dsn`")),
        (
            "      regisry: redis\n",
            "config.yml:6: engines.session.cookie.regisry: there is no such key; did you mean `registry`?"
                .to_owned(),
        ),
    ];
    for (text, expected) in cases {
        let text = cookie(text);
        assert!(fault(&text).starts_with(&expected), "{text}{}", fault(&text));
    }
    // One that carries its records itself, under another name.
    let mut engines = engines();
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    struct Nothing {}
    engines.register("biscuit", &[], |_: Nothing| {
        let config = dancecard::cookie::Config::new([KEY]);
        dancecard::cookie::CookieStore::connect(&config).map(SharedStore::new)
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yml");
    std::fs::write(&file, cookie("      registry: biscuit\n")).unwrap();
    let config = Loader::new(file).with_variables([("A", "b")]).load(&engines).unwrap();
    let error = config.store().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.to_string().contains("config.yml:6: engines.session.cookie.registry: registry must keep"),
        "{error}"
    );
}

async fn what_dancer_has_for_its_cookies_is_understood() {
    let flat = format!("session: Cookie\nsession_cookie_key: {KEY}\nsession_cookie_path: /shop\n");
    let config = load(&flat).unwrap();
    assert_eq!(printed(&config, "session.cookie.path"), ("/shop".into(), "config.yml:3".into()));
    assert_eq!(printed(&config, "engines.session.cookie.keys"), ("[***]".into(), "config.yml:2".into()));
    assert!(config.manager().unwrap().capabilities().client_keeps);
    // Own keys are stronger.
    let both = format!("session_cookie_key: changeme\n{}", cookie(""));
    assert_eq!(printed(&load(&both).unwrap(), "engines.session.cookie.keys").1, "config.yml:6");
    let limits = |settings: &str| {
        let config = load(&cookie(settings)).unwrap();
        (
            printed(&config, "session.idle"),
            value(&config, "session.absolute"),
            value(&config, "session.cookie.duration"),
        )
    };
    let pair = |value: &str, place: &str| (value.to_owned(), place.to_owned());
    // Sealed anew with each response that has used the session: it is disuse that ends it, and the browser is not told.
    let expected = (pair("30m", "config.yml:6"), "1d".to_owned(), "browser".to_owned());
    assert_eq!(limits("      default_duration: 1800\n"), expected);
    let expected = (pair("2d", "config.yml:6"), "2d".to_owned(), "browser".to_owned());
    assert_eq!(limits("      default_duration: 172800\n"), expected);
    // Where the cookie has a length, that is sealed.
    let expected = (pair("10m", "config.yml:7"), "1d".to_owned(), "persistent".to_owned());
    assert_eq!(limits("      default_duration: 1800\n      cookie_duration: 10m\n"), expected);
    assert!(load(&cookie("      with_request_address: 0\n")).is_ok());
    for (settings, expected) in [
        (
            "      with_request_address: 1\n",
            "config.yml:6: engines.session.cookie.with_request_address: has no counterpart",
        ),
        (
            "      with_request_address: perhaps\n",
            "config.yml:6: engines.session.cookie.with_request_address: must be `true` or `false`",
        ),
        (
            "      default_duration: soon\n",
            "config.yml:6: engines.session.cookie.default_duration: is no length of time",
        ),
        (
            "      secret_key: x\n",
            "config.yml:6: engines.session.cookie.secret_key: says what `engines.session.cookie.keys` at",
        ),
    ] {
        assert!(fault(&cookie(settings)).starts_with(expected), "{settings}{}", fault(&cookie(settings)));
    }
}
