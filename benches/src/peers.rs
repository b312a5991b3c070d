//! The same routes with the other libraries, as their documentation sets them up, with their stores in memory.

use axum::Router;
use axum::routing::get;

/// tower-sessions 0.15, `MemoryStore`.
pub fn tower_sessions() -> Router {
    use tower_sessions::{MemoryStore, SessionManagerLayer};
    routes_of_tower_sessions().layer(SessionManagerLayer::new(MemoryStore::default()))
}

fn routes_of_tower_sessions() -> Router {
    use tower_sessions::Session;

    use crate::profile::PROFILE;

    async fn read(session: Session, key: &str) -> String {
        session.get(key).await.expect("a value").unwrap_or_default()
    }

    async fn count(session: Session) -> String {
        let count = session.get::<u32>("count").await.expect("a value").unwrap_or_default() + 1;
        session.insert("count", count).await.expect("room");
        count.to_string()
    }

    async fn login(session: Session) -> &'static str {
        session.insert("user", "ada").await.expect("room");
        session.insert("profile", &*PROFILE).await.expect("room");
        "welcome"
    }

    async fn fill_large(session: Session) -> &'static str {
        for number in 0..63 {
            session.insert(&format!("key-{number}"), crate::routes::large_value()).await.expect("room");
        }
        session.insert("key-63", "ada").await.expect("room");
        "filled"
    }

    Router::new()
        .route("/plain", get(async || "plain"))
        .route("/read", get(async |session: Session| read(session, "user").await))
        .route("/read-large", get(async |session: Session| read(session, "key-63").await))
        .route("/count", get(count))
        .route("/login", get(login))
        .route("/fill-large", get(fill_large))
}

/// axum_session 0.22, without a database.
pub async fn axum_session() -> Router {
    use axum_session::{SessionConfig, SessionLayer, SessionNullPool, SessionStore};
    let store = SessionStore::<SessionNullPool>::new(None, SessionConfig::default()).await.expect("a store");
    routes_of_axum_session().layer(SessionLayer::new(store))
}

fn routes_of_axum_session() -> Router {
    use axum_session::{Session, SessionNullPool};

    use crate::profile::PROFILE;

    type Handle = Session<SessionNullPool>;

    async fn count(session: Handle) -> String {
        let count = session.get::<u32>("count").unwrap_or_default() + 1;
        session.set("count", count);
        count.to_string()
    }

    async fn login(session: Handle) -> &'static str {
        session.set("user", "ada");
        session.set("profile", &*PROFILE);
        "welcome"
    }

    async fn fill_large(session: Handle) -> &'static str {
        for number in 0..63 {
            session.set(&format!("key-{number}"), crate::routes::large_value());
        }
        session.set("key-63", "ada");
        "filled"
    }

    Router::new()
        .route("/plain", get(async || "plain"))
        .route("/read", get(async |session: Handle| session.get::<String>("user").unwrap_or_default()))
        .route(
            "/read-large",
            get(async |session: Handle| session.get::<String>("key-63").unwrap_or_default()),
        )
        .route("/count", get(count))
        .route("/login", get(login))
        .route("/fill-large", get(fill_large))
}
