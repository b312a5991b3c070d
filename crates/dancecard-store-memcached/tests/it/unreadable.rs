//! Something else is stored under a session's key.

use dancecard_core::{ErrorKind, Record, Retry, SessionId, SessionManager, Store, TokenAction, WriteMode};

use crate::fixture::*;

cases! { "unreadable":
    what_is_no_record_is_corrupt,
    a_record_that_was_cut_is_corrupt,
    what_a_newer_release_wrote_is_left_to_it,
    damaged_data_are_told_and_do_not_hold_the_visitor,
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

/// Of another format, or with a flag that is not known yet.
async fn what_a_newer_release_wrote_is_left_to_it() {
    let server = server();
    let store = store(&server);
    let record = record("payload");
    for (place, byte) in [(0, 2), (2, 64)] {
        let mut newer = record.to_envelope();
        newer[place] |= byte;
        put(&server, record.payload.len(), &newer);
        let error = store.load(&key("a")).await.unwrap_err();
        assert_is(&error, ErrorKind::Corrupt, Retry::Never);
        assert!(error.to_string().contains("run the release that wrote it"), "{error}");
        let size = raw(&server, format!("mg {} s\r\n", raw_key("a")));
        assert_eq!(size, format!("HD s{}\r\n", newer.len()), "it is still there");
    }
}

/// What only the session layer can see: of a record that is whole, the data are not.
async fn damaged_data_are_told_and_do_not_hold_the_visitor() {
    let server = server();
    let (store, manager) = (store(&server), SessionManager::new(store(&server)));
    let first = manager.open([]);
    first.set("cart", SECRET).unwrap();
    let TokenAction::Set { token, .. } = manager.commit(&first).await.unwrap().token else { panic!() };
    let key = SessionId::parse(token.as_str().as_bytes()).unwrap().key("");
    let found = store.load(&key).await.unwrap().unwrap();
    let half = found.payload().len() / 2;
    let cut = Record::new(found.meta(), found.payload()[..half].to_vec());
    store.write(&key, cut, WriteMode::Overwrite).await.unwrap();

    let session = manager.open([token.as_str().as_bytes()]);
    let error = session.get::<String>("cart").await.unwrap_err();
    assert_is(&error, ErrorKind::Corrupt, Retry::Never);
    assert!(error.to_string().contains("end the session"), "{error}");
    session.destroy().unwrap();
    manager.commit(&session).await.unwrap();
    assert_eq!(manager.open([token.as_str().as_bytes()]).get::<String>("cart").await.unwrap(), None);
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
