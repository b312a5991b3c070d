//! Listings: complete, without repetition, in pages, and holding nothing up.

use std::collections::HashSet;
use std::future::poll_fn;

use dancecard_core::{ErrorKind, ListQuery, Record, Retry, Store, WriteMode};

use mongodb::bson::{Binary, DateTime, doc, spec::BinarySubtype};

use crate::fixture::*;

cases! {
    each_record_is_listed_once_whatever_the_number_of_pages,
    what_lives_throughout_is_listed_once_while_others_come_and_go,
    the_marker_of_an_ended_session_is_nobodys,
    a_listing_that_pauses_holds_no_cursor,
    a_dropped_listing_leaves_the_engine_at_work,
    a_line_that_is_not_readable_hides_no_other,
    documents_of_others_are_passed_over,
    pages_are_found_by_index,
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

async fn a_listing_that_pauses_holds_no_cursor(place: Place) {
    let store = place.open();
    for number in 0..300 {
        create(&store, number).await;
    }
    let mut stream = store.list(ListQuery::all());
    poll_fn(|context| stream.as_mut().poll_next(context)).await.unwrap().unwrap();
    let pipeline = [
        doc! { "$currentOp": { "idleCursors": true, "allUsers": true } },
        doc! { "$match": { "type": "idleCursor", "ns": format!("dancecard.{}", place.collection) } },
    ];
    let mut open = place.client().await.database("admin").aggregate(pipeline).await.unwrap();
    assert!(!open.advance().await.unwrap());
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
    let spoil = doc! { "$set": { "m": "canary-4711" } };
    let spoilt = place.collection().await.update_one(id(2), spoil).await.unwrap();
    assert_eq!(spoilt.modified_count, 1);
    let (good, bad): (Vec<_>, Vec<_>) =
        list(&store, ListQuery::all()).await.into_iter().partition(|entry| entry.is_ok());
    assert_eq!((good.len(), bad.len()), (4, 1));
    assert_is(&bad.into_iter().next().unwrap().unwrap_err(), ErrorKind::Corrupt, Retry::Never);
    assert_is(&store.load(&key(2)).await.unwrap_err(), ErrorKind::Corrupt, Retry::Never);
    // Foreign data gives way to a record.
    store.write(&key(2), record("new"), WriteMode::Overwrite).await.unwrap();
    assert_eq!(payload(&store, 2).await.unwrap(), b"new");
}

/// Of keys that are not bytes, none is ours.
async fn documents_of_others_are_passed_over(place: Place) {
    let store = place.open();
    create(&store, "a").await;
    place.collection().await.insert_many([doc! { "x": 1 }, doc! { "_id": "text" }]).await.unwrap();
    assert_eq!(names(&store, ListQuery::all()).await, ["a"]);
}

/// The server's own account of which way it takes, with a collection that is worth an index.
async fn pages_are_found_by_index(place: Place) {
    let store = place.open();
    create(&store, "a").await;
    let many = (0..5000).map(|number: i64| {
        let bytes = |bytes: Vec<u8>| Binary { subtype: BinarySubtype::Generic, bytes };
        let principal = bytes(format!("user {}", number % 10).into_bytes());
        doc! { "_id": bytes(number.to_be_bytes().to_vec()), "p": principal, "e": DateTime::from_millis(number) }
    });
    place.collection().await.insert_many(many).await.unwrap();
    let least = Binary { subtype: BinarySubtype::Generic, bytes: vec![] };
    let user = Binary { subtype: BinarySubtype::Generic, bytes: b"user 7".to_vec() };
    let queries = [
        (doc! { "filter": { "_id": { "$gte": &least } }, "sort": { "_id": 1 } }, 128),
        (doc! { "filter": { "p": &user, "_id": { "$gte": &least } }, "sort": { "_id": 1 } }, 128),
        (doc! { "filter": { "e": { "$lte": DateTime::from_millis(5000) } } }, 256),
    ];
    for (query, limit) in queries {
        let mut find = doc! { "find": &place.collection, "limit": limit };
        find.extend(query.clone());
        let plan = place.run(doc! { "explain": find, "verbosity": "executionStats" }).await;
        let stats = plan.get_document("executionStats").unwrap();
        let looked_at =
            [stats.get_i32("totalKeysExamined"), stats.get_i32("totalDocsExamined")].map(Result::unwrap);
        assert!(looked_at.iter().all(|count| *count <= limit), "{query}: {looked_at:?}");
        assert!(!plan.to_string().contains("\"SORT\""), "{query}");
    }
}
