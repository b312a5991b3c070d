//! What can't work says so at the first use, and names the remedy.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use dancecard_core::{Error, ErrorKind, Retry, Store};
use dancecard_servers::mongod;
use dancecard_store_mongodb::{Config, MongodbStore, WriteConcern};
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::bson::{doc, rawdoc};

use crate::fixture::*;

cases! {
    a_wrong_password_is_told_at_once,
    a_user_without_rights_is_told,
    a_server_that_is_not_there_is_unavailable,
    a_server_that_speaks_something_else_is_refused,
    a_server_that_is_too_old_is_refused,
    a_server_that_is_hardly_too_old_is_refused,
    a_replica_set_of_another_name_is_not_used,
    more_members_than_there_are_can_not_be_waited_for,
    a_collection_with_other_indexes_is_refused,
    a_mistake_that_is_put_right_is_forgotten,
}

async fn refusal(config: Config) -> Error {
    let begun = std::time::Instant::now();
    let error = MongodbStore::connect(config).unwrap().health().await.unwrap_err();
    assert_is(&error, ErrorKind::Config, Retry::Never);
    assert!(begun.elapsed() < PATIENCE, "at once, not when the time is up");
    error
}

/// With a password that must not be seen.
fn locked() -> (dancecard_servers::Running, Place) {
    let password = Some("canary-4711-right".to_owned());
    let server = mongod::start_with(mongod::Options { password, ..Default::default() }).unwrap();
    let place = Place::new(&server);
    (server, place)
}

/// The configuration of a place, with another user.
fn as_user(place: &Place, user: &str) -> Config {
    let mut config = place.config().with_timeout(2 * PATIENCE);
    config.uri = format!("mongodb://{user}{}/?authSource=admin", place.address);
    config
}

async fn a_wrong_password_is_told_at_once(_: Place) {
    let (_server, place) = locked();
    let mut right = as_user(&place, "dancecard:canary-4711-right@");
    right.database = "elsewhere".into();
    create(&MongodbStore::connect(right).unwrap(), "a").await;
    let store = MongodbStore::connect(as_user(&place, "dancecard:canary-4711-wrong@")).unwrap();
    for _ in 0..3 {
        let error = store.health().await.unwrap_err();
        assert_is(&error, ErrorKind::Config, Retry::Never);
        assert!(error.to_string().contains("password"), "{error}");
    }
    let error = refusal(as_user(&place, "")).await;
    assert!(error.to_string().contains("user"), "{error}");
}

async fn a_user_without_rights_is_told(_: Place) {
    let (_server, place) = locked();
    let root = mongodb::Client::with_uri_str(&place.url).await.unwrap();
    let user = doc! {
        "createUser": "reader", "pwd": "canary-4711", "roles": [{ "role": "read", "db": "dancecard" }],
    };
    root.database("admin").run_command(user).await.unwrap();
    let config = as_user(&place, "reader:canary-4711@");
    let error = refusal(config.clone()).await;
    assert!(error.to_string().contains("create_indexes"), "{error}");
    let store = MongodbStore::connect(config.with_create_indexes(false)).unwrap();
    store.health().await.unwrap();
    assert_is(&store.touch(&key("a"), later(1)).await.unwrap_err(), ErrorKind::Config, Retry::Never);
}

async fn a_server_that_is_not_there_is_unavailable(_: Place) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for host in ["127.0.0.1", "nowhere.invalid"] {
        let config = Config::new(format!("mongodb://{host}:{port}")).with_timeout(Duration::from_millis(300));
        let error = MongodbStore::connect(config).unwrap().health().await.unwrap_err();
        assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
        assert!(sources(&error).contains(host), "{}", sources(&error));
    }
}

/// A server of our own that answers whatever it is asked.
fn impostor(answer: impl Fn(i32) -> Vec<u8> + Send + Sync + Clone + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, answer) = (stream.unwrap(), answer.clone());
            std::thread::spawn(move || talk(stream, answer));
        }
    });
    port
}

fn talk(mut stream: TcpStream, answer: impl Fn(i32) -> Vec<u8>) -> std::io::Result<()> {
    loop {
        let mut head = [0; 16];
        stream.read_exact(&mut head)?;
        let [length, request] =
            [0, 4].map(|place| i32::from_le_bytes(head[place..place + 4].try_into().unwrap()));
        stream.read_exact(&mut vec![0; length as usize - 16])?;
        stream.write_all(&answer(request))?;
    }
}

/// A server that has just these versions of the protocol.
fn of_wire_version(most: i32) -> u16 {
    impostor(move |request| {
        let hello = rawdoc! {
            "helloOk": true, "ismaster": true, "isWritablePrimary": true, "minWireVersion": 0, "maxWireVersion": most,
            "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000,
            "ok": 1.0,
        };
        reply(request, &hello)
    })
}

/// The form of each message: the length, two numbers, the kind; flags, and a document.
fn reply(request: i32, body: &RawDocumentBuf) -> Vec<u8> {
    let answer = [&[0; 4][..], &[0], body.as_bytes()].concat();
    let head = [answer.len() as i32 + 16, 1, request, 2013].map(i32::to_le_bytes).concat();
    [head, answer].concat()
}

async fn a_server_that_speaks_something_else_is_refused(_: Place) {
    let port = impostor(|_| b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec());
    let config = Config::new(format!("mongodb://127.0.0.1:{port}")).with_timeout(Duration::from_secs(1));
    let error = MongodbStore::connect(config).unwrap().health().await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
}

/// The driver knows.
async fn a_server_that_is_too_old_is_refused(_: Place) {
    let port = of_wire_version(6);
    let error = refusal(Config::new(format!("mongodb://127.0.0.1:{port}")).with_timeout(2 * PATIENCE)).await;
    assert!(error.to_string().contains("too old"), "{error}");
}

/// The engine wants one newer than the driver does.
async fn a_server_that_is_hardly_too_old_is_refused(_: Place) {
    let port = of_wire_version(9);
    let error = refusal(Config::new(format!("mongodb://127.0.0.1:{port}")).with_timeout(2 * PATIENCE)).await;
    assert!(error.to_string().contains("5.0"), "{error}");
}

async fn a_replica_set_of_another_name_is_not_used(_: Place) {
    let place = Place::replicated();
    let mut config = place.config().with_timeout(Duration::from_secs(2));
    config.uri = place.url.replace("replicaSet=dancecard", "replicaSet=other");
    let error = MongodbStore::connect(config).unwrap().health().await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
}

async fn more_members_than_there_are_can_not_be_waited_for(place: Place) {
    for place in [place, Place::replicated()] {
        let config = place.config().with_write_concern(WriteConcern::Members(3));
        let store = MongodbStore::connect(config).unwrap();
        let error = store.touch(&key("a"), later(1)).await.unwrap_err();
        assert_is(&error, ErrorKind::Config, Retry::Never);
        assert!(error.to_string().contains("write_concern"), "{error}");
    }
}

async fn a_collection_with_other_indexes_is_refused(place: Place) {
    let index = doc! { "key": { "other": 1 }, "name": "dancecard_principal" };
    place.run(doc! { "createIndexes": &place.collection, "indexes": [index] }).await;
    let error = refusal(place.config()).await;
    assert!(error.to_string().contains("indexes"), "{error}");
    MongodbStore::connect(place.config().with_create_indexes(false)).unwrap().health().await.unwrap();
}

/// What only the administrator can put right is asked again, without a restart of the application.
async fn a_mistake_that_is_put_right_is_forgotten(_: Place) {
    let (_server, place) = locked();
    let store = MongodbStore::connect(as_user(&place, "late:canary-4711@")).unwrap();
    assert_is(&store.health().await.unwrap_err(), ErrorKind::Config, Retry::Never);
    let root = mongodb::Client::with_uri_str(&place.url).await.unwrap();
    let user = doc! { "createUser": "late", "pwd": "canary-4711", "roles": ["root"] };
    root.database("admin").run_command(user).await.unwrap();
    until_it_works(|| store.health()).await;
}
