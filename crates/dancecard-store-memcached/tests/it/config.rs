//! Settings, however they are given.

use std::time::Duration;

use dancecard_core::{ErrorKind, Store};
use dancecard_store_memcached::{Config, MemcachedStore};

use crate::fixture::*;

cases! { "config":
    code_url_and_file_say_the_same,
    everything_is_optional_and_nothing_is_ignored,
    servers_in_urls,
    what_makes_no_sense_is_refused_by_name,
    settings_out_of_bounds_are_refused,
    the_password_is_never_shown,
    connecting_does_no_io,
}

fn everything() -> Config {
    Config::new(["a", "b:11300"])
        .with_prefix("shop:")
        .with_sign_in("u:s", "p@ss")
        .with_timeout(Duration::from_millis(250))
        .with_expiry_slack(Duration::from_secs(5))
        .with_max_payload(30)
        .with_queue(40)
        .with_failover(true)
}

async fn code_url_and_file_say_the_same() {
    let url = "memcached:?servers=a,b:11300&prefix=shop%3A&username=u%3As&password=p%40ss&timeout_ms=250\
               &expiry_slack_ms=5000&max_payload=30&queue=40&failover=true";
    assert_eq!(Config::from_url(url).unwrap(), everything());
    let mut json = serde_json::to_value(everything()).unwrap();
    json["password"] = "p@ss".into();
    assert_eq!(serde_json::from_value::<Config>(json.clone()).unwrap(), everything());
    let mut names: Vec<_> =
        url.split(['?', '&']).skip(1).map(|pair| pair.split('=').next().unwrap()).collect();
    names.sort_unstable();
    let mut fields: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(names, fields);
}

async fn everything_is_optional_and_nothing_is_ignored() {
    assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
    assert_eq!(Config::from_url("memcached:").unwrap(), Config::default());
    assert_eq!(Config::from_url("memcached://").unwrap(), Config::default());
    assert!(serde_json::from_str::<Config>(r#"{"server": "a"}"#).is_err());
}

async fn servers_in_urls() {
    let cases: [(&str, &[&str]); 6] = [
        ("memcached://h", &["h"]),
        ("memcached://h/", &["h"]),
        ("memcached://h:11300,i", &["h:11300", "i"]),
        ("memcached://[::1]:11300", &["[::1]:11300"]),
        ("memcached:///run/mem%20cached.sock", &["/run/mem cached.sock"]),
        ("memcached:h", &["h"]),
    ];
    for (url, servers) in cases {
        assert_eq!(Config::from_url(url).unwrap(), Config::new(servers.iter().copied()), "{url}");
    }
    let signs_in = Config::from_url("memcached://us%20er:p%40%3Ass@h,i").unwrap();
    assert_eq!(signs_in, Config::new(["h", "i"]).with_sign_in("us er", "p@:ss"));
}

async fn what_makes_no_sense_is_refused_by_name() {
    let cases = [
        ("redis://a", "memcached:"),
        ("memcached://a%2", "servers"),
        ("memcached://%zz:p@a", "user"),
        ("memcached://a?timeout=1", "`timeout_ms`"),
        ("memcached://a?timeout_ms=soon", "timeout_ms"),
        ("memcached://a?queue=-1", "queue"),
        ("memcached://a?failover=maybe", "failover"),
    ];
    for (url, named) in cases {
        let error = Config::from_url(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(named), "{url}: {error}");
    }
}

async fn settings_out_of_bounds_are_refused() {
    let config = Config::default;
    let none: [&str; 0] = [];
    let cases = [
        (Config::new(none), "servers"),
        (Config::new([""]), "servers"),
        (Config::new(["a:b:c"]), "servers"),
        (Config::new(["http://a"]), "servers"),
        (Config::new(["a", "b", "a:11211"]), "once"),
        (config().with_prefix("a b"), "prefix"),
        (config().with_prefix("a\r\nflush_all\r\n"), "prefix"),
        (config().with_prefix("x".repeat(101)), "prefix"),
        (config().with_sign_in("a b", "p"), "username"),
        (config().with_sign_in("a", "p q"), "password"),
        (config().with_sign_in("a", "p\r\nflush_all"), "password"),
        (config().with_sign_in("a", "p".repeat(250)), "password"),
        (config().with_timeout(Duration::ZERO), "timeout_ms"),
        (config().with_timeout(Duration::MAX), "timeout_ms"),
        (config().with_expiry_slack(Duration::from_secs(1)), "expiry_slack_ms"),
        (config().with_expiry_slack(Duration::MAX), "expiry_slack_ms"),
        (config().with_max_payload(usize::MAX), "max_payload"),
        (config().with_queue(0), "queue"),
        (config().with_queue(usize::MAX), "queue"),
        (Config::from_url("memcached:?username=u").unwrap(), "together"),
    ];
    for (config, named) in cases {
        let error = MemcachedStore::connect(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{named}");
        assert!(error.to_string().contains(named), "{named}: {error}");
    }
}

async fn the_password_is_never_shown() {
    let config = Config::from_url("memcached://user:hunter2@h").unwrap();
    let json = serde_json::to_string(&config).unwrap();
    let store = MemcachedStore::connect(config.clone()).unwrap();
    for seen in [format!("{config:?}"), format!("{store:?}"), json] {
        assert!(!seen.contains("hunter2"), "{seen}");
    }
    for url in
        ["memcached://user:hunter2@h?nope=hunter2", "memcached://user:hunter2@h%2", "memcachee://hunter2"]
    {
        assert!(!Config::from_url(url).unwrap_err().to_string().contains("hunter2"));
    }
}

/// There is no such host; and it may be opened outside of any runtime.
async fn connecting_does_no_io() {
    let opened = std::thread::spawn(|| MemcachedStore::from_url("memcached://no-such-host.invalid"));
    assert_eq!(opened.join().unwrap().unwrap().engine(), "memcached");
}
