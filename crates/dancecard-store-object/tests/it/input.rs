//! What others put there, what does not fit, and servers that are not what they seem.

use std::io::{Read, Write};
use std::net::TcpListener;

use dancecard_core::{ErrorKind, ListQuery, Retry, Store, WriteMode};
use dancecard_servers::s3::BUCKET;
use dancecard_store_object::ObjectStore;

use crate::world::*;

trials![
    a_bucket_that_is_not_there_is_refused_with_a_remedy,
    objects_that_are_no_records_are_told_and_hide_no_others,
    a_prefix_of_another_release_is_refused,
    wrong_credentials_are_told_and_not_shown,
    a_wrong_address_is_told_and_not_shown,
    a_bucket_that_was_emptied_is_told,
    a_server_that_passes_over_conditions_is_refused,
    large_sessions_are_kept_and_larger_ones_refused,
    long_keys_are_listed_as_they_are,
];

async fn a_bucket_that_is_not_there_is_refused_with_a_remedy() {
    let store = connect(&config(&shared().url()).with_option("bucket", "nowhere"));
    for error in [
        store.load(&key("a")).await.map(drop).unwrap_err(),
        store.write(&key("a"), bulk(1), WriteMode::Create).await.map(drop).unwrap_err(),
        store.health().await.unwrap_err(),
        list(&store, ListQuery::all()).await.remove(0).map(drop).unwrap_err(),
    ] {
        assert_is(&error, ErrorKind::Config, Retry::Never);
        assert!(error.to_string().contains("NoSuchBucket"), "{error}");
    }
}

async fn objects_that_are_no_records_are_told_and_hide_no_others() {
    let config = config(&shared().url());
    let store = connect(&config);
    for name in ["whole", "cut", "foreign"] {
        create(&store, name).await;
    }
    let raw = raw(&config);
    let whole = raw.read(&name_of(&config, &key("cut"))).await.unwrap().to_vec();
    raw.write(&name_of(&config, &key("cut")), whole[..whole.len() - 1].to_vec()).await.unwrap();
    raw.write(&name_of(&config, &key("foreign")), SECRET).await.unwrap();
    raw.write(&format!("{}/sessions/readme.txt", config.prefix), SECRET).await.unwrap();
    for name in ["cut", "foreign"] {
        let error = store.load(&key(name)).await.map(drop).unwrap_err();
        assert_is(&error, ErrorKind::Corrupt, Retry::Never);
    }
    let entries = list(&store, ListQuery::all()).await;
    assert_eq!((entries.len(), entries.iter().filter(|entry| entry.is_ok()).count()), (3, 1));
    store.write(&key("theirs"), record("1"), WriteMode::Create).await.unwrap();
    raw.write(&name_of(&config, &key("theirs")), SECRET).await.unwrap();
    let mut told = list(&store, ListQuery::of(SECRET.into())).await;
    assert_is(&told.remove(0).map(drop).unwrap_err(), ErrorKind::Corrupt, Retry::Never);
    assert!(told.is_empty());
    store.delete(&key("theirs")).await.unwrap();
    assert_eq!(store.purge_expired(later(9000), 10).await.unwrap(), 1);
    for name in ["cut", "foreign"] {
        store.delete(&key(name)).await.unwrap();
        assert_eq!(payload(&store, name).await, None);
    }
}

async fn a_prefix_of_another_release_is_refused() {
    let config = config(&shared().url());
    for text in [r#"{"dancecard": "sessions", "layout": 2}"#, "{}", "<html>"] {
        raw(&config).write(&format!("{}/dancecard.json", config.prefix), text).await.unwrap();
        let error = connect(&config).load(&key("a")).await.map(drop).unwrap_err();
        assert_is(&error, ErrorKind::Config, Retry::Never);
        assert!(error.to_string().contains("another release"), "{error}");
    }
}

/// A server that always gives one answer.
fn impostor(status: &'static str, body: &'static str) -> String {
    impostor_that(move |_| (status, body))
}

/// A server that gives these answers to the beginnings of requests.
fn impostor_that(answer: impl Fn(&[u8]) -> (&'static str, &'static str) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            let mut request = [0; 4096];
            let read = client.read(&mut request).unwrap_or_default();
            let (status, body) = answer(&request[..read]);
            let head = format!("HTTP/1.1 {status}\r\nETag: \"1\"\r\nConnection: close\r\n");
            let _ = write!(client, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    format!("http://{address}")
}

const MARK: &str = r#"{"dancecard": "sessions", "layout": 1}"#;

/// A server of a protocol that it knows half of: it says yes to everything.
fn yes_man() -> String {
    impostor("200 OK", MARK)
}

/// It knows the conditions of writes, and not those of removals.
fn careless_remover() -> String {
    impostor_that(|request| match request {
        [b'G', ..] => ("200 OK", MARK),
        [b'P', ..] => ("412 Precondition Failed", ""),
        _ => ("204 No Content", ""),
    })
}

async fn wrong_credentials_are_told_and_not_shown() {
    let wrong = config(&shared().url()).with_option("secret_access_key", SECRET);
    let unknown = wrong.clone().with_option("access_key_id", SECRET);
    for (config, word) in [(wrong, "SignatureDoesNotMatch"), (unknown, "InvalidAccessKeyId")] {
        let store = connect(&config);
        for error in [
            store.load(&key("a")).await.map(drop).unwrap_err(),
            store.write(&key("a"), bulk(1), WriteMode::Create).await.map(drop).unwrap_err(),
            store.health().await.unwrap_err(),
        ] {
            assert_is(&error, ErrorKind::Config, Retry::Never);
            assert!(error.to_string().contains("credentials"), "{error}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}

async fn a_wrong_address_is_told_and_not_shown() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let store = connect(&config(&format!("http://{nobody}")));
    assert_is(&store.health().await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    let html = "<html>It works! canary-4711</html>";
    for (answer, kind) in [
        ("200 OK", ErrorKind::Config),
        ("404 Not Found", ErrorKind::Config),
        ("500 Oh", ErrorKind::Unavailable),
    ] {
        let error = connect(&config(&impostor(answer, html))).health().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{answer}: {error}");
        assert_discreet(&error);
    }
    for address in ["http://", "nonsense", "ftp://127.0.0.1", "http://canary-4711:canary-4711@[::1"] {
        match ObjectStore::connect(config(address)) {
            Err(error) => assert_is(&error, ErrorKind::Config, Retry::Never),
            Ok(store) => {
                let error = store.health().await.unwrap_err();
                assert!(
                    matches!(error.kind(), ErrorKind::Config | ErrorKind::Unavailable),
                    "{address}: {error}"
                );
                assert_discreet(&error);
            }
        }
    }
}

async fn a_bucket_that_was_emptied_is_told() {
    let config = config(&shared().url());
    let store = connect(&config);
    store.health().await.unwrap();
    raw(&config).delete(&format!("{}/dancecard.json", config.prefix)).await.unwrap();
    assert_is(&store.health().await.unwrap_err(), ErrorKind::Config, Retry::Never);
    let error = connect(&config.with_create(false)).health().await.unwrap_err();
    assert_is(&error, ErrorKind::Config, Retry::Never);
    assert!(error.to_string().contains("`create` is off"), "{error}");
}

async fn a_server_that_passes_over_conditions_is_refused() {
    for server in [yes_man(), careless_remover()] {
        let store = connect(&config(&server));
        let error = store.write(&key("a"), bulk(1), WriteMode::Create).await.map(drop).unwrap_err();
        assert_is(&error, ErrorKind::Config, Retry::Never);
        assert!(error.to_string().contains("last_writer_wins"), "{error}");
    }
    let config = config(&yes_man()).with_last_writer_wins(true);
    ObjectStore::connect(config).unwrap().health().await.unwrap();
}

async fn large_sessions_are_kept_and_larger_ones_refused() {
    let store = connect(&config(&shared().url()).with_max_payload(64 << 20));
    for size in [1 << 20, 64 << 20] {
        let version = store.write(&key(size), bulk(size), WriteMode::Create).await.unwrap();
        assert!(payload(&store, size).await.unwrap() == bulk(size).payload);
        let larger = store.write(&key(size), bulk((64 << 20) + 1), WriteMode::Update(version)).await;
        assert_is(&larger.unwrap_err(), ErrorKind::TooLarge, Retry::Never);
    }
}

async fn long_keys_are_listed_as_they_are() {
    let store = connect(&config(&shared().url()));
    let key = dancecard_core::RecordKey::new(&[b'x'; 3000]);
    store.write(&key, bulk(1), WriteMode::Create).await.unwrap();
    let listed = list(&store, ListQuery::all()).await.remove(0).unwrap();
    assert!(listed.key == key && !BUCKET.is_empty());
}
