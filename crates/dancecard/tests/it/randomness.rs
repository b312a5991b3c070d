//! A machine that gives no random bytes.

use dancecard::{
    Error, ErrorKind, IdGenerator, MemoryStore, Result, SessionId, SessionManager, Store, SystemIds,
};
use dancecard::{ListQuery, TokenAction};
use futures_util::StreamExt;

trials! {
    without_randomness_there_is_no_session,
}

/// Fails, as the system's generator would.
#[derive(Debug)]
struct NoIds;

impl IdGenerator for NoIds {
    fn generate(&self) -> Result<SessionId> {
        Err(Error::new(ErrorKind::Random, "new id"))
    }
}

async fn without_randomness_there_is_no_session() {
    let working = SessionManager::new(MemoryStore::new()).with_ids(SystemIds);
    let broken = working.clone().with_ids(NoIds);
    let session = working.open([]);
    session.set("cart", "shoes").unwrap();
    let TokenAction::Set { token, .. } = working.commit(&session).await.unwrap().token else { panic!() };

    let visitor = broken.open([]);
    visitor.set("cart", "boots").unwrap();
    assert_eq!(broken.commit(&visitor).await.unwrap_err().kind(), ErrorKind::Random);

    // A sign-in fails too, and does not fall back to the id that there is.
    let session = broken.open([token.as_str().as_bytes()]);
    session.sign_in("ada").unwrap();
    assert_eq!(broken.commit(&session).await.unwrap_err().kind(), ErrorKind::Random);
    let session = working.open([token.as_str().as_bytes()]);
    assert_eq!(session.principal().await.unwrap(), None);
    assert_eq!(working.store().list(ListQuery::all()).count().await, 1);
}
