//! The principal's index: true, and clean by itself.

use std::time::Duration;

use dancecard_core::{ListQuery, Meta, Record, RecordKey, Store, Timestamp, WriteMode};
use dancecard_store_redis::{Config, RedisStore};
use redis::aio::MultiplexedConnection;

use crate::world::*;

trials![
    what_ended_is_cleared_away_by_the_next_write,
    what_ended_is_passed_over_by_a_listing,
    an_index_ends_after_its_last_record,
    an_index_with_a_record_without_end_stays,
    a_change_of_principal_moves_the_record,
    an_entry_without_a_record_is_passed_over,
    an_update_within_a_minute_leaves_the_index_alone,
    a_touched_record_stays_in_the_index,
];

struct Indexed {
    store: RedisStore,
    config: Config,
    raw: MultiplexedConnection,
}

impl Indexed {
    async fn new() -> Self {
        let config = config(&shared().url());
        Self { store: connect(&config), raw: raw(shared()).await, config }
    }

    /// What the index is called. There is only one.
    async fn name(&mut self) -> Vec<u8> {
        let pattern = format!("{}p*", self.config.prefix);
        let mut names: Vec<Vec<u8>> = run(&mut self.raw, &[b"KEYS", pattern.as_bytes()]).await;
        assert_eq!(names.len(), 1);
        names.remove(0)
    }

    async fn members(&mut self) -> usize {
        let name = self.name().await;
        run(&mut self.raw, &[b"ZCARD", &name]).await
    }

    /// An entry that ended so many minutes ago, as records leave it that expire.
    async fn leave(&mut self, name: &str, minutes: i64) {
        let index = self.name().await;
        let minute = (now().as_millis() / 60_000 - minutes).to_string();
        let _: i64 = run(&mut self.raw, &[b"ZADD", &index, minute.as_bytes(), key(name).as_bytes()]).await;
    }

    async fn create_for(&self, name: &str, seconds: u64) {
        let meta = Meta::new(now(), later(seconds)).with_principal(Some(SECRET.into()));
        self.store.write(&key(name), Record::new(meta, vec![]), WriteMode::Overwrite).await.unwrap();
    }

    async fn listed(&self) -> Vec<RecordKey> {
        let entries = list(&self.store, ListQuery::of(SECRET.into())).await;
        entries.into_iter().map(|entry| entry.unwrap().key).collect()
    }
}

async fn what_ended_is_cleared_away_by_the_next_write() {
    let mut indexed = Indexed::new().await;
    indexed.create_for("a", 3600).await;
    for number in 0..50 {
        indexed.leave(&format!("over {number}"), 5 + number).await;
    }
    assert_eq!(indexed.members().await, 51);
    indexed.create_for("b", 3600).await;
    assert_eq!(indexed.members().await, 2);
}

async fn what_ended_is_passed_over_by_a_listing() {
    let mut indexed = Indexed::new().await;
    indexed.create_for("a", 3600).await;
    indexed.leave("over", 5).await;
    // Within the slack, it may still be there.
    indexed.leave("just over", 0).await;
    assert_eq!(indexed.listed().await, [key("a")]);
    assert_eq!(indexed.members().await, 3, "listing changes nothing");
}

async fn an_index_ends_after_its_last_record() {
    let mut indexed = Indexed::new().await;
    for (name, life) in [("a", 600), ("b", 7200), ("c", 60)] {
        indexed.create_for(name, life).await;
    }
    let name = indexed.name().await;
    let left: i64 = run(&mut indexed.raw, &[b"PTTL", &name]).await;
    let slack = i64::try_from(indexed.config.expiry_slack_ms).unwrap();
    assert!((7_200_000 + slack - 1000..7_200_000 + slack + 120_000).contains(&left), "{left}");
    indexed.store.delete(&key("a")).await.unwrap();
    indexed.store.delete(&key("b")).await.unwrap();
    indexed.store.delete(&key("c")).await.unwrap();
    let exists: usize = run(&mut indexed.raw, &[b"EXISTS", &name]).await;
    assert_eq!(exists, 0, "an index without entries is gone");
}

async fn an_index_with_a_record_without_end_stays() {
    let mut indexed = Indexed::new().await;
    let forever = Meta::new(now(), Timestamp::MAX).with_principal(Some(SECRET.into()));
    indexed.store.write(&key("a"), Record::new(forever, vec![]), WriteMode::Create).await.unwrap();
    indexed.create_for("b", 60).await;
    let name = indexed.name().await;
    let left: i64 = run(&mut indexed.raw, &[b"PTTL", &name]).await;
    assert_eq!(left, -1);
    indexed.store.delete(&key("a")).await.unwrap();
    indexed.create_for("b", 600).await;
    let left: i64 = run(&mut indexed.raw, &[b"PTTL", &name]).await;
    assert!(left > 0, "{left}");
}

async fn a_change_of_principal_moves_the_record() {
    let mut indexed = Indexed::new().await;
    indexed.create_for("a", 600).await;
    indexed.create_for("b", 600).await;
    assert_eq!(indexed.members().await, 2);
    let nobodys = Record::new(meta().with_principal(None), vec![]);
    indexed.store.write(&key("a"), nobodys, WriteMode::Overwrite).await.unwrap();
    assert_eq!(indexed.members().await, 1);
    assert_eq!(indexed.listed().await, [key("b")]);
}

async fn an_entry_without_a_record_is_passed_over() {
    let mut indexed = Indexed::new().await;
    indexed.create_for("a", 600).await;
    let index = indexed.name().await;
    let minute = (now().as_millis() / 60_000 + 60).to_string();
    for stranger in [&b"gone"[..], b"", key("another's").as_bytes()] {
        let _: i64 = run(&mut indexed.raw, &[b"ZADD", &index, minute.as_bytes(), stranger]).await;
    }
    let others = Record::new(meta().with_principal(Some("else".into())), vec![]);
    let twin = connect(&indexed.config);
    twin.write(&key("another's"), others, WriteMode::Create).await.unwrap();
    assert_eq!(indexed.listed().await, [key("a")]);
}

async fn an_update_within_a_minute_leaves_the_index_alone() {
    let server = dancecard_servers::redis::start().unwrap();
    let mut raw = raw(&server).await;
    let store = connect(&config(&server.url()));
    let end = Timestamp::from_millis((now().as_millis() / 60_000 + 60) * 60_000);
    let record = |millis| {
        let at = Timestamp::from_millis(end.as_millis() - millis);
        Record::new(meta().with_expires_at(at), vec![])
    };
    store.write(&key("a"), record(50_000), WriteMode::Create).await.unwrap();
    let _: () = run(&mut raw, &[b"CONFIG", b"RESETSTAT"]).await;
    for millis in [40_000, 30_000, 20_000, 1] {
        store.write(&key("a"), record(millis), WriteMode::Overwrite).await.unwrap();
    }
    let counts = commands(&mut raw).await;
    assert_eq!((counts.get("zadd"), counts.get("zremrangebyscore")), (Some(&4), None));
    store.write(&key("a"), record(-1), WriteMode::Overwrite).await.unwrap();
    assert_eq!(commands(&mut raw).await.get("zremrangebyscore"), Some(&1));
}

/// A touch that the index did not hear of would let the index end before the record.
async fn a_touched_record_stays_in_the_index() {
    let mut indexed = Indexed::new().await;
    indexed.create_for("a", 60).await;
    indexed.store.touch(&key("a"), now().saturating_add(Duration::from_secs(86_400))).await.unwrap();
    let name = indexed.name().await;
    let left: i64 = run(&mut indexed.raw, &[b"PTTL", &name]).await;
    assert!(left > 86_400_000, "{left}");
    let score: f64 = run(&mut indexed.raw, &[b"ZSCORE", &name, key("a").as_bytes()]).await;
    assert!(score * 60_000.0 >= (now().as_millis() + 86_399_000) as f64);
}
