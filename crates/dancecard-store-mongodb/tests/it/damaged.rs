//! Documents that were cut, spoilt, or written by a newer release: told by name, and left as they are.

use dancecard_core::{
    ErrorKind, ListQuery, RecordKey, Retry, SessionId, SessionManager, Store, Token, TokenAction,
};
use mongodb::bson::{Binary, Document, doc, spec::BinarySubtype};

use crate::fixture::*;

cases! {
    facts_that_were_cut_are_corrupt_and_stay,
    what_a_newer_release_wrote_is_left_to_it,
    damaged_sessions_are_told_and_do_not_hold_the_visitor,
}

fn bytes(bytes: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }
}

/// Past the engine.
async fn put(place: &Place, id: Document, field: &str, value: &[u8]) {
    let change = doc! { "$set": { field: bytes(value) } };
    assert_eq!(place.collection().await.update_one(id, change).await.unwrap().modified_count, 1);
}

/// Shorter and shorter, and a byte too long.
async fn facts_that_were_cut_are_corrupt_and_stay(place: Place) {
    let store = place.open();
    create(&store, "a").await;
    let mut facts = Vec::new();
    meta().encode(&mut facts);
    let cuts = (0..facts.len()).rev().step_by(7).map(|length| facts[..length].to_vec());
    for spoilt in cuts.chain([[&*facts, b"x"].concat()]) {
        put(&place, id("a"), "m", &spoilt).await;
        assert_is(&store.load(&key("a")).await.unwrap_err(), ErrorKind::Corrupt, Retry::Never);
        let found = place.collection().await.find_one(id("a")).await.unwrap().unwrap();
        assert_eq!(found.get_binary_generic("m").unwrap(), &spoilt);
    }
    put(&place, id("a"), "m", &facts).await;
    assert!(payload(&store, "a").await.is_some());
}

/// Of another format, or with a flag that is not known yet.
async fn what_a_newer_release_wrote_is_left_to_it(place: Place) {
    let store = place.open();
    create(&store, "a").await;
    let mut facts = Vec::new();
    meta().encode(&mut facts);
    for (at, byte) in [(0, 2), (2, 64)] {
        let mut newer = facts.clone();
        newer[at] |= byte;
        put(&place, id("a"), "m", &newer).await;
        let listed = list(&store, ListQuery::all()).await.remove(0).unwrap_err();
        for error in [store.load(&key("a")).await.unwrap_err(), listed] {
            assert_is(&error, ErrorKind::Corrupt, Retry::Never);
            assert!(error.to_string().contains("run the release that wrote it"), "{error}");
        }
        let found = place.collection().await.find_one(id("a")).await.unwrap().unwrap();
        assert_eq!(found.get_binary_generic("m").unwrap(), &newer);
    }
}

/// The key of a new session with something in it, and how its visitor comes back.
async fn visit(manager: &SessionManager) -> (Token, RecordKey) {
    let session = manager.open([]);
    session.set("cart", SECRET).unwrap();
    let TokenAction::Set { token, .. } = manager.commit(&session).await.unwrap().token else { panic!() };
    let key = SessionId::parse(token.as_str().as_bytes()).unwrap().key("");
    (token, key)
}

/// The data cut, as only the session layer can see, and the facts or their type spoilt, as the engine does.
async fn damaged_sessions_are_told_and_do_not_hold_the_visitor(place: Place) {
    let manager = SessionManager::new(place.open());
    let spoilt = [
        ("d", &b"{\"cart\":\"ca"[..], "end the session"),
        ("d", b"", "end the session"),
        ("m", b"\x01\x01", "delete it"),
    ];
    for (field, value, remedy) in spoilt {
        let (token, key) = visit(&manager).await;
        put(&place, doc! { "_id": bytes(key.as_bytes()) }, field, value).await;
        let session = manager.open([token.as_str().as_bytes()]);
        let error = session.get::<String>("cart").await.unwrap_err();
        assert_is(&error, ErrorKind::Corrupt, Retry::Never);
        assert!(error.to_string().contains(remedy), "{error}");
        session.destroy().unwrap();
        manager.commit(&session).await.unwrap();
        let again = manager.open([token.as_str().as_bytes()]);
        assert_eq!(again.get::<String>("cart").await.unwrap(), None, "{field}");
    }
}
