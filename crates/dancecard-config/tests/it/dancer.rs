//! The layouts of the Dancer frameworks.

use std::time::Duration;

use dancecard_core::{Lifetime, Policy};
use dancecard_http::{CookieConfig, CookieLifetime, SameSite, Security, Transport};

use crate::toy::{fault, load, printed, value};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn lifetime(text: &str) -> Policy {
    load(text).unwrap_or_else(|error| panic!("{text}: {error}")).policy()
}

fn of(lifetime: Lifetime) -> Policy {
    Policy::default().with_lifetime(lifetime)
}

#[test]
fn dancer_2_keys_stand_in_the_section_of_the_engine() {
    let config = load(
        "session: Toy\nengines:\n  session:\n    Toy:\n      cookie_name: my.session\n      cookie_domain: example.org\n      \
        cookie_path: /shop\n      cookie_same_site: STRICT\n      is_secure: 1\n      is_http_only: 1\n      prefix: p\n      \
        cookie_duration: 2 weeks\n      session_duration: 3600\n",
    )
    .unwrap();
    let cookie = CookieConfig::new("my.session")
        .with_exact_name()
        .with_domain("example.org")
        .with_path("/shop")
        .with_same_site(SameSite::Strict)
        .with_security(Security::Always)
        .with_lifetime(CookieLifetime::Persistent);
    assert_eq!(config.transport(), Transport::Cookie(cookie));
    assert_eq!(config.policy(), of(Lifetime::new(HOUR, 14 * DAY)));
    assert_eq!(value(&config, "engines.session.toy.prefix"), "p");
}

#[test]
fn dancer_1_keys_stand_at_the_top() {
    let config = load(
        "session: simple\nsession_name: old.session\nsession_domain: example.org\nsession_secure: 0\n\
        session_is_http_only: 1\nsession_same_site: lax\nsession_expires: 1 hour\nlogger: console\ntemplate: simple\n",
    )
    .unwrap();
    let cookie = CookieConfig::new("old.session")
        .with_exact_name()
        .with_domain("example.org")
        .with_same_site(SameSite::Lax)
        .with_security(Security::Never)
        .with_lifetime(CookieLifetime::Persistent);
    assert_eq!(config.transport(), Transport::Cookie(cookie));
    assert_eq!(config.policy(), of(Lifetime::absolute(HOUR)));
    assert_eq!(printed(&config, "session.cookie.name"), ("old.session".into(), "config.yml:2".into()));
    assert_eq!(config.get::<String>("logger").unwrap().as_deref(), Some("console"));
}

#[test]
fn durations_are_limits_of_the_session() {
    let section = |keys: &str| format!("session: toy\nengines: {{ session: {{ toy: {{ {keys} }} }} }}");
    // Renewed with each response, so it is disuse that ends it.
    assert_eq!(lifetime(&section("cookie_duration: 2 weeks")), of(Lifetime::new(14 * DAY, 14 * DAY)));
    assert_eq!(lifetime(&section("cookie_duration: 15 minutes")), of(Lifetime::new(HOUR / 4, DAY)));
    assert_eq!(lifetime(&section("session_duration: 1800")), of(Lifetime::new(HOUR / 2, DAY)));
    assert_eq!(lifetime(&section("session_duration: 172800")), of(Lifetime::new(2 * DAY, 2 * DAY)));
    // Sent once, so it is the absolute end.
    assert_eq!(lifetime("session_expires: 3600"), of(Lifetime::absolute(HOUR)));
    assert_eq!(lifetime("session_expires: 1:30"), of(Lifetime::absolute(HOUR * 3 / 2)));
    for nothing in ["0", "''", "~"] {
        assert_eq!(lifetime(&format!("session_expires: {nothing}")), Policy::default(), "{nothing}");
    }
    assert_eq!(lifetime("session: redis\nredis_session: { expire: 900 }"), of(Lifetime::new(HOUR / 4, DAY)));
    assert_eq!(lifetime("session: toy\nredis_session: { expire: 900 }"), Policy::default());
}

/// A file of Dancer works as it is; what that costs is said.
#[test]
fn scripts_may_read_the_cookie_if_the_file_says_so() {
    let section = |entry: &str| format!("session: toy\nengines: {{ session: {{ toy: {{ {entry} }} }} }}\n");
    let texts = [
        (section("is_http_only: 0"), "engines.session.toy.is_http_only"),
        ("a: 1\nsession_is_http_only: 0\n".to_owned(), "session_is_http_only"),
        ("session:\n  cookie: { http_only: false }\n".to_owned(), "session.cookie.http_only"),
    ];
    for (text, path) in texts {
        let config = load(&text).unwrap();
        let cookie = CookieConfig::new("session").with_script_access();
        assert_eq!(config.transport(), Transport::Cookie(cookie), "{text}");
        assert_eq!(printed(&config, "session.cookie.http_only"), ("false".into(), "config.yml:2".into()));
        let [warning] = config.warnings() else { panic!("{:?}", config.warnings()) };
        assert!(warning.contains(&format!("config.yml:2: {path}: the cookie is not HttpOnly")), "{warning}");
        assert!(config.to_string().ends_with(&format!("warning: {warning}\n")), "{config}");
    }
    for text in [section("is_http_only: 1"), "session_is_http_only: on".into(), String::new()] {
        let config = load(&text).unwrap();
        assert_eq!((config.transport(), config.warnings()), (Transport::default(), &[][..]), "{text}");
    }
}

/// The same of a cookie that travels in the clear, be it asked for in our own words.
#[test]
fn a_cookie_may_travel_in_the_clear_if_the_file_says_so() {
    for (text, path) in [
        ("a: 1\nsession_secure: 0\n", "session_secure"),
        ("session:\n  cookie: { secure: never }\n", "session.cookie.secure"),
        ("session: toy\nengines: { session: { toy: { is_secure: 0 } } }\n", "engines.session.toy.is_secure"),
    ] {
        let config = load(text).unwrap();
        let [warning] = config.warnings() else { panic!("{:?}", config.warnings()) };
        assert!(warning.contains(&format!("config.yml:2: {path}: the cookie is not Secure")), "{warning}");
        assert!(config.to_string().contains(warning), "{config}");
    }
}

#[test]
fn our_own_name_wins() {
    let config =
        load("session: { engine: memory, idle: 5m, cookie: { name: own } }\nsession_name: old\n").unwrap();
    assert_eq!(printed(&config, "session.cookie.name"), ("own".into(), "config.yml:1".into()));
}

#[test]
fn what_they_let_through_is_refused() {
    let cases = [
        ("session_expires: garbage\n", "config.yml:1: session_expires: is no length of time"),
        ("session_expires: -1d\n", "config.yml:1: session_expires: must not be negative"),
        (
            "session_same_site: Sideways\n",
            "config.yml:1: session_same_site: must be one of `lax`, `strict`, `none`",
        ),
        ("session_is_http_only: maybe\n", "config.yml:1: session_is_http_only: must be `true` or `false`"),
        (
            "session_is_http_only: 0\nsession_name: __Host-Http-id\n",
            "config.yml:2: session_name: browsers keep a cookie of such a name",
        ),
        (
            "session_same_site: None\nsession_secure: 0\n",
            "config.yml:1: session_same_site: SameSite=None needs Secure",
        ),
        (
            "session: { header: x }\nsession_name: y\n",
            "config.yml:2: session_name: is about a cookie, and the token travels in `session.header`",
        ),
        (
            "a: 1\nsession_expire: 1h\n",
            "config.yml:2: session_expire: there is no such key; did you mean `session_expires`?",
        ),
        (
            "session: toy\nengines:\n  session:\n    toy:\n      cookie_duration: 0\n",
            "config.yml:5: engines.session.toy.cookie_duration: must be longer than nothing",
        ),
        (
            "session: toy\nengines:\n  session:\n    toy:\n      cokie_name: x\n",
            "config.yml:5: engines.session.toy.cokie_name: there is no such key; did you mean `cookie_name`?",
        ),
    ];
    for (text, expected) in cases {
        assert!(fault(text).starts_with(expected), "{}", fault(text));
    }
}
