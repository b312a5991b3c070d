//! The promises of the session layer over the real server, in the orders that many seeds give.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dancecard_core::{
    BoxStream, Capabilities, Entry, ListQuery, Record, RecordKey, Result, Store, Support, Timestamp, Version,
    Versioned, WriteMode,
};
use dancecard_store_memcached::MemcachedStore;
use dancecard_testkit::interleave::{Replacement, explore_with, seeds};
use futures_util::{StreamExt as _, TryStreamExt as _};
use libtest_mimic::{Failed, Trial};
use parking_lot::Mutex;

use crate::fixture::*;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("interleavings::on_one_server", || explore_on(1)),
        Trial::test("interleavings::on_a_ring_of_three", || explore_on(3)),
    ]
}

fn explore_on(servers: usize) -> Result<(), Failed> {
    let servers: Vec<_> = (0..servers).map(|_| server()).collect();
    let runtime = runtime();
    let _entered = runtime.enter();
    let count = AtomicUsize::new(0);
    let open = || {
        let prefix = format!("{}:", count.fetch_add(1, Ordering::Relaxed));
        Listed::new(MemcachedStore::connect(ring(&servers).with_prefix(prefix)).unwrap())
    };
    let report = explore_with(Replacement::TwoSteps, open, seeds(0..300))?;
    println!("{} schedules, {} calls", report.schedules(), report.calls());
    assert!(report.schedules() > 0 && report.calls() > 10 * report.schedules());
    Ok(())
}

/// The engine, and the keys that it was given: a list to look at everything, which memcached has not.
#[derive(Debug)]
struct Listed {
    store: Arc<MemcachedStore>,
    keys: Mutex<BTreeSet<RecordKey>>,
}

impl Listed {
    fn new(store: MemcachedStore) -> Self {
        Self { store: Arc::new(store), keys: Mutex::default() }
    }
}

impl Store for Listed {
    fn engine(&self) -> &'static str {
        self.store.engine()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities().with_list(Support::Emulated).with_principal_index(Support::Emulated)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.store.load(key).await
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        self.keys.lock().insert(key.clone());
        self.store.write(key, record, mode).await
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.store.delete(key).await
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        self.store.touch(key, expires_at).await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        let keys: Vec<_> = self.keys.lock().iter().cloned().collect();
        let entries = futures_util::stream::iter(keys).then(move |key| {
            let query = query.clone();
            async move { Ok(self.store.load(&key).await?.and_then(|found| entry(key, &found, &query))) }
        });
        Box::pin(entries.try_filter_map(|entry| std::future::ready(Ok(entry))))
    }
}

fn entry(key: RecordKey, found: &Versioned, query: &ListQuery) -> Option<Entry> {
    let meta = found.meta();
    query.matches(&meta).then(|| Entry { key, version: found.version().clone(), meta })
}
