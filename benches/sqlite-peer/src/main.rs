//! tower-sessions with its SQLite store, as its documentation sets it up: a pool with sqlx's defaults.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tower_sessions::{Session, SessionManagerLayer};
use tower_sessions_sqlx_store::SqliteStore;
use tower_sessions_sqlx_store::sqlx::SqlitePool;

#[path = "../../src/load.rs"]
mod load;
#[path = "../../src/profile.rs"]
mod profile;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let seconds = std::env::args().nth(1).unwrap_or_else(|| "3".into()).parse().expect("a number");
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("sessions.db").display());
    let store = SqliteStore::new(SqlitePool::connect(&url).await.expect("a pool"));
    store.migrate().await.expect("a table");
    let router = routes().layer(SessionManagerLayer::new(store));
    load::print("tower-sessions 0.14, sqlx defaults", router, Duration::from_secs(seconds)).await;
}

fn routes() -> Router {
    Router::new().route("/read", get(read)).route("/count", get(count)).route("/login", get(login))
}

async fn read(session: Session) -> Result<String, StatusCode> {
    Ok(session.get("user").await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?.unwrap_or_default())
}

async fn count(session: Session) -> Result<String, StatusCode> {
    let count = session.get::<u32>("count").await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?.unwrap_or_default() + 1;
    session.insert("count", count).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(count.to_string())
}

async fn login(session: Session) -> &'static str {
    session.insert("user", "ada").await.expect("room");
    session.insert("profile", &*profile::PROFILE).await.expect("room");
    "welcome"
}
