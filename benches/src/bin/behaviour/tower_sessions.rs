//! tower-sessions, as its documentation sets it up.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::get;
use axum::{Extension, Router};
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

use crate::gate::Gate;

pub(crate) const MADE_UP: &str = "AAAAAAAAAAAAAAAAAAAAAQ";

pub(crate) fn router() -> Router {
    Router::new()
        .route("/plain", get(async || "plain"))
        .route("/sign-in", get(sign_in))
        .route("/clear-and-sign-in", get(clear_and_sign_in))
        .route("/sign-out", get(sign_out))
        .route("/user", get(user))
        .route("/keys", get(keys))
        .route("/slow/{key}", get(slow))
        .layer(SessionManagerLayer::new(MemoryStore::default()))
}

async fn sign_in(session: Session) -> &'static str {
    session.insert("user", "ada").await.expect("room");
    "welcome"
}

async fn clear_and_sign_in(session: Session) -> &'static str {
    session.clear().await;
    sign_in(session).await
}

async fn sign_out(session: Session) -> &'static str {
    session.flush().await.expect("deleted");
    "goodbye"
}

async fn user(session: Session) -> String {
    session.get("user").await.expect("a value").unwrap_or_default()
}

async fn keys(session: Session) -> String {
    let mut found = Vec::new();
    for key in ["a", "b"] {
        found.extend(session.get::<u32>(key).await.expect("a value").map(|_| key));
    }
    found.join(" ")
}

async fn slow(Path(key): Path<String>, gate: Extension<Arc<Gate>>, session: Session) -> &'static str {
    session.get::<String>("user").await.expect("a value");
    gate.pass().await;
    session.insert(&key, 1).await.expect("room");
    "done"
}
