//! Listings: complete, without repetition, in pages, and holding nothing up.

use std::collections::HashSet;
use std::future::poll_fn;

use dancecard_core::{Entry, ErrorKind, ListQuery, Record, Result, Store, WriteMode};

use crate::fixture::*;

fn keys(entries: Vec<Result<Entry>>) -> Vec<String> {
    entries
        .into_iter()
        .map(|entry| String::from_utf8(entry.unwrap().key.as_bytes().to_vec()).unwrap())
        .collect()
}

#[tokio::test]
async fn each_record_is_listed_once_whatever_the_number_of_pages() {
    let place = Place::new();
    let store = place.open();
    let mut expected = HashSet::new();
    for count in [0, 1, 127, 128, 129, 256, 300] {
        for number in expected.len()..count {
            create(&store, number).await;
            expected.insert(format!("{SECRET} {number}"));
        }
        let listed = keys(list(&store, ListQuery::all()).await);
        assert_eq!(listed.len(), count);
        assert_eq!(listed.into_iter().collect::<HashSet<_>>(), expected);
    }
}

#[tokio::test]
async fn what_lives_throughout_is_listed_once_while_others_come_and_go() {
    let place = Place::new();
    let store = place.open();
    for number in 0..600 {
        create(&store, number).await;
    }
    let mut stream = store.list(ListQuery::all());
    let mut listed = Vec::new();
    while let Some(entry) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        listed.push(entry);
        if listed.len() % 10 == 0 {
            let number = listed.len();
            store.delete(&key(number)).await.unwrap();
            create(&store, format!("new {number}")).await;
            store.write(&key(number + 1), record("moved"), WriteMode::Overwrite).await.unwrap();
        }
    }
    let listed = keys(listed);
    let distinct: HashSet<_> = listed.iter().cloned().collect();
    assert_eq!(distinct.len(), listed.len());
    for number in (0..600).filter(|number| number % 10 != 0) {
        assert!(distinct.contains(&format!("{SECRET} {number}")), "{number}");
    }
}

#[tokio::test]
async fn a_principal_sees_its_own_and_the_index_follows() {
    let place = Place::new();
    let store = place.open();
    let of = |who: Option<&str>| Record::new(meta().with_principal(who.map(Into::into)), vec![]);
    let query = |who: &str| ListQuery::of(who.into());
    for number in 0..300 {
        let who = ["ann", "an", "ANN", ""][number % 4];
        store.write(&key(number), of(Some(who)), WriteMode::Create).await.unwrap();
    }
    store.write(&key("nobody"), of(None), WriteMode::Create).await.unwrap();
    for who in ["ann", "an", "ANN", ""] {
        let listed = list(&store, query(who)).await;
        assert!(listed.iter().all(|entry| entry.as_ref().unwrap().meta.principal().unwrap().as_str() == who));
        assert_eq!(listed.len(), 75, "{who:?}");
    }
    store.write(&key(0), of(Some("bob")), WriteMode::Overwrite).await.unwrap();
    store.write(&key(4), of(None), WriteMode::Overwrite).await.unwrap();
    store.delete(&key(8)).await.unwrap();
    assert_eq!(list(&store, query("ann")).await.len(), 72);
    assert_eq!(keys(list(&store, query("bob")).await), [format!("{SECRET} 0")]);
}

#[tokio::test]
async fn the_marker_of_an_ended_session_is_nobodys() {
    let place = Place::new();
    let store = place.open();
    let version = create(&store, "old").await;
    let marker = Record::new(meta().into_retired(None).with_principal(Some(SECRET.into())), vec![]);
    store.replace(&key("old"), &version, marker, &key("new"), record("")).await.unwrap();
    assert_eq!(keys(list(&store, ListQuery::of(SECRET.into())).await), [format!("{SECRET} new")]);
    assert_eq!(list(&store, ListQuery::all()).await.len(), 2);
}

#[tokio::test]
async fn entries_carry_the_touched_expiry_and_the_version() {
    let place = Place::new();
    let store = place.open();
    let version = create(&store, "a").await;
    store.touch(&key("a"), later(9000)).await.unwrap();
    let entry = list(&store, ListQuery::all()).await.remove(0).unwrap();
    assert_eq!((entry.version, entry.meta.expires_at()), (version, later(9000)));
}

#[tokio::test]
async fn a_listing_that_pauses_holds_no_snapshot() {
    let place = Place::new();
    let store = place.open();
    for number in 0..300 {
        create(&store, number).await;
    }
    let mut stream = store.list(ListQuery::all());
    poll_fn(|context| stream.as_mut().poll_next(context)).await.unwrap().unwrap();
    create(&store, "during").await;
    // A log that a snapshot still needs can't be cut off: the first column would say 1.
    let cut = "PRAGMA wal_checkpoint(TRUNCATE)";
    let busy: i64 = place.connection().query_row(cut, [], |row| row.get(0)).unwrap();
    assert_eq!((busy, std::fs::metadata(place.log()).unwrap().len()), (0, 0));
}

#[tokio::test]
async fn a_dropped_listing_leaves_the_engine_at_work() {
    let place = Place::new();
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

#[tokio::test]
async fn a_line_that_is_not_readable_hides_no_other() {
    let place = Place::new();
    let store = place.open();
    for number in 0..5 {
        create(&store, number).await;
    }
    let spoil = "UPDATE dancecard_session SET meta = x'63616e617279' WHERE key = ?1";
    assert_eq!(place.connection().execute(spoil, [key(2).as_bytes()]).unwrap(), 1);
    let (good, bad): (Vec<_>, Vec<_>) =
        list(&store, ListQuery::all()).await.into_iter().partition(|entry| entry.is_ok());
    assert_eq!((good.len(), bad.len()), (4, 1));
    let error = bad.into_iter().next().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Corrupt, "list"));
    assert_discreet(&error);
    let error = store.load(&key(2)).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Corrupt, "load"));
    assert_discreet(&error);
}
