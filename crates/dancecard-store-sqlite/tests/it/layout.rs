//! The table: where rows are, what a change writes, and what a purge finds.

use dancecard_core::{ListQuery, Meta, Record, RecordKey, Store, Timestamp, WriteMode};

use crate::fixture::*;

/// Keys of which all want the same place.
fn alike(name: usize) -> RecordKey {
    RecordKey::new(format!("{SECRET} {name} the same").as_bytes())
}

fn expiring(at: Timestamp) -> Record {
    Record::new(Meta::new(NOW, at), vec![b'x'; 100])
}

/// How many rows are not where their keys want them.
fn displaced(place: &Place) -> i64 {
    let count = "SELECT count(*) FROM dancecard_session WHERE id < 0";
    place.connection().query_row(count, [], |row| row.get(0)).unwrap()
}

async fn found(store: &impl Store, name: usize) -> Option<Vec<u8>> {
    store.load(&alike(name)).await.unwrap().map(|found| found.payload().to_vec())
}

#[tokio::test]
async fn keys_that_want_one_place_get_one_each_and_keep_it() {
    let place = Place::new();
    let store = place.open();
    for name in 0..4 {
        store.write(&alike(name), record([name as u8]), WriteMode::Create).await.unwrap();
        assert!(store.write(&alike(name), record("no"), WriteMode::Create).await.unwrap_err().is_conflict());
    }
    assert_eq!(displaced(&place), 3);
    // The place becomes free. Whoever made do with another stays there, and the next one has it.
    store.delete(&alike(0)).await.unwrap();
    assert!(store.write(&alike(1), record("no"), WriteMode::Create).await.unwrap_err().is_conflict());
    store.write(&alike(2), record([22]), WriteMode::Overwrite).await.unwrap();
    assert_eq!(displaced(&place), 3);
    store.write(&alike(4), record([4]), WriteMode::Create).await.unwrap();
    store.write(&alike(0), record([10]), WriteMode::Create).await.unwrap();
    assert_eq!(displaced(&place), 4);
    for (name, payload) in [(0, 10), (1, 1), (2, 22), (3, 3), (4, 4)] {
        assert_eq!(found(&store, name).await, Some(vec![payload]), "{name}");
    }
    assert_eq!(found(&store, 5).await, None);
    assert_eq!(list(&store, ListQuery::all()).await.len(), 5);
    assert_eq!(list(&store, ListQuery::of(SECRET.into())).await.len(), 5);
}

/// The pages in the log, which starts anew with the first commit after it was taken into the file.
fn pages_logged(place: &Place) -> u64 {
    const HEADER: u64 = 32;
    const FRAME: u64 = 24 + 4096;
    (std::fs::metadata(place.log()).unwrap().len() - HEADER) / FRAME
}

#[tokio::test]
async fn what_changes_nothing_that_is_in_an_index_writes_none() {
    let place = Place::new();
    let store = place.open();
    let mut version = create(&store, "a").await;
    let before = pages_logged(&place);
    for longer in 0..10 {
        let longer = Record::new(meta().with_expires_at(later(4000 + longer)), vec![b'y'; 90]);
        let update = WriteMode::Update(version);
        store.write(&key("a"), longer.clone(), update).await.unwrap();
        version = store.write(&key("a"), longer, WriteMode::Overwrite).await.unwrap();
        store.touch(&key("a"), later(9000)).await.unwrap();
    }
    assert_eq!(pages_logged(&place) - before, 30, "a page for each");
}

#[tokio::test]
async fn a_purge_passes_over_what_lives_on_and_finds_it_later() {
    let place = Place::new();
    let store = place.open();
    for number in 0..700 {
        store.write(&key(number), expiring(later(number)), WriteMode::Create).await.unwrap();
    }
    for number in 0..600 {
        assert!(store.touch(&key(number), later(9000)).await.unwrap());
    }
    assert_eq!(store.purge_expired(later(8000), 10).await.unwrap(), 10);
    assert_eq!(store.purge_expired(later(8000), usize::MAX).await.unwrap(), 90);
    assert_eq!(store.purge_expired(later(8000), usize::MAX).await.unwrap(), 0);
    assert_eq!(list(&store, ListQuery::all()).await.len(), 600);
    assert_eq!(store.purge_expired(later(8999), usize::MAX).await.unwrap(), 0);
    assert_eq!(store.purge_expired(later(9000), usize::MAX).await.unwrap(), 600);
}

#[tokio::test]
async fn a_purge_goes_by_the_expiry_of_the_last_write() {
    let place = Place::new();
    let store = place.open();
    for (number, end) in [60, 9000, 60, 9000].into_iter().enumerate() {
        let version = create(&store, number).await;
        let mode = if number < 2 { WriteMode::Update(version) } else { WriteMode::Overwrite };
        store.write(&key(number), expiring(later(end)), mode).await.unwrap();
    }
    for (at, gone) in [(59, 0), (60, 2), (8999, 0), (9000, 2)] {
        assert_eq!(store.purge_expired(later(at), 10).await.unwrap(), gone, "{at}");
    }
}
