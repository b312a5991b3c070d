//! This library.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::get;
use axum::{Extension, Router};
use dancecard_core::{MemoryStore, SessionManager};
use dancecard_tower::{Session, SessionError, SessionLayer};

use crate::gate::Gate;

pub(crate) const MADE_UP: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

type Answer<T = &'static str> = Result<T, SessionError>;

pub(crate) fn router() -> Router {
    Router::new()
        .route("/plain", get(async || "plain"))
        .route("/sign-in", get(sign_in))
        .route("/clear-and-sign-in", get(clear_and_sign_in))
        .route("/sign-out", get(sign_out))
        .route("/user", get(user))
        .route("/keys", get(keys))
        .route("/slow/{key}", get(slow))
        .layer(SessionLayer::new(SessionManager::new(MemoryStore::new())))
}

async fn sign_in(session: Session) -> Answer {
    session.set("user", "ada")?;
    Ok("welcome")
}

async fn clear_and_sign_in(session: Session) -> Answer {
    session.clear()?;
    sign_in(session).await
}

async fn sign_out(session: Session) -> Answer {
    session.destroy()?;
    Ok("goodbye")
}

async fn user(session: Session) -> Answer<String> {
    Ok(session.get("user").await?.unwrap_or_default())
}

async fn keys(session: Session) -> Answer<String> {
    let mut found = Vec::new();
    for key in ["a", "b"] {
        found.extend(session.get::<u32>(key).await?.map(|_| key));
    }
    Ok(found.join(" "))
}

async fn slow(Path(key): Path<String>, gate: Extension<Arc<Gate>>, session: Session) -> Answer {
    session.get::<String>("user").await?;
    gate.pass().await;
    session.set(&key, 1)?;
    Ok("done")
}
