//! Connections that the application lends.

use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{ErrorKind, ListQuery, Record, Retry, Store, WriteMode};
use dancecard_store_mysql::MysqlStore;
use mysql_async::prelude::Queryable;
use mysql_async::{Opts, OptsBuilder, Pool, PoolConstraints, PoolOpts, Row};

use crate::fixture::*;

cases! {
    everything_works_on_lent_connections,
    the_application_gets_its_connections_back_as_they_were,
    a_pool_that_does_not_suit_is_refused,
    a_pool_that_lends_nothing_is_unavailable,
    a_pool_that_keeps_one_waiting_is_given_up_in_time,
    a_broken_lent_connection_is_typed_like_an_own_one,
    dropped_operations_cost_the_pool_their_connections_only,
}

fn options(place: &Place) -> OptsBuilder {
    let options = OptsBuilder::from_opts(Opts::from_url(&place.url).unwrap());
    options.prefer_socket(false).client_found_rows(true)
}

/// It keeps the connections that it has made.
fn pool(place: &Place, most: usize) -> Pool {
    let limits = PoolOpts::new().with_constraints(PoolConstraints::new(most, most).unwrap());
    Pool::new(options(place).pool_opts(limits))
}

fn store(place: &Place, pool: &Pool) -> MysqlStore {
    MysqlStore::with_pool(place.config(), pool.clone()).unwrap()
}

async fn everything_works_on_lent_connections(place: Place) {
    let pool = pool(&place, 2);
    let store = Arc::new(store(&place, &pool));
    let version = create(&*store, "a").await;
    let version = store.write(&key("a"), record("new"), WriteMode::Update(version)).await.unwrap();
    let marker = Record::new(meta().into_retired(Some(key("b"))), vec![]);
    store.replace(&key("a"), &version, marker, &key("b"), record("b")).await.unwrap();
    for _ in 0..2 {
        // The second time it changes nothing, and finds it all the same.
        assert!(store.touch(&key("b"), later(9000)).await.unwrap());
    }
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
    assert!(pool.metrics().connection_count.load(std::sync::atomic::Ordering::Relaxed) <= 2);
}

async fn the_application_gets_its_connections_back_as_they_were(place: Place) {
    let settings = "SELECT CONCAT(@@sql_mode, ' ', @@autocommit, ' ', @@innodb_lock_wait_timeout)";
    let fresh = place.ask(settings).await;
    let pool = pool(&place, 1);
    let store = store(&place, &pool);
    create(&store, "a").await;
    let mut lent = pool.get_conn().await.unwrap();
    let found: Option<String> = lent.query_first(settings).await.unwrap();
    assert_eq!(found, Some(fresh));
    // What the application leaves behind is no concern of the engine's either.
    lent.query_drop("SET SESSION sql_mode = '', autocommit = 0").await.unwrap();
    drop(lent);
    create(&store, "b").await;
    assert!(payload(&place.open(), "b").await.is_some());
}

async fn a_pool_that_does_not_suit_is_refused(place: Place) {
    let keeps = PoolOpts::new().with_reset_connection(false);
    let unsuitable = [
        (options(&place).client_found_rows(false), "client_found_rows"),
        (options(&place).pool_opts(keeps), "reset_connection"),
    ];
    for (options, remedy) in unsuitable {
        let error = store(&place, &Pool::new(options)).health().await.unwrap_err();
        assert_is(&error, ErrorKind::Config, Retry::Never);
        assert!(error.to_string().contains(remedy), "{error}");
    }
}

async fn a_pool_that_lends_nothing_is_unavailable(place: Place) {
    let pool = pool(&place, 1);
    let store = store(&place, &pool);
    pool.disconnect().await.unwrap();
    let error = store.write(&key("a"), record(""), WriteMode::Overwrite).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert!(error.to_string().contains("pool"), "{error}");
}

async fn a_pool_that_keeps_one_waiting_is_given_up_in_time(place: Place) {
    let pool = pool(&place, 1);
    let short = Duration::from_millis(200);
    let store = MysqlStore::with_pool(place.config().with_timeout(short), pool.clone()).unwrap();
    let taken = pool.get_conn().await.unwrap();
    let error = within(short, store.health()).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    drop(taken);
    until_it_works(|| store.health()).await;
}

async fn a_broken_lent_connection_is_typed_like_an_own_one(place: Place) {
    let pool = pool(&place, 1);
    let store = store(&place, &pool);
    create(&store, "a").await;
    let lent = pool.get_conn().await.unwrap();
    let id = lent.id();
    drop(lent);
    // It waits for the record until it is ended.
    let mut client = place.client().await;
    client.query_drop("START TRANSACTION").await.unwrap();
    client.query_drop(format!("SELECT 1 FROM {} FOR UPDATE", place.table)).await.unwrap();
    let ending = async {
        let mut observer = place.client().await;
        let mut waits = false;
        while !waits {
            let seen: Vec<Row> = observer.query("SHOW PROCESSLIST").await.unwrap();
            let is_it = |row: &Row| row.get(0) == Some(id) && row.get(4) == Some("Execute".to_owned());
            waits = seen.iter().any(is_it);
        }
        place.run(&format!("KILL {id}")).await;
    };
    let name = key("a");
    let (written, ()) = tokio::join!(store.write(&name, record("held"), WriteMode::Overwrite), ending);
    assert_is(&written.unwrap_err(), ErrorKind::Unavailable, Retry::Unknown);
    client.query_drop("COMMIT").await.unwrap();
    // The pool makes another.
    store.write(&name, record("after"), WriteMode::Overwrite).await.unwrap();
    assert_eq!(payload(&store, "a").await.unwrap(), b"after");
}

/// Nobody reads their answers, so that they can't go back.
async fn dropped_operations_cost_the_pool_their_connections_only(place: Place) {
    let pool = pool(&place, 2);
    let store = store(&place, &pool);
    create(&store, "a").await;
    let name = key("a");
    for pause in (0..8).cycle().take(40) {
        let load = tokio::time::timeout(Duration::from_micros(200 * pause), store.load(&name));
        if let Ok(found) = load.await {
            assert!(found.unwrap().is_some());
        }
    }
    assert_eq!(payload(&store, "a").await.unwrap(), bulk(100).payload);
}
