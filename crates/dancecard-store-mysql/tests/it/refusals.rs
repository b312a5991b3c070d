//! What can't work says so at the first use, and names the remedy.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use dancecard_core::{Error, ErrorKind, Retry, Store};
use dancecard_servers::mariadb;
use dancecard_store_mysql::{Config, MysqlStore};

use crate::fixture::*;

cases! {
    a_wrong_password_is_told_at_once,
    a_wrong_database_is_told_at_once,
    a_server_that_is_not_there_is_unavailable,
    a_server_that_speaks_something_else_is_refused,
    a_server_that_is_too_old_is_refused,
    a_server_without_tls_is_not_trusted_with_anything,
    certificates_that_are_not_readable_are_named,
    a_unix_socket_works,
    a_mistake_that_is_put_right_is_forgotten,
    several_hosts_are_tried_in_order,
}

async fn refusal(config: Config) -> Error {
    let begun = std::time::Instant::now();
    let error = MysqlStore::connect(config).unwrap().health().await.unwrap_err();
    assert_is(&error, ErrorKind::Config, Retry::Never);
    assert!(begun.elapsed() < PATIENCE, "at once, not when the time is up");
    error
}

/// With a password that must not be seen.
fn locked() -> (dancecard_servers::Running, Place) {
    let password = Some("canary-4711-right".to_owned());
    let server = mariadb::start_with(mariadb::Options { password, ..Default::default() }).unwrap();
    let place = Place::new(Make::MariaDb, &server);
    (server, place)
}

async fn a_wrong_password_is_told_at_once(_: Place) {
    let (_server, place) = locked();
    create(&place.open(), "a").await;
    let config = place.config().with_timeout(2 * PATIENCE);
    let store = MysqlStore::connect(config.with_credentials("dancecard", "canary-4711-wrong")).unwrap();
    for _ in 0..3 {
        let error = store.health().await.unwrap_err();
        assert_is(&error, ErrorKind::Config, Retry::Never);
        assert!(error.to_string().contains("password"), "{error}");
        assert!(sources(&error).contains("1045"), "{}", sources(&error));
    }
    let mut without = place.config();
    without.password = None;
    assert!(refusal(without).await.to_string().contains("password"));
}

async fn a_wrong_database_is_told_at_once(place: Place) {
    let error = refusal(place.config().with_database("nowhere")).await;
    assert!(error.to_string().contains("no such database"), "{error} {}", sources(&error));
}

async fn a_server_that_is_not_there_is_unavailable(_: Place) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let hosts = ["127.0.0.1".to_owned(), "nowhere.invalid".into(), "/nowhere.sock".into()];
    for host in hosts {
        let config =
            Config::new(host).with_port(port).with_tls(false).with_timeout(Duration::from_millis(300));
        let error = MysqlStore::connect(config).unwrap().health().await.unwrap_err();
        assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    }
}

/// A server of our own that says this to whoever comes, one piece after each that it hears.
fn impostor(pieces: Vec<Vec<u8>>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            for piece in &pieces {
                let _ = stream.write_all(piece);
                let _ = stream.read(&mut [0; 1000]);
            }
        }
    });
    port
}

async fn a_server_that_speaks_something_else_is_refused(_: Place) {
    let port = impostor(vec![b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec()]);
    let config = Config::new("127.0.0.1").with_port(port).with_timeout(Duration::from_secs(1));
    let error = MysqlStore::connect(config).unwrap().health().await.unwrap_err();
    assert!([ErrorKind::Config, ErrorKind::Unavailable].contains(&error.kind()), "{error}");
    assert_discreet(&error);
}

/// The packet of this number.
fn packet(number: u8, body: &[u8]) -> Vec<u8> {
    let [low, middle, high, _] = (body.len() as u32).to_le_bytes();
    [&[low, middle, high, number][..], body].concat()
}

/// How a server of this version greets: a connection, half of a challenge, what it can do, and the other half.
fn greeting(version: &str) -> Vec<u8> {
    let abilities: u32 = 0x000b_820d;
    let [a, b, c, d] = abilities.to_le_bytes();
    let parts: [&[u8]; 8] = [
        &[10],
        version.as_bytes(),
        &[0, 7, 0, 0, 0],
        b"12345678\0",
        &[a, b, 33, 2, 0, c, d, 21],
        &[0; 10],
        b"123456789012\0",
        b"mysql_native_password\0",
    ];
    packet(0, &parts.concat())
}

async fn a_server_that_is_too_old_is_refused(_: Place) {
    let welcome = packet(2, &[0, 0, 0, 2, 0, 0, 0]);
    for version in ["5.7.44-log", "5.5.5-10.5.29-MariaDB-log"] {
        let port = impostor(vec![greeting(version), welcome.clone()]);
        let error = refusal(Config::new("127.0.0.1").with_port(port).with_timeout(PATIENCE)).await;
        assert!(error.to_string().contains("too old"), "{version}: {error} {}", sources(&error));
    }
}

async fn a_server_without_tls_is_not_trusted_with_anything(place: Place) {
    let error = refusal(place.config().with_tls(true)).await;
    assert!(error.to_string().contains("tls"), "{error}");
}

async fn certificates_that_are_not_readable_are_named(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let config = place.config().with_tls(true);
    for file in [folder.path().join("missing.pem"), empty] {
        assert!(refusal(config.clone().with_tls_ca(&file)).await.to_string().contains("tls_ca"));
        let error = refusal(config.clone().with_tls_identity(&file, &file)).await;
        assert!(error.to_string().contains("tls_key"), "{error}");
    }
}

async fn a_unix_socket_works(place: Place) {
    let mut config = place.config();
    config.host = server().unwrap().folder().join("mysql.sock").to_str().unwrap().into();
    create(&MysqlStore::connect(config).unwrap(), "a").await;
    assert!(payload(&place.open(), "a").await.is_some());
}

/// What only the administrator can put right is asked again now and then, without a restart of the application.
async fn a_mistake_that_is_put_right_is_forgotten(place: Place) {
    let database = format!("{}_db", place.table);
    let store = MysqlStore::connect(place.config().with_database(&database)).unwrap();
    assert_is(&store.health().await.unwrap_err(), ErrorKind::Config, Retry::Never);
    place.run(&format!("CREATE DATABASE {database}")).await;
    until_it_works(|| store.health()).await;
}

async fn several_hosts_are_tried_in_order(place: Place) {
    let mut config = place.config();
    config.host = format!("127.0.0.1:1,{}", place.address);
    let store = MysqlStore::connect(config).unwrap();
    create(&store, "a").await;
    assert!(payload(&store, "a").await.is_some());
}
