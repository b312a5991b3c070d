//! What the wheel looks at, and what it leaves behind.

use super::*;
use crate::record::Meta;

fn minute(number: i64) -> Timestamp {
    Timestamp::from_millis(number * 60_000)
}

fn key(number: u64) -> RecordKey {
    RecordKey::new(&[number, !number].map(u64::to_le_bytes).concat())
}

fn put(store: &MemoryStore, number: u64, expires_at: Timestamp) {
    let record = Record::new(Meta::new(minute(0), expires_at), Vec::new());
    store.write_now(&key(number), record, &WriteMode::Overwrite).unwrap();
}

fn touch(store: &MemoryStore, number: u64, expires_at: Timestamp) {
    let hash = shard::hash(&key(number));
    store.shard(hash).lock().find(hash, &key(number)).unwrap().touch(expires_at);
}

fn in_wheel(store: &MemoryStore) -> usize {
    store.shards.iter().map(|shard| shard.0.lock().in_wheel()).sum()
}

/// Reclaims what expired in the minutes before `now`, as writers do, and says how many records that were.
fn reclaim(store: &MemoryStore, now: Timestamp) -> usize {
    store.shards.iter().map(|shard| store.forget(shard.0.lock().take_expired(now, usize::MAX))).sum()
}

#[test]
fn reclaiming_looks_only_at_what_is_due() {
    let store = MemoryStore::new();
    (0..10_000).for_each(|number| put(&store, number, minute(100)));
    (10_000..10_100).for_each(|number| put(&store, number, minute(5)));
    (0..50).for_each(|number| touch(&store, number, minute(200)));
    let looked_at: usize = store
        .shards
        .iter()
        .map(|shard| std::iter::from_fn(|| shard.0.lock().next_due(minute(10))).count())
        .sum();
    assert_eq!(looked_at, 100);
    assert_eq!(in_wheel(&store), 10_000);
}

#[test]
fn a_record_stands_in_the_wheel_once_however_often_it_is_used() {
    let store = MemoryStore::new();
    for now in 0..50 {
        for number in 0..1000 {
            put(&store, number, minute(now + 5));
            touch(&store, number, minute(now + 6));
        }
        assert_eq!(reclaim(&store, minute(now)), 0);
        assert_eq!(in_wheel(&store), 1000);
    }
    assert_eq!(reclaim(&store, minute(60)), 1000);
    assert_eq!((store.len(), in_wheel(&store)), (0, 0));
}

#[test]
fn what_was_deleted_leaves_the_wheel_when_its_minute_is_over() {
    let store = MemoryStore::new();
    for number in 0..1000 {
        put(&store, number, minute(5));
        store.delete_now(&key(number));
    }
    assert_eq!(reclaim(&store, minute(6)), 0);
    assert_eq!((store.len(), in_wheel(&store)), (0, 0));
}

#[test]
fn what_never_expires_leaves_nothing_behind() {
    let store = MemoryStore::new();
    for number in 0..1000 {
        put(&store, number, Timestamp::MAX);
        store.delete_now(&key(number));
    }
    assert_eq!(in_wheel(&store), 0);
    put(&store, 0, minute(5));
    touch(&store, 0, Timestamp::MAX);
    assert_eq!((reclaim(&store, minute(10)), in_wheel(&store)), (0, 0));
    put(&store, 0, minute(20));
    assert_eq!(reclaim(&store, minute(21)), 1);
}

#[test]
fn a_limit_in_the_present_minute_keeps_the_rest() {
    let store = MemoryStore::new();
    let soon = Timestamp::from_millis(5 * 60_000 + 10);
    (0..10).for_each(|number| put(&store, number, soon));
    assert_eq!(reclaim(&store, soon), 0);
    let purge = |limit| {
        let mut purged = 0;
        for shard in &store.shards {
            purged += store.forget(shard.0.lock().take_expired_just_now(soon, limit - purged));
        }
        purged
    };
    assert_eq!([0, 3, 10].map(purge), [0, 3, 7]);
    assert_eq!((store.len(), in_wheel(&store)), (0, 0));
}
