//! tower-sessions with its SQLite store, as its documentation sets it up: a pool with sqlx's defaults.

use std::time::Duration;

use tower_sessions::SessionManagerLayer;
use tower_sessions_sqlx_store::SqliteStore;
use tower_sessions_sqlx_store::sqlx::SqlitePool;

#[path = "../../src/load.rs"]
mod load;
#[path = "../../src/profile.rs"]
mod profile;
mod routes;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let seconds = std::env::args().nth(1).unwrap_or_else(|| "3".into()).parse().expect("a number");
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("sessions.db").display());
    let store = SqliteStore::new(SqlitePool::connect(&url).await.expect("a pool"));
    store.migrate().await.expect("a table");
    let router = routes::routes().layer(SessionManagerLayer::new(store));
    let rows = load::rows("tower-sessions 0.14, sqlx defaults", router, Duration::from_secs(seconds)).await;
    rows.iter().for_each(|row| println!("{row}"));
}
