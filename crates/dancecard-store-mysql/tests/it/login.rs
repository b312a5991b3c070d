//! Passwords of MySQL itself, which has a way of its own to check them: `caching_sha2_password`.

use dancecard_core::{ErrorKind, Retry, Store};
use dancecard_servers::{Running, mysql};
use dancecard_store_mysql::{Config, MysqlStore};

use crate::fixture::*;

cases! {
    a_password_is_not_sent_in_the_clear_where_there_is_no_tls,
    a_password_works_over_tls,
}

const PASSWORD: &str = "canary-4711-right";

fn locked(tls: bool) -> (Running, Place) {
    let options = mysql::Options { password: Some(PASSWORD.into()), tls, ..Default::default() };
    let server = mysql::start_with(options).unwrap();
    let place = Place::new(Make::MySql, &server);
    (server, place)
}

/// The first connection proves it to the server, which remembers that and asks the second for less.
async fn the_right_one_is_let_in(config: &Config) {
    for name in ["a", "b"] {
        create(&MysqlStore::connect(config.clone()).unwrap(), name).await;
    }
    let store =
        MysqlStore::connect(config.clone().with_credentials("dancecard", "canary-4711-wrong")).unwrap();
    let error = store.health().await.unwrap_err();
    assert_is(&error, ErrorKind::Config, Retry::Never);
    assert!(error.to_string().contains("password"), "{error}");
    assert!(sources(&error).contains("1045"), "{}", sources(&error));
}

/// It is encrypted with the server's own key.
async fn a_password_is_not_sent_in_the_clear_where_there_is_no_tls(_: Place) {
    let (_server, place) = locked(false);
    the_right_one_is_let_in(&place.config()).await;
    let methods = "SELECT GROUP_CONCAT(plugin) FROM mysql.user WHERE user = 'dancecard'";
    assert_eq!(place.ask(methods).await, "caching_sha2_password");
}

async fn a_password_works_over_tls(_: Place) {
    let (server, place) = locked(true);
    the_right_one_is_let_in(&place.config().with_tls(true).with_tls_ca(server.authority())).await;
}
