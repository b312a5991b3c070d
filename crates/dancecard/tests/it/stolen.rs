//! What somebody has who copied the store.

use dancecard::sqlite::{Config, SqliteStore};
use dancecard::{ListQuery, SessionManager, Store, TokenAction};
use futures_util::StreamExt;

trials! {
    a_stolen_store_logs_nobody_in,
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

async fn a_stolen_store_logs_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::connect(Config::new(folder.path().join("sessions.db"))).unwrap();
    let manager = SessionManager::new(store);

    let session = manager.open([]);
    session.sign_in("ada").unwrap();
    session.set("cart", "shoes").unwrap();
    let TokenAction::Set { token, .. } = manager.commit(&session).await.unwrap().token else { panic!() };
    let token = token.as_str().as_bytes();
    let session = manager.open([token]);
    assert_eq!(session.principal().await.unwrap(), Some("ada".into()));

    // The token is in no file of the engine, though the data is.
    let mut found = false;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!contains(&bytes, token), "the token is in the file");
        found |= contains(&bytes, b"shoes");
    }
    assert!(found, "nothing was stored, so nothing was tested");

    // And what is there in its place opens nothing, in whatever spelling a client sends it.
    let entries: Vec<_> = manager.store().list(ListQuery::all()).collect().await;
    for entry in entries {
        let key = entry.unwrap().key;
        let hex = key.to_hex();
        let base64 = dancecard::SessionId::from_bytes(key.as_bytes().try_into().unwrap()).token();
        for spelling in [key.as_bytes(), hex.as_bytes(), base64.as_str().as_bytes()] {
            let session = manager.open([spelling]);
            assert_eq!(session.principal().await.unwrap(), None);
            assert_eq!(session.get::<String>("cart").await.unwrap(), None);
        }
    }
}
