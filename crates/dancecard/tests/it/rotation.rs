//! The old id after a change of rights, on engines that keep records as bytes and on those that don't.

use dancecard::sqlite::{Config, SqliteStore};
use dancecard::{MemoryStore, SessionManager, Store, Token, TokenAction};

trials! {
    the_id_from_before_a_sign_in_stops_at_once,
}

async fn token_of(manager: &SessionManager, session: &dancecard::Session) -> Token {
    match manager.commit(session).await.unwrap().token {
        TokenAction::Set { token, .. } => token,
        other => panic!("no token: {other:?}"),
    }
}

async fn check(store: impl Store) {
    let manager = SessionManager::new(store);
    let session = manager.open([]);
    session.set("cart", "shoes").unwrap();
    let before = token_of(&manager, &session).await;

    let session = manager.open([before.as_str().as_bytes()]);
    session.sign_in("ada").unwrap();
    let after = token_of(&manager, &session).await;

    let session = manager.open([after.as_str().as_bytes()]);
    assert_eq!(session.principal().await.unwrap(), Some("ada".into()));
    let session = manager.open([before.as_str().as_bytes()]);
    assert_eq!(session.principal().await.unwrap(), None, "the id from before the sign-in has its rights");
    assert_eq!(session.get::<String>("cart").await.unwrap(), None);
}

async fn the_id_from_before_a_sign_in_stops_at_once() {
    check(MemoryStore::new()).await;
    let folder = tempfile::tempdir().unwrap();
    check(SqliteStore::connect(Config::new(folder.path().join("sessions.db"))).unwrap()).await;
}
