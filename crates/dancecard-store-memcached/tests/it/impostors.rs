//! What answers is not memcached, or too old: refused before anything is stored there.

use dancecard_core::{ErrorKind, Retry, Store, WriteMode};
use dancecard_store_memcached::{Config, MemcachedStore};

use crate::fixture::*;

cases! { "impostors":
    other_software_is_no_memcached,
    a_server_that_is_too_old_is_named,
    replies_to_others_are_not_taken,
    endless_replies_are_not_read,
    who_closes_at_once_is_unavailable,
    a_host_without_an_address_is_unavailable,
}

fn connect(answers: &'static [u8]) -> MemcachedStore {
    let config = Config::new([impostor(answers).to_string()]).with_timeout(PATIENT);
    MemcachedStore::connect(config).unwrap()
}

async fn refused(answers: &'static [u8]) -> dancecard_core::Error {
    let store = connect(answers);
    let error = store.write(&key("a"), record(SECRET), WriteMode::Create).await.unwrap_err();
    assert_discreet(&error);
    error
}

async fn other_software_is_no_memcached() {
    let answers: [&[u8]; 5] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"-ERR unknown command 'ms'\r\n",
        b"J\0\0\0\x0a5.5.5-10.11.6-MariaDB\0\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x03\0\x02\x02\x28\n",
    ];
    for answer in answers {
        let error = refused(answer).await;
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Config, Retry::Never), "{error}");
        assert!(error.to_string().contains("memcached 1.6"), "{error}");
    }
}

/// Memcached 1.4 does not know the meta commands; early 1.6 knows them, but tells no number when it has stored.
async fn a_server_that_is_too_old_is_named() {
    let answers: [&[u8]; 3] = [
        b"ERROR\r\nERROR\r\nERROR\r\nEND\r\n",
        b"HD O1\r\nVA 16 c1 f0 O2\r\n0123456789abcdef\r\nEND\r\n",
        b"CLIENT_ERROR invalid flag\r\n",
    ];
    for answer in answers {
        let error = refused(answer).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains("version"), "{error}");
    }
}

/// One reply too many: whoever came next would read another one's session.
async fn replies_to_others_are_not_taken() {
    let store = connect(
        b"HD c1 O1\r\nVA 16 c1 f0 O2\r\n0123456789abcdef\r\nEND\r\nVA 3 c2 f3 O9\r\nabc\r\nVA 3 c2 f3 O9\r\nabc\r\n",
    );
    for _ in 0..3 {
        let error = store.load(&key("a")).await.unwrap_err();
        assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    }
}

async fn endless_replies_are_not_read() {
    let error = refused(b"HD c1 O1\r\nVA 99999999999 c1 f0 O2\r\n").await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}

async fn who_closes_at_once_is_unavailable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = Config::new([listener.local_addr().unwrap().to_string()]);
    std::thread::spawn(move || while listener.accept().is_ok() {});
    let store = MemcachedStore::connect(config).unwrap();
    let error = store.write(&key("a"), record(""), WriteMode::Create).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
}

async fn a_host_without_an_address_is_unavailable() {
    let config = Config::new(["nowhere.invalid"]).with_timeout(PATIENT);
    let store = MemcachedStore::connect(config).unwrap();
    let errors = [
        store.load(&key("a")).await.map(drop),
        store.write(&key("a"), record(""), WriteMode::Create).await.map(drop),
        store.health().await,
    ];
    for error in errors.map(Result::unwrap_err) {
        assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
        assert!(error.to_string().contains("nowhere.invalid"), "{error}");
        assert!(error.to_string().contains("is the address right?"), "{error}");
    }
}
