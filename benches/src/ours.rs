//! The routes with this library, and without any.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use dancecard_core::{CachedStore, CallTotals, MemoryStore, MeteredStore, SessionManager, Store};
use dancecard_tower::{Session, SessionError, SessionLayer};

use crate::profile::PROFILE;
use crate::repeatable::repeatable;
use crate::routes::large_value;

/// No sessions at all.
pub fn bare() -> Router {
    Router::new().route("/plain", get(async || "plain")).route("/read", get(async || "ada".to_string()))
}

/// Sessions in memory.
pub fn dancecard() -> Router {
    in_memory(MemoryStore::new())
}

/// Sessions in memory, every call metered.
pub fn metered() -> Router {
    in_memory(MeteredStore::new(MemoryStore::new(), CallTotals::default()))
}

/// Sessions in memory behind a near cache, which keeps them throughout.
pub fn cached() -> Router {
    in_memory(CachedStore::new(MemoryStore::new()).with_max_age(Duration::from_secs(3600)))
}

fn in_memory(store: impl Store) -> Router {
    with_manager(repeatable(SessionManager::new(store)))
}

/// Sessions of a manager.
pub fn with_manager(manager: SessionManager) -> Router {
    Router::new()
        .route("/plain", get(async || "plain"))
        .route("/read", get(read))
        .route("/read-large", get(read_large))
        .route("/count", get(count))
        .route("/login", get(login))
        .route("/fill-large", get(fill_large))
        .layer(SessionLayer::new(manager))
}

type Answer<T = String> = Result<T, SessionError>;

async fn read(session: Session) -> Answer {
    Ok(session.get("user").await?.unwrap_or_default())
}

async fn read_large(session: Session) -> Answer {
    Ok(session.get("key-63").await?.unwrap_or_default())
}

async fn count(session: Session) -> Answer {
    let count = session.get::<u32>("count").await?.unwrap_or_default() + 1;
    session.set("count", count)?;
    Ok(count.to_string())
}

async fn login(session: Session) -> Answer<&'static str> {
    session.set("user", "ada")?;
    session.set("profile", &*PROFILE)?;
    Ok("welcome")
}

async fn fill_large(session: Session) -> Answer<&'static str> {
    for number in 0..63 {
        session.set(&format!("key-{number}"), large_value())?;
    }
    session.set("key-63", "ada")?;
    Ok("filled")
}
