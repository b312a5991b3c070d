//! Listings: complete, without repetition, in pages, and holding nothing up.

use std::collections::HashSet;
use std::future::poll_fn;

use dancecard_core::{ErrorKind, ListQuery, Record, Retry, Store, WriteMode};

use mysql_async::prelude::Queryable;

use crate::fixture::*;

cases! {
    each_record_is_listed_once_whatever_the_number_of_pages,
    what_lives_throughout_is_listed_once_while_others_come_and_go,
    the_marker_of_an_ended_session_is_nobodys,
    a_listing_that_pauses_holds_no_transaction,
    a_dropped_listing_leaves_the_engine_at_work,
    a_line_that_is_not_readable_hides_no_other,
    statements_find_rows_by_index,
}

async fn each_record_is_listed_once_whatever_the_number_of_pages(place: Place) {
    let store = place.open();
    let mut expected = HashSet::new();
    for count in [0, 1, 127, 128, 129, 256, 300] {
        for number in expected.len()..count {
            create(&store, number).await;
            expected.insert(number.to_string());
        }
        for query in [ListQuery::all(), ListQuery::of(SECRET.into())] {
            let listed = names(&store, query).await;
            assert_eq!(listed.len(), count);
            assert_eq!(listed.into_iter().collect::<HashSet<_>>(), expected);
        }
    }
}

async fn what_lives_throughout_is_listed_once_while_others_come_and_go(place: Place) {
    let store = place.open();
    for number in 0..600 {
        create(&store, number).await;
    }
    let mut stream = store.list(ListQuery::all());
    let mut listed = Vec::new();
    while let Some(entry) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        listed.push(entry.unwrap().key);
        if listed.len() % 10 == 0 {
            let number = listed.len();
            store.delete(&key(number)).await.unwrap();
            create(&store, format!("new {number}")).await;
            store.write(&key(number + 1), record("moved"), WriteMode::Overwrite).await.unwrap();
        }
    }
    let distinct: HashSet<_> = listed.iter().cloned().collect();
    assert_eq!(distinct.len(), listed.len());
    for number in (0..600).filter(|number| number % 10 != 0) {
        assert!(distinct.contains(&key(number)), "{number}");
    }
}

async fn the_marker_of_an_ended_session_is_nobodys(place: Place) {
    let store = place.open();
    let version = create(&store, "old").await;
    let marker = Record::new(meta().into_retired(None).with_principal(Some(SECRET.into())), vec![]);
    store.replace(&key("old"), &version, marker, &key("new"), record("")).await.unwrap();
    assert_eq!(names(&store, ListQuery::of(SECRET.into())).await, ["new"]);
    assert_eq!(list(&store, ListQuery::all()).await.len(), 2);
}

/// A transaction that is open keeps the server from clearing away old rows.
async fn a_listing_that_pauses_holds_no_transaction(place: Place) {
    // Where no other test has statements that would have to be shown.
    let (_server, place) = fragile(place.make).await;
    let store = place.open();
    for number in 0..300 {
        create(&store, number).await;
    }
    let mut stream = store.list(ListQuery::all());
    poll_fn(|context| stream.as_mut().poll_next(context)).await.unwrap().unwrap();
    let open = format!(
        "SELECT count(*) FROM information_schema.innodb_trx JOIN information_schema.processlist \
         ON trx_mysql_thread_id = id WHERE info LIKE '%{}%' AND id <> connection_id()",
        place.table
    );
    assert_eq!(place.ask_of_statements(&open).await, "0");
}

async fn a_dropped_listing_leaves_the_engine_at_work(place: Place) {
    let store = place.open();
    for number in 0..300 {
        create(&store, number).await;
    }
    for _ in 0..50 {
        let mut stream = store.list(ListQuery::all());
        let _ = stream.as_mut().poll_next(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    }
    assert_eq!(list(&store, ListQuery::all()).await.len(), 300);
}

async fn a_line_that_is_not_readable_hides_no_other(place: Place) {
    let store = place.open();
    for number in 0..5 {
        create(&store, number).await;
    }
    let spoil = format!("UPDATE {} SET meta = 'canary' WHERE `key` = ?", place.table);
    let mut client = place.client().await;
    client.exec_drop(spoil, (key(2).as_bytes(),)).await.unwrap();
    assert_eq!(client.affected_rows(), 1);
    let (good, bad): (Vec<_>, Vec<_>) =
        list(&store, ListQuery::all()).await.into_iter().partition(|entry| entry.is_ok());
    assert_eq!((good.len(), bad.len()), (4, 1));
    assert_is(&bad.into_iter().next().unwrap().unwrap_err(), ErrorKind::Corrupt, Retry::Never);
    assert_is(&store.load(&key(2)).await.unwrap_err(), ErrorKind::Corrupt, Retry::Never);
    // Foreign data gives way to a record.
    store.write(&key(2), record("new"), WriteMode::Overwrite).await.unwrap();
    assert_eq!(payload(&store, 2).await.unwrap(), b"new");
}

/// The server's own account of which way it takes, with a table that is worth an index.
async fn statements_find_rows_by_index(place: Place) {
    let store = place.open();
    create(&store, "a").await;
    let table = &place.table;
    place
        .run(&format!(
            "INSERT INTO {table} SELECT sha2(seq, 256), seq, seq, concat('user ', seq % 10), X'01', X'02' \
             FROM {}; ANALYZE TABLE {table}",
            numbers(2)
        ))
        .await;
    let queries = [
        (format!("SELECT version FROM {table} WHERE `key` = X'00'"), "PRIMARY"),
        (format!("SELECT `key` FROM {table} WHERE `key` >= X'30' ORDER BY `key` LIMIT 128"), "PRIMARY"),
        (
            format!(
                "SELECT `key` FROM {table} WHERE principal = 'user 7' AND `key` >= X'30' ORDER BY `key` LIMIT 128"
            ),
            "by_principal",
        ),
        (
            format!("SELECT `key` FROM {table} WHERE expires_at <= 100 ORDER BY expires_at LIMIT 256"),
            "by_expiry",
        ),
    ];
    let mut client = place.client().await;
    for (query, index) in queries {
        let plan: Vec<mysql_async::Row> =
            client.query(format!("EXPLAIN FORMAT = TRADITIONAL {query}")).await.unwrap();
        let steps: Vec<(Option<String>, Option<String>)> = plan
            .iter()
            .map(|row| (row.get("key").unwrap_or_default(), row.get("Extra").unwrap_or_default()))
            .collect();
        for (used, extra) in &steps {
            let finds_nothing =
                |extra: &str| ["Impossible", "no matching row"].iter().any(|words| extra.contains(words));
            let nothing = extra.as_deref().is_some_and(finds_nothing);
            assert!(nothing || used.as_deref() == Some(index), "{query}: {steps:?}");
            assert!(!extra.as_deref().unwrap_or_default().contains("filesort"), "{query}: {steps:?}");
        }
    }
}
