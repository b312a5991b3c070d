//! TLS: what is said is encrypted, and said only to a server that is vouched for.

use std::path::Path;
use std::time::Duration;

use dancecard_core::{ErrorKind, Retry, Store};
use dancecard_servers::{Running, mongod};
use dancecard_store_mongodb::{Config, MongodbStore};
use mongodb::bson::doc;

use crate::fixture::*;

cases! {
    what_is_said_is_encrypted,
    only_a_server_that_is_vouched_for_is_talked_to,
    certificates_that_are_not_readable_are_told,
}

fn encrypted() -> (Running, Place) {
    let server = mongod::start_with(mongod::Options { tls: true, ..Default::default() }).unwrap();
    let place = Place::new(&server);
    (server, place)
}

fn trusting(place: &Place, host: &str, authority: &Path) -> Config {
    let mut config = place.config();
    let authority = authority.to_str().unwrap();
    config.uri = format!("mongodb://{host}:{}/?tls=true&tlsCAFile={authority}", place.address.port());
    config
}

async fn what_is_said_is_encrypted(_: Place) {
    let (server, place) = encrypted();
    for host in ["127.0.0.1", "localhost"] {
        let store = MongodbStore::connect(trusting(&place, host, &server.authority())).unwrap();
        create(&store, host).await;
        assert!(payload(&store, host).await.is_some());
    }
    let plain = place.open();
    plain.health().await.unwrap();
    let status = place.run(doc! { "serverStatus": 1 }).await;
    let versions = status.get_document("transportSecurity").unwrap();
    let count: i64 = versions.values().filter_map(|count| count.as_i64()).sum();
    assert!(count >= 4, "two engines, each with one connection to work and one to watch: {versions}");
}

async fn only_a_server_that_is_vouched_for_is_talked_to(_: Place) {
    let (_server, place) = encrypted();
    let (stranger, _) = encrypted();
    let short = Duration::from_secs(2);
    let mut by_the_public = place.config();
    by_the_public.uri = format!("mongodb://{}/?tls=true", place.address);
    for config in [by_the_public, trusting(&place, "127.0.0.1", &stranger.authority())] {
        let store = MongodbStore::connect(config.with_timeout(short)).unwrap();
        let error = store.health().await.unwrap_err();
        assert_is(&error, ErrorKind::Config, Retry::Never);
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

async fn certificates_that_are_not_readable_are_told(place: Place) {
    let config = trusting(&place, "127.0.0.1", Path::new("/nowhere/missing.pem"));
    let error = MongodbStore::connect(config).unwrap().health().await.unwrap_err();
    assert_is(&error, ErrorKind::Config, Retry::Never);
    assert!(error.to_string().contains("TLS"), "{error}");
}
