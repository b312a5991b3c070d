//! The routes with tower-sessions.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tower_sessions::Session;

use crate::profile;

pub fn routes() -> Router {
    Router::new().route("/read", get(read)).route("/count", get(count)).route("/login", get(login))
}

async fn read(session: Session) -> Result<String, StatusCode> {
    Ok(session.get("user").await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?.unwrap_or_default())
}

async fn count(session: Session) -> Result<String, StatusCode> {
    let count =
        session.get::<u32>("count").await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?.unwrap_or_default()
            + 1;
    session.insert("count", count).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(count.to_string())
}

async fn login(session: Session) -> &'static str {
    session.insert("user", "ada").await.expect("room");
    session.insert("profile", &*profile::PROFILE).await.expect("room");
    "welcome"
}
