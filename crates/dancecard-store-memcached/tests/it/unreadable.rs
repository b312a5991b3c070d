//! Something else is stored under a session's key.

use dancecard_core::{ErrorKind, Retry, Store, WriteMode};

use crate::fixture::*;

cases! { "unreadable":
    what_is_no_record_is_corrupt,
    a_record_that_was_cut_is_corrupt,
    it_can_be_replaced_and_deleted,
}

fn put(server: &dancecard_servers::Server, flags: usize, value: &[u8]) {
    let head = format!("ms {} {} F{flags}\r\n", raw_key("a"), value.len());
    assert_eq!(raw(server, [head.as_bytes(), value, b"\r\n"].concat()), "HD\r\n");
}

async fn what_is_no_record_is_corrupt() {
    let server = server();
    let store = store(&server);
    let values: [&[u8]; 6] = [b"", b"{}", b"\x01", b"\x01\x01\x00", &[0xff; 500], SECRET.as_bytes()];
    for value in values {
        put(&server, 0, value);
        assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Corrupt, Retry::Never);
    }
    // It looks like a record, and was written by something that knows no client flags.
    put(&server, 0, &record("payload").to_envelope());
    assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Corrupt, Retry::Never);
}

async fn a_record_that_was_cut_is_corrupt() {
    let server = server();
    let store = store(&server);
    let record = record("payload");
    let value = record.to_envelope();
    put(&server, record.payload.len(), &value);
    assert_eq!(payload(&store, "a").await.unwrap(), b"payload");
    for length in 0..value.len() {
        put(&server, record.payload.len(), &value[..length]);
        assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Corrupt, Retry::Never);
    }
}

async fn it_can_be_replaced_and_deleted() {
    let server = server();
    let store = store(&server);
    put(&server, 0, b"foreign");
    let error = store.write(&key("a"), record(""), WriteMode::Create).await.unwrap_err();
    assert!(error.is_conflict());
    store.write(&key("a"), record("own"), WriteMode::Overwrite).await.unwrap();
    assert_eq!(payload(&store, "a").await.unwrap(), b"own");
    put(&server, 0, b"foreign");
    store.delete(&key("a")).await.unwrap();
    assert_eq!(payload(&store, "a").await, None);
}
