//! TLS: what is said is encrypted, and said only to a server that is vouched for.

use dancecard_core::{ErrorKind, Retry, Store};
use dancecard_servers::{Running, mariadb};
use dancecard_store_mysql::MysqlStore;

use crate::fixture::*;

cases! {
    what_is_said_is_encrypted,
    only_a_server_that_is_vouched_for_is_talked_to,
    a_wrong_password_is_told_there_too,
}

fn locked() -> (Running, Place) {
    let password = Some("canary-4711-right".to_owned());
    let server = mariadb::start_with(mariadb::Options { password, tls: true, ..Default::default() });
    let server = server.unwrap();
    let place = Place::new(Make::MariaDb, &server);
    (server, place)
}

async fn what_is_said_is_encrypted(_: Place) {
    let (server, place) = locked();
    let config = place.config().with_tls(true).with_tls_ca(server.authority());
    for host in ["127.0.0.1", "localhost"] {
        let mut config = config.clone();
        config.host = format!("{host}:{}", server.port());
        let store = MysqlStore::connect(config).unwrap();
        create(&store, host).await;
        assert!(payload(&store, host).await.is_some());
    }
    // The server counts what it finished of them.
    let counted = place
        .ask(
            "SELECT variable_value >= 2 FROM information_schema.global_status \
        WHERE variable_name = 'SSL_FINISHED_ACCEPTS'",
        )
        .await;
    assert_eq!(counted, "1");
}

async fn only_a_server_that_is_vouched_for_is_talked_to(_: Place) {
    let (_server, place) = locked();
    let (stranger, _) = locked();
    // The system's authorities know nothing of it, nor does another one.
    let vouched_by_others =
        [place.config().with_tls(true), place.config().with_tls(true).with_tls_ca(stranger.authority())];
    for config in vouched_by_others {
        let error = MysqlStore::connect(config).unwrap().health().await.unwrap_err();
        assert_is(&error, ErrorKind::Config, Retry::Never);
        assert!(error.to_string().contains("certificates"), "{error}");
    }
}

async fn a_wrong_password_is_told_there_too(_: Place) {
    let (server, place) = locked();
    let config = place.config().with_tls(true).with_tls_ca(server.authority());
    let store = MysqlStore::connect(config.with_credentials("dancecard", "canary-4711-wrong")).unwrap();
    let error = store.health().await.unwrap_err();
    assert_is(&error, ErrorKind::Config, Retry::Never);
    assert!(sources(&error).contains("1045"), "{}", sources(&error));
}
