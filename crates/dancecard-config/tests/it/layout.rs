//! Our own layout.

use std::time::Duration;

use dancecard_core::{AtLimit, ConflictPolicy, FailurePolicy, Lifetime, Policy};
use dancecard_http::{CookieConfig, CookieLifetime, HeaderConfig, SameSite, Security, Transport};

use crate::toy::{load, printed, value};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn nothing_said_is_the_default() {
    for text in ["", "session: memory\n", "session: { engine: Memory }\n", "session:\n"] {
        let config = load(text).unwrap();
        assert_eq!(config.policy(), Policy::default(), "{text}");
        assert_eq!(config.transport(), Transport::default(), "{text}");
    }
}

#[test]
fn every_rule_can_be_set() {
    let config = load(
        "session:\n  engine: memory\n  idle: 15m\n  absolute: 1d\n  renewal: 10m\n  grace: 20s\n  touch: 0.25\n  \
        max_sessions: 5\n  at_limit: refuse_new\n  on_failure: anonymous\n  on_conflict: reject\n  max_attempts: 3\n  \
        max_payload: 1000\n  namespace: admin\n  device_facts: yes\n  serializer: json\n",
    )
    .unwrap();
    let expected = Policy::default()
        .with_lifetime(Lifetime::new(15 * MINUTE, 24 * 60 * MINUTE))
        .with_renewal(10 * MINUTE, Duration::from_secs(20))
        .with_touch_after(0.25)
        .with_max_sessions(5, AtLimit::RefuseNew)
        .with_failure(FailurePolicy::Anonymous)
        .with_conflict(ConflictPolicy::Reject)
        .with_max_attempts(3)
        .with_max_payload(1000);
    assert_eq!(config.policy(), expected);
    assert_eq!(value(&config, "session.namespace"), "admin");
    assert_eq!(value(&config, "session.device_facts"), "true");
    assert_eq!(*config.manager().unwrap().policy(), expected);
}

#[test]
fn one_of_both_limits_can_be_off() {
    let policy = |text: &str| load(&format!("session: {{ {text} }}")).unwrap().policy();
    let with = |lifetime| Policy::default().with_lifetime(lifetime);
    assert_eq!(policy("idle: never"), with(Lifetime::absolute(24 * 60 * MINUTE)));
    assert_eq!(policy("absolute: 5m"), with(Lifetime::new(5 * MINUTE, 5 * MINUTE)));
    assert_eq!(policy("absolute: Never, idle: 2 weeks"), with(Lifetime::idle(14 * 24 * 60 * MINUTE)));
}

#[test]
fn every_attribute_of_the_cookie_can_be_set() {
    let config = load(
        "session:\n  engine: memory\n  cookie:\n    name: id\n    domain: example.org\n    path: /shop\n    \
        same_site: Strict\n    secure: true\n    http_only: true\n    duration: persistent\n    partitioned: true\n    parts: 3\n",
    )
    .unwrap();
    let cookie = CookieConfig::new("id")
        .with_domain("example.org")
        .with_path("/shop")
        .with_same_site(SameSite::Strict)
        .with_security(Security::Always)
        .with_lifetime(CookieLifetime::Persistent)
        .with_partitioned()
        .with_parts(3);
    assert_eq!(config.transport(), Transport::Cookie(cookie));
}

#[test]
fn names_can_have_the_prefix_that_they_get() {
    let cookie = |text: &str| load(&format!("session: {{ cookie: {{ {text} }} }}")).unwrap().transport();
    assert_eq!(cookie("name: __Host-id"), Transport::Cookie(CookieConfig::new("id")));
    let below = CookieConfig::new("id").with_domain("example.org");
    assert_eq!(cookie("name: __Secure-id, domain: example.org"), Transport::Cookie(below));
    assert_eq!(cookie("name: id, exact: true"), Transport::Cookie(CookieConfig::new("id").with_exact_name()));
}

#[test]
fn the_token_can_travel_in_a_header() {
    let transport = |text: &str| load(&format!("session: {{ header: {text} }}")).unwrap().transport();
    assert_eq!(transport("x-session"), Transport::Header(HeaderConfig::new("x-session")));
    let bearer = Transport::Header(HeaderConfig::bearer("x-session"));
    assert_eq!(transport("{ name: x-session, bearer: true }"), bearer);
}

#[test]
fn a_near_cache_has_its_limits() {
    let config = load("session: { engine: memory, near_cache: { max_age_ms: 500 } }").unwrap();
    assert_eq!(printed(&config, "session.near_cache.max_age_ms"), ("500".into(), "config.yml:1".into()));
    assert_eq!(printed(&config, "session.near_cache.max_bytes"), ("67108864".into(), "default".into()));
    assert!(config.store().is_ok());
    assert_eq!(value(&load("session: { near_cache: off }").unwrap(), "session.near_cache"), "false");
}
