//! axum_session, without a database.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::get;
use axum::{Extension, Router};
use axum_session::{Session, SessionConfig, SessionLayer, SessionNullPool, SessionStore};

use crate::gate::Gate;

pub(crate) const MADE_UP: &str = "00000000-0000-4000-8000-000000000001";

type Handle = Session<SessionNullPool>;

pub(crate) async fn router() -> Router {
    let store = SessionStore::<SessionNullPool>::new(None, SessionConfig::default()).await.expect("a store");
    Router::new()
        .route("/plain", get(async || "plain"))
        .route("/sign-in", get(sign_in))
        .route("/clear-and-sign-in", get(clear_and_sign_in))
        .route("/sign-out", get(sign_out))
        .route("/user", get(user))
        .route("/keys", get(keys))
        .route("/slow/{key}", get(slow))
        .layer(SessionLayer::new(store))
}

async fn sign_in(session: Handle) -> &'static str {
    session.set("user", "ada");
    "welcome"
}

async fn clear_and_sign_in(session: Handle) -> &'static str {
    session.clear();
    sign_in(session).await
}

async fn sign_out(session: Handle) -> &'static str {
    session.destroy();
    "goodbye"
}

async fn user(session: Handle) -> String {
    session.get("user").unwrap_or_default()
}

async fn keys(session: Handle) -> String {
    let found = ["a", "b"].into_iter().filter(|key| session.get::<u32>(key).is_some());
    found.collect::<Vec<_>>().join(" ")
}

async fn slow(Path(key): Path<String>, gate: Extension<Arc<Gate>>, session: Handle) -> &'static str {
    session.get::<String>("user");
    gate.pass().await;
    session.set(&key, 1);
    "done"
}
