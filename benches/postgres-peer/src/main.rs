//! `postgres-peer URL [SECONDS]`: tower-sessions with its PostgreSQL store, as its documentation sets it up: a pool with
//! sqlx's defaults.

use std::time::Duration;

use tower_sessions::SessionManagerLayer;
use tower_sessions_sqlx_store::PostgresStore;
use tower_sessions_sqlx_store::sqlx::PgPool;

#[path = "../../src/load.rs"]
mod load;
#[path = "../../src/profile.rs"]
mod profile;
#[path = "../../sqlite-peer/src/routes.rs"]
mod routes;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("the URL of a server");
    let seconds = arguments.next().unwrap_or_else(|| "3".into()).parse().expect("a number");
    let store = PostgresStore::new(PgPool::connect(&url).await.expect("a pool"));
    store.migrate().await.expect("a table");
    let router = routes::routes().layer(SessionManagerLayer::new(store));
    let rows = load::rows("tower-sessions 0.14, sqlx defaults", router, Duration::from_secs(seconds)).await;
    rows.iter().for_each(|row| println!("{row}"));
}
