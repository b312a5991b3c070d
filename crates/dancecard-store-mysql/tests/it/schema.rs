//! The table makes itself, once, where it may, and nobody else's is touched.

use dancecard_core::{Error, ErrorKind, Retry, Store, WriteMode};
use dancecard_store_mysql::{Config, MysqlStore};

use crate::fixture::*;

cases! {
    the_table_says_whose_it_is,
    engines_that_start_at_once_make_one_table,
    any_permitted_name_works,
    a_database_keeps_tables_apart,
    another_applications_table_is_refused_and_left_alone,
    a_newer_releases_table_is_refused_and_left_alone,
    with_create_off_nothing_is_made,
    an_administrator_can_make_the_table,
    who_may_not_make_the_table_is_told_so,
    a_table_that_vanishes_is_made_anew,
}

async fn refusal(config: Config) -> Error {
    let error = MysqlStore::connect(config).unwrap().health().await.unwrap_err();
    assert_is(&error, ErrorKind::Config, Retry::Never);
    error
}

fn state(place: &Place, what: &str) -> String {
    format!(
        "SELECT {what} FROM information_schema.tables WHERE table_schema = 'dancecard' AND table_name = '{}'",
        place.table
    )
}

async fn the_table_says_whose_it_is(place: Place) {
    create(&place.open(), "a").await;
    assert_eq!(place.ask(&state(&place, "table_comment")).await, "dancecard sessions, schema 1");
    assert_eq!(place.ask(&state(&place, "engine")).await, "InnoDB");
}

async fn engines_that_start_at_once_make_one_table(place: Place) {
    for round in 0..5 {
        let config = place.config().with_table(format!("{}_{round}", place.table));
        let starts: Vec<_> = (0..8)
            .map(|number| {
                let store = MysqlStore::connect(config.clone()).unwrap();
                tokio::spawn(async move { drop(create(&store, number).await) })
            })
            .collect();
        for start in starts {
            start.await.unwrap();
        }
        let store = MysqlStore::connect(config).unwrap();
        assert_eq!(list(&store, Default::default()).await.len(), 8);
    }
}

async fn any_permitted_name_works(place: Place) {
    for name in ["user", "SELECT", "Mixed_Case", "_", &"x".repeat(64)] {
        let store = MysqlStore::connect(place.config().with_table(name)).unwrap();
        create(&store, "a").await;
        assert_eq!(store.purge_expired(later(9000), 10).await.unwrap(), 1, "{name}");
        assert_eq!(place.ask(&format!("SELECT count(*) FROM `{name}`")).await, "0", "{name}");
    }
}

async fn a_database_keeps_tables_apart(place: Place) {
    let (one, other) = (format!("{}_A", place.table), format!("{}_B", place.table));
    place.run(&format!("CREATE DATABASE {one}; CREATE DATABASE {other}")).await;
    let open = |database: &str| MysqlStore::connect(place.config().with_database(database)).unwrap();
    let (one, other) = (open(&one), open(&other));
    create(&one, "a").await;
    assert_eq!(payload(&other, "a").await, None);
    create(&other, "a").await;
    one.delete(&key("a")).await.unwrap();
    assert!(payload(&other, "a").await.is_some());
}

async fn another_applications_table_is_refused_and_left_alone(place: Place) {
    let table = &place.table;
    for comment in ["''", "'sessions'", "'dancecard sessions, schema x'", "'dancecard sessions, schema 0'"] {
        let made = format!("CREATE TABLE {table} (money bigint); INSERT INTO {table} VALUES (7)");
        place.run(&format!("{made}; ALTER TABLE {table} COMMENT = {comment}")).await;
        let error = refusal(place.config()).await;
        assert!(error.to_string().contains("name another table"), "{error}");
        assert_eq!(place.ask(&format!("SELECT sum(money) FROM {table}")).await, "7");
        place.run(&format!("DROP TABLE {table}")).await;
    }
}

async fn a_newer_releases_table_is_refused_and_left_alone(place: Place) {
    create(&place.open(), "a").await;
    let mark =
        |version| format!("ALTER TABLE {} COMMENT = 'dancecard sessions, schema {version}'", place.table);
    place.run(&mark(2)).await;
    let error = refusal(place.config()).await;
    assert!(error.to_string().contains("newer release"), "{error}");
    place.run(&mark(1)).await;
    assert!(payload(&place.open(), "a").await.is_some());
}

async fn with_create_off_nothing_is_made(place: Place) {
    let error = refusal(place.config().with_create(false)).await;
    assert!(error.to_string().contains("create is off"), "{error}");
    assert_eq!(place.ask(&state(&place, "count(*)")).await, "0");
}

async fn an_administrator_can_make_the_table(place: Place) {
    place.run(&place.config().schema_sql().unwrap()).await;
    let store = MysqlStore::connect(place.config().with_create(false)).unwrap();
    create(&store, "a").await;
    assert_eq!(store.purge_expired(later(9000), 10).await.unwrap(), 1);
}

async fn who_may_not_make_the_table_is_told_so(place: Place) {
    let table = &place.table;
    place.run(&format!("CREATE USER {table}_app; GRANT SELECT ON dancecard.* TO {table}_app")).await;
    let config = place.config().with_credentials(format!("{table}_app"), "");
    let error = refusal(config.clone()).await;
    assert!(sources(&error).contains("1142"), "{error} {}", sources(&error));

    place.run(&place.config().schema_sql().unwrap()).await;
    place.run(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {table}_app")).await;
    let store = MysqlStore::connect(config.with_create(false).with_connections(1)).unwrap();
    create(&store, "a").await;
    place.run(&format!("REVOKE UPDATE ON {table} FROM {table}_app")).await;
    let error = store.touch(&key("a"), later(1)).await.unwrap_err();
    assert_is(&error, ErrorKind::Config, Retry::Never);
}

/// Restored, migrated to another server, or dropped by mistake: the application need not be restarted.
async fn a_table_that_vanishes_is_made_anew(place: Place) {
    let store = MysqlStore::connect(place.config().with_connections(1)).unwrap();
    create(&store, "a").await;
    assert!(payload(&store, "a").await.is_some());
    place.run(&format!("DROP TABLE {}", place.table)).await;
    let error = store.load(&key("a")).await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    assert!(error.to_string().contains("the table is gone"), "{error}");
    let name = key("a");
    until_it_works(|| store.write(&name, record("new"), WriteMode::Overwrite)).await;
    assert_eq!(payload(&store, "a").await.unwrap(), b"new");
}
