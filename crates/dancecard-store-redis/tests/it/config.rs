//! Settings, however they are given.

use std::time::Duration;

use dancecard_core::ErrorKind;
use dancecard_store_redis::{Config, RedisStore, Topology};

use crate::world::SECRET;

trials![
    code_url_and_file_say_the_same,
    everything_is_optional_and_nothing_is_ignored,
    urls,
    what_makes_no_sense_is_refused_by_name,
    settings_out_of_bounds_are_refused,
    nothing_secret_is_shown,
];

fn everything() -> Config {
    Config::default()
        .with_sentinels(["a:1", "b:2"], "shop")
        .with_database(3)
        .with_login(Some("user".into()), Some("pass word".into()))
        .with_sentinel_login(Some("watch".into()), Some("man".into()))
        .with_tls(true)
        .with_tls_ca("ca.pem")
        .with_tls_certificate("cert.pem", "key.pem")
        .with_prefix("p:")
        .with_timeout(Duration::from_millis(10))
        .with_connect_timeout(Duration::from_millis(20))
        .with_expiry_slack(Duration::from_millis(30))
        .with_max_payload(40)
        .with_replicas_to_wait(50)
        .with_durable(false)
        .with_near_cache(60)
        .with_near_cache_staleness(Duration::from_millis(70))
}

async fn code_url_and_file_say_the_same() {
    let url = "rediss-sentinel://user:pass%20word@a:1,b:2/shop/3?sentinel_username=watch&sentinel_password=man\
               &tls_ca=ca.pem&tls_certificate=cert.pem&tls_key=key.pem&prefix=p%3A&timeout_ms=10\
               &connect_timeout_ms=20&expiry_slack_ms=30&max_payload=40&replicas_to_wait=50&durable=false\
               &near_cache_bytes=60&near_cache_staleness_ms=70";
    assert_eq!(Config::from_url(url).unwrap(), everything());
    let settings = "redis:?topology=sentinel&nodes=a:1,+b:2&service=shop&database=3&username=user\
                    &password=pass%20word&tls=true";
    let settings =
        settings.replace('+', "%20") + url.split_once('?').unwrap().1.replacen("sent", "&sent", 1).as_str();
    assert_eq!(Config::from_url(&settings).unwrap(), everything());
    let json = serde_json::to_value(everything()).unwrap();
    assert_eq!(serde_json::from_value::<Config>(json.clone()).unwrap(), everything());
    let named: Vec<_> =
        settings.split(['?', '&']).skip(1).map(|pair| pair.split('=').next().unwrap()).collect();
    for field in json.as_object().unwrap().keys() {
        assert!(named.contains(&field.as_str()), "{field}");
    }
}

async fn everything_is_optional_and_nothing_is_ignored() {
    assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
    for url in ["redis:", "redis://", "redis://127.0.0.1:6379/0", "valkey://127.0.0.1:6379"] {
        assert_eq!(Config::from_url(url).unwrap(), Config::default(), "{url}");
    }
    assert!(serde_json::from_str::<Config>(r#"{"node": "a"}"#).is_err());
    assert!(serde_json::from_str::<Config>(r#"{"topology": "ring"}"#).is_err());
}

async fn urls() {
    let read = |url| Config::from_url(url).unwrap();
    let socket = read("unix:///run/redis%20x.sock?database=2");
    assert_eq!((socket.nodes, socket.database), (vec!["/run/redis x.sock".to_owned()], 2));
    assert_eq!(read("redis+unix:/run/r.sock").nodes, ["/run/r.sock"]);
    assert_eq!(read("unix://:pw@/run/r.sock").password.as_deref(), Some("pw"));
    let only_password = read("redis://:p%40ss@h");
    assert_eq!((only_password.username, only_password.password.as_deref()), (None, Some("p@ss")));
    let cluster = read("rediss-cluster://a,b:7001");
    assert_eq!((cluster.topology, cluster.tls), (Topology::Cluster, true));
    assert_eq!(cluster.nodes, ["a", "b:7001"]);
    assert_eq!(read("redis-sentinel://a").service, "mymaster");
    assert_eq!(read("redis://[::1]:7000").nodes, ["[::1]:7000"]);
}

async fn what_makes_no_sense_is_refused_by_name() {
    let cases = [
        ("postgres://a", "redis:"),
        ("redis-ring://a", "redis:"),
        ("redis:a", "slashes"),
        ("redis://a/x", "database"),
        ("redis://a/1/2", "path"),
        ("redis-sentinel://a/s/1/2", "path"),
        ("redis://a%zz", "host"),
        ("redis://u:%zz@a", "login"),
        ("unix:relative.sock", "slash"),
        ("redis://a?timeout=5", "`timeout_ms`"),
        ("redis://a?timeout_ms=soon", "timeout_ms"),
        ("redis://a?tls=maybe", "tls"),
        ("redis://a?topology=ring", "topology"),
    ];
    for (url, named) in cases {
        let error = Config::from_url(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(named), "{url}: {error}");
    }
}

async fn settings_out_of_bounds_are_refused() {
    let config = Config::default;
    let mut nowhere = config();
    nowhere.nodes.clear();
    let mut two = config();
    two.nodes.push("b".into());
    let cases = [
        (nowhere, "nodes"),
        (two, "node"),
        (Config::new("user:pw@host"), "nodes"),
        (Config::new("host:none"), "nodes"),
        (config().with_sentinels(["a"], ""), "service"),
        (config().with_cluster(["a"]).with_database(1), "cluster"),
        (config().with_login(Some("u".into()), None), "password"),
        (config().with_timeout(Duration::ZERO), "timeout_ms"),
        (config().with_timeout(Duration::MAX), "timeout_ms"),
        (config().with_connect_timeout(Duration::ZERO), "connect_timeout_ms"),
        (config().with_expiry_slack(Duration::MAX), "expiry_slack_ms"),
        (config().with_max_payload(usize::MAX), "max_payload"),
        (config().with_replicas_to_wait(101), "replicas_to_wait"),
        (config().with_near_cache_staleness(Duration::ZERO), "near_cache_staleness_ms"),
        (config().with_tls(true).with_tls_ca("/nowhere/at/all.pem"), "tls_ca"),
        (config().with_tls(true).with_tls_ca("/etc/passwd"), "tls_ca"),
    ];
    for (config, named) in cases {
        let error = RedisStore::connect(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{named}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

async fn nothing_secret_is_shown() {
    let url = format!("redis-sentinel://{SECRET}:{SECRET}@a/s?sentinel_password={SECRET}");
    let config = Config::from_url(&url).unwrap();
    let store = RedisStore::connect(config.clone()).unwrap();
    let shown = format!("{config:?} {config:#?} {store:?} {store:#?}");
    assert!(!shown.contains(SECRET), "{shown}");
    for url in [format!("redis://{SECRET}:%zz@a"), format!("redis://a/{SECRET}"), format!("{SECRET}://a")] {
        let error = Config::from_url(&url).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    }
}
