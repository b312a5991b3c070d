//! Encrypted connections.

use std::time::Duration;

use dancecard_core::{ErrorKind, Retry, Store};
use dancecard_servers::Running;
use dancecard_servers::redis::{self, Options};

use crate::world::*;

trials![
    a_server_that_is_vouched_for_is_used,
    a_stranger_is_not_trusted,
    a_server_without_tls_is_told_from_one_with,
    a_server_may_ask_for_a_certificate,
];

fn server(arguments: &[&str]) -> Running {
    let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
    redis::start_with(Options { tls: true, arguments, ..Options::default() }).unwrap()
}

async fn a_server_that_is_vouched_for_is_used() {
    let server = server(&[]);
    assert!(server.url().starts_with("rediss:"), "{}", server.url());
    for host in ["127.0.0.1", "localhost"] {
        for near in [0, 1 << 20] {
            let url = server.url().replace("127.0.0.1", host);
            let store = connect(&config(&url).with_tls_ca(server.authority()).with_near_cache(near));
            create(&store, "a").await;
            assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload);
            let large = dancecard_core::WriteMode::Overwrite;
            store.write(&key("a"), bulk(1 << 20), large).await.unwrap();
            assert_eq!(payload(&store, "a").await.unwrap().len(), 1 << 20);
        }
    }
}

/// Neither by another authority nor, without one named, by the system's.
async fn a_stranger_is_not_trusted() {
    let (server, other) = (server(&[]), server(&[]));
    let mut configs = vec![config(&server.url()).with_tls_ca(other.authority())];
    configs.extend(system_has_authorities().then(|| config(&server.url())));
    for config in configs {
        let error = connect(&config).health().await.unwrap_err();
        assert_is(&error, ErrorKind::Config, Retry::Never);
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

fn system_has_authorities() -> bool {
    dancecard_store_redis::RedisStore::from_url("rediss://localhost").is_ok()
}

async fn a_server_without_tls_is_told_from_one_with() {
    let server = server(&[]);
    let short = Duration::from_millis(500);
    let plain = shared().url().replace("redis:", "rediss:");
    let to_plain =
        config(&plain).with_tls_ca(server.authority()).with_timeout(short).with_connect_timeout(short);
    let error = connect(&to_plain).health().await.unwrap_err();
    assert!(error.is_unavailable() || error.kind() == ErrorKind::Config, "{error}");
    assert_discreet(&error);
    let without = config(&server.url().replace("rediss:", "redis:")).with_timeout(short);
    assert_is(&connect(&without).health().await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
}

async fn a_server_may_ask_for_a_certificate() {
    let server = server(&["--tls-auth-clients", "yes"]);
    let without =
        config(&server.url()).with_tls_ca(server.authority()).with_timeout(Duration::from_millis(300));
    let error = connect(&without).health().await.unwrap_err();
    assert!(error.is_unavailable() || error.kind() == ErrorKind::Config, "{error}");
    assert_discreet(&error);
    // The server's own is signed by the authority that it trusts.
    let (certificate, key) = (server.folder().join("server.pem"), server.folder().join("server.key"));
    let with = config(&server.url()).with_tls_ca(server.authority()).with_tls_certificate(certificate, key);
    create(&connect(&with), "a").await;
}
