//! Connections that the application lends.

use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{ErrorKind, ListQuery, Record, Retry, Store, WriteMode};
use dancecard_store_postgres::PostgresStore;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Client;

use crate::fixture::*;

cases! {
    everything_works_on_lent_connections,
    a_pool_that_lends_nothing_is_unavailable,
    a_pool_that_keeps_one_waiting_is_given_up_in_time,
    a_broken_lent_connection_is_typed_like_an_own_one,
    stricter_isolation_is_retried,
}

/// Some connections, each lent to one at a time.
struct Pool {
    clients: Vec<Client>,
    free: Arc<Semaphore>,
}

struct Lent {
    pool: Arc<Pool>,
    number: usize,
    _permit: OwnedSemaphorePermit,
}

impl std::ops::Deref for Lent {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.pool.clients[self.number]
    }
}

async fn pool(place: &Place, size: usize) -> Arc<Pool> {
    let mut clients = Vec::new();
    for _ in 0..size {
        clients.push(place.client().await);
    }
    Arc::new(Pool { clients, free: Arc::new(Semaphore::new(size)) })
}

async fn lend(pool: Arc<Pool>) -> Result<Lent, tokio::sync::AcquireError> {
    let permit = Arc::clone(&pool.free).acquire_owned().await?;
    let number = pool.free.available_permits();
    Ok(Lent { pool, number, _permit: permit })
}

fn store(place: &Place, pool: &Arc<Pool>) -> PostgresStore {
    let pool = Arc::clone(pool);
    PostgresStore::with_pool(place.config(), move || lend(Arc::clone(&pool))).unwrap()
}

async fn everything_works_on_lent_connections(place: Place) {
    let pool = pool(&place, 2).await;
    let store = Arc::new(store(&place, &pool));
    let version = create(&*store, "a").await;
    let version = store.write(&key("a"), record("new"), WriteMode::Update(version)).await.unwrap();
    let marker = Record::new(meta().into_retired(Some(key("b"))), vec![]);
    store.replace(&key("a"), &version, marker, &key("b"), record("b")).await.unwrap();
    assert!(store.touch(&key("b"), later(9000)).await.unwrap());
    assert_eq!(names(&*store, ListQuery::of(SECRET.into())).await, ["b"]);
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                create(&*store, number).await;
                assert!(payload(&*store, number).await.is_some());
                store.delete(&key(number)).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.purge_expired(later(9000), 10).await.unwrap(), 2);
    assert_eq!(pool.free.available_permits(), 2, "all were given back");
}

async fn a_pool_that_lends_nothing_is_unavailable(place: Place) {
    let pool = pool(&place, 1).await;
    let store = store(&place, &pool);
    pool.free.close();
    let error = store.write(&key("a"), record(""), WriteMode::Overwrite).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert!(error.to_string().contains("pool"), "{error}");
}

async fn a_pool_that_keeps_one_waiting_is_given_up_in_time(place: Place) {
    let pool = pool(&place, 1).await;
    let config = place.config().with_timeout(Duration::from_millis(200));
    let asked = Arc::clone(&pool);
    let store = PostgresStore::with_pool(config, move || lend(Arc::clone(&asked))).unwrap();
    let taken = lend(Arc::clone(&pool)).await.unwrap();
    assert_is(&store.health().await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    drop(taken);
    until_it_works(|| store.health()).await;
}

async fn a_broken_lent_connection_is_typed_like_an_own_one(place: Place) {
    let pool = pool(&place, 1).await;
    let store = store(&place, &pool);
    create(&store, "a").await;
    let lent = lend(Arc::clone(&pool)).await.unwrap();
    let pid: i32 = lent.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    drop(lent);
    // It waits for the record until it is ended.
    let client = place.client().await;
    client.batch_execute("BEGIN").await.unwrap();
    let lock = format!("SELECT 1 FROM {} FOR UPDATE", place.table);
    client.batch_execute(&lock).await.unwrap();
    let ending = async {
        let waits = format!("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = {pid}");
        while place.ask(&waits).await != "t" {}
        place.ask(&format!("SELECT pg_terminate_backend({pid})")).await;
    };
    let name = key("a");
    let (written, ()) = tokio::join!(store.write(&name, record("held"), WriteMode::Overwrite), ending);
    assert_is(&written.unwrap_err(), ErrorKind::Unavailable, Retry::Unknown);
    // A pool that lends it again is not the engine's to mend.
    let config = place.config().with_timeout(Duration::from_millis(100));
    let again = PostgresStore::with_pool(config, move || lend(Arc::clone(&pool))).unwrap();
    assert_is(&again.load(&name).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
}

/// Where transactions must look as if one came after the other, those that don't are refused by the server.
async fn stricter_isolation_is_retried(place: Place) {
    let pool = pool(&place, 4).await;
    for client in &pool.clients {
        client.batch_execute("SET default_transaction_isolation = 'serializable'").await.unwrap();
    }
    let store = Arc::new(store(&place, &pool));
    store.write(&key("counter"), record("0"), WriteMode::Create).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut counted = 0;
                while counted < 10 {
                    let found = store.load(&key("counter")).await.unwrap().unwrap();
                    let next: u64 = std::str::from_utf8(found.payload()).unwrap().parse().unwrap();
                    let update = WriteMode::Update(found.version().clone());
                    match store.write(&key("counter"), record((next + 1).to_string()), update).await {
                        Ok(_) => counted += 1,
                        Err(error) => assert!(error.is_conflict(), "{error} {}", sources(&error)),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(payload(&*store, "counter").await.unwrap(), b"80");
}
