//! Rows that were cut, spoilt, or written by a newer release: told by name, and left as they are unless somebody says otherwise.

use dancecard_core::{
    ErrorKind, RecordKey, Retry, SessionId, SessionManager, Store, Timestamp, Token, TokenAction, WriteMode,
};

use crate::fixture::*;

cases! {
    facts_that_were_cut_are_corrupt_and_stay,
    what_a_newer_release_wrote_is_left_to_it,
    a_spoilt_row_takes_only_what_needs_no_facts,
    damaged_sessions_are_told_and_do_not_hold_the_visitor,
}

/// Past the engine.
async fn put(place: &Place, key: &RecordKey, column: &str, value: &[u8]) {
    let put = format!("UPDATE {} SET {column} = $2 WHERE key = $1", place.table);
    assert_eq!(place.client().await.execute(&put, &[&key.as_bytes(), &value]).await.unwrap(), 1);
}

async fn stored(place: &Place, key: &RecordKey, column: &str) -> Vec<u8> {
    let get = format!("SELECT {column} FROM {} WHERE key = $1", place.table);
    place.client().await.query_one(&get, &[&key.as_bytes()]).await.unwrap().get(0)
}

fn facts() -> Vec<u8> {
    let mut facts = Vec::new();
    meta().encode(&mut facts);
    facts
}

/// Shorter and shorter, and a byte too long.
async fn facts_that_were_cut_are_corrupt_and_stay(place: Place) {
    let store = place.open();
    create(&store, "a").await;
    let facts = facts();
    let cuts = (0..facts.len()).rev().step_by(7).map(|length| facts[..length].to_vec());
    for spoilt in cuts.chain([[&*facts, b"x"].concat()]) {
        put(&place, &key("a"), "meta", &spoilt).await;
        assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Corrupt, Retry::Never);
        assert_eq!(stored(&place, &key("a"), "meta").await, spoilt);
    }
    put(&place, &key("a"), "meta", &facts).await;
    assert!(payload(&store, "a").await.is_some());
}

/// Of another format, or with a flag that is not known yet.
async fn what_a_newer_release_wrote_is_left_to_it(place: Place) {
    let store = place.open();
    create(&store, "a").await;
    for (at, byte) in [(0, 2), (2, 64)] {
        let mut newer = facts();
        newer[at] |= byte;
        put(&place, &key("a"), "meta", &newer).await;
        let error = store.load(&key("a")).await.unwrap_err();
        assert_is(&error, ErrorKind::Corrupt, Retry::Never);
        assert!(error.to_string().contains("run the release that wrote it"), "{error}");
        assert_eq!(stored(&place, &key("a"), "meta").await, newer);
    }
}

/// A write at a version that is another's is refused, a deletion is made, and so is what replaces all of it.
async fn a_spoilt_row_takes_only_what_needs_no_facts(place: Place) {
    let store = place.open();
    create(&store, "a").await;
    let version = store.load(&key("a")).await.unwrap().unwrap().version().clone();
    create(&store, "b").await;
    let other = store.load(&key("b")).await.unwrap().unwrap().version().clone();
    put(&place, &key("a"), "meta", b"canary").await;
    let update = store.write(&key("a"), record("new"), WriteMode::Update(other.clone())).await;
    assert!(update.unwrap_err().is_conflict());
    let create_again = store.write(&key("a"), record("new"), WriteMode::Create).await;
    assert!(create_again.unwrap_err().is_conflict());
    let replaced = store.replace(&key("a"), &other, record("old"), &key("c"), record("new")).await;
    assert!(replaced.unwrap_err().is_conflict());
    assert_eq!(payload(&store, "c").await, None);
    assert_eq!(stored(&place, &key("a"), "meta").await, b"canary");
    // A touch changes the time and leaves the rest; an end by time and one by hand go by the columns.
    store.touch(&key("a"), Timestamp::MAX).await.unwrap();
    assert_eq!(stored(&place, &key("a"), "meta").await, b"canary");
    // Who holds its version may write over it, for he knows all of it.
    store.write(&key("a"), record("new"), WriteMode::Update(version)).await.unwrap();
    assert_eq!(payload(&store, "a").await.unwrap(), b"new");
    put(&place, &key("a"), "meta", b"canary").await;
    store.delete(&key("a")).await.unwrap();
    assert_eq!(payload(&store, "a").await, None);
}

/// The key of a new session with something in it, and how its visitor comes back.
async fn visit(manager: &SessionManager) -> (Token, RecordKey) {
    let session = manager.open([]);
    session.set("cart", SECRET).unwrap();
    let TokenAction::Set { token, .. } = manager.commit(&session).await.unwrap().token else { panic!() };
    let key = SessionId::parse(token.as_str().as_bytes()).unwrap().key("");
    (token, key)
}

/// The data cut, as only the session layer can see, and the facts, as the engine does.
async fn damaged_sessions_are_told_and_do_not_hold_the_visitor(place: Place) {
    let manager = SessionManager::new(place.open());
    let spoilt = [
        ("payload", &b"{\"cart\":\"ca"[..], "end the session"),
        ("payload", b"", "end the session"),
        ("meta", b"\x01\x01", "delete it"),
    ];
    for (column, value, remedy) in spoilt {
        let (token, key) = visit(&manager).await;
        put(&place, &key, column, value).await;
        let session = manager.open([token.as_str().as_bytes()]);
        let error = session.get::<String>("cart").await.unwrap_err();
        assert_is(&error, ErrorKind::Corrupt, Retry::Never);
        assert!(error.to_string().contains(remedy), "{error}");
        session.destroy().unwrap();
        manager.commit(&session).await.unwrap();
        let again = manager.open([token.as_str().as_bytes()]);
        assert_eq!(again.get::<String>("cart").await.unwrap(), None, "{column}");
    }
}
