//! Purging: exact, bounded, and never in anybody's way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dancecard_core::{Meta, Record, Store, Timestamp, WriteMode};

use crate::fixture::*;

cases! {
    it_removes_only_what_expired_and_no_more_than_asked,
    it_goes_by_the_touched_expiry,
    it_finds_what_expires_earlier_than_it_did,
    it_looks_at_what_was_touched_once_and_not_again,
    it_takes_nothing_that_is_written_meanwhile,
    two_at_once_share_the_work,
    it_locks_no_writer_out,
}

fn expiring(at: Timestamp) -> Record {
    Record::new(Meta::new(NOW, at), vec![])
}

async fn it_removes_only_what_expired_and_no_more_than_asked(place: Place) {
    let store = place.open();
    for number in 0..700 {
        store.write(&key(number), expiring(later(number)), WriteMode::Create).await.unwrap();
    }
    for (limit, expected) in [(0, 0), (10, 10), (300, 300), (usize::MAX, 290), (usize::MAX, 0)] {
        assert_eq!(store.purge_expired(later(599), limit).await.unwrap(), expected);
    }
    let left = list(&store, Default::default()).await;
    assert!(left.iter().all(|entry| entry.as_ref().unwrap().meta.expires_at() > later(599)));
    assert_eq!(left.len(), 100);
}

async fn it_goes_by_the_touched_expiry(place: Place) {
    let store = place.open();
    create(&store, "a").await;
    store.touch(&key("a"), later(7200)).await.unwrap();
    assert_eq!(store.purge_expired(later(3601), 10).await.unwrap(), 0);
    assert_eq!(store.purge_expired(later(7199), 10).await.unwrap(), 0);
    assert_eq!(store.purge_expired(later(7200), 10).await.unwrap(), 1);
}

/// The marker of an ended session lives for a moment, the session would have lived on.
async fn it_finds_what_expires_earlier_than_it_did(place: Place) {
    let store = place.open();
    for (name, mode) in [("update", true), ("overwrite", false), ("replace", true)] {
        let version = create(&store, name).await;
        store.touch(&key(name), later(9000)).await.unwrap();
        assert_eq!(store.purge_expired(later(3600), 10).await.unwrap(), 0, "{name}");
        let soon = expiring(later(60));
        if name == "replace" {
            store.replace(&key(name), &version, soon, &key("new"), expiring(later(9000))).await.unwrap();
        } else {
            let mode = if mode { WriteMode::Update(version) } else { WriteMode::Overwrite };
            store.write(&key(name), soon, mode).await.unwrap();
        }
        assert_eq!(store.purge_expired(later(59), 10).await.unwrap(), 0, "{name}");
        assert_eq!(store.purge_expired(later(60), 10).await.unwrap(), 1, "{name}");
    }
}

/// What is looked at in vain is moved to when it expires. A thousand that live on don't cost the next purge anything.
async fn it_looks_at_what_was_touched_once_and_not_again(place: Place) {
    let store = place.open();
    for number in 0..1000 {
        store.write(&key(number), expiring(later(60)), WriteMode::Create).await.unwrap();
        store.touch(&key(number), later(9000)).await.unwrap();
    }
    store.write(&key("over"), expiring(later(61)), WriteMode::Create).await.unwrap();
    assert_eq!(store.purge_expired(later(100), 10).await.unwrap(), 1, "behind all of them");
    let due = format!("SELECT count(*) FROM {} WHERE purge_at < {}", place.table, later(9000).as_millis());
    assert_eq!(place.ask(&due).await, "0");
}

async fn it_takes_nothing_that_is_written_meanwhile(place: Place) {
    let store = Arc::new(place.open());
    let stop = Arc::new(AtomicBool::new(false));
    let purging = {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                store.purge_expired(later(1000), 100).await.unwrap();
            }
        })
    };
    for round in 0..200 {
        // Over, and brought back to life before or after the purge sees it.
        store.write(&key(round), expiring(later(10)), WriteMode::Overwrite).await.unwrap();
        let touched = store.touch(&key(round), later(9000)).await.unwrap();
        assert_eq!(store.load(&key(round)).await.unwrap().is_some(), touched, "{round}");
        store.write(&key(round), expiring(later(9000)), WriteMode::Overwrite).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    purging.await.unwrap();
    assert_eq!(list(&*store, Default::default()).await.len(), 200);
}

/// Ten thousand that are over.
async fn fill(place: &Place) {
    let fill = format!(
        "INSERT INTO {} SELECT sha256(n::text::bytea), n, 0, 0, NULL, '\\x01', '' FROM generate_series(1, 10000) n",
        place.table
    );
    place.run(&fill).await;
}

async fn two_at_once_share_the_work(place: Place) {
    let store = place.open();
    create(&store, "live").await;
    fill(&place).await;
    let (one, other) = (place.open(), place.open());
    let (one, other) = tokio::join!(one.purge_expired(NOW, usize::MAX), other.purge_expired(NOW, usize::MAX));
    let (one, other) = (one.unwrap(), other.unwrap());
    println!("{one} and {other}");
    // What each passed over because the other held it, one of them removed.
    let left = store.purge_expired(NOW, usize::MAX).await.unwrap();
    assert_eq!(one + other + left, 10_000);
    assert_eq!(list(&store, Default::default()).await.len(), 1);
}

/// It works in batches, and a writer has its turn between them at the latest.
async fn it_locks_no_writer_out(place: Place) {
    let store = place.open();
    let mut version = create(&store, "live").await;
    fill(&place).await;
    let (purger, is_over) = (place.open(), AtomicBool::new(false));
    let purging = async {
        let purged = purger.purge_expired(NOW, usize::MAX).await.unwrap();
        is_over.store(true, Ordering::Relaxed);
        purged
    };
    let writing = async {
        let mut writes = 0;
        while !is_over.load(Ordering::Relaxed) {
            version =
                store.write(&key("live"), record("live"), WriteMode::Update(version.clone())).await.unwrap();
            writes += 1;
        }
        writes
    };
    let (purged, writes) = tokio::join!(purging, writing);
    println!("{writes} writes");
    assert_eq!(purged, 10_000);
    assert!(writes >= 10, "{writes}");
}
