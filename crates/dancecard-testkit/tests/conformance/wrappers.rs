//! The wrappers of the core, each over memory, and all of them at once.

use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{
    CachedStore, CallTotals, DeadlineStore, ManualClock, MemoryStore, MeteredStore, PrefixedStore, Record,
    RecordKey, Result, SharedStore, Store, Timestamp, WriteMode,
};
use dancecard_testkit::store::{Opened, Subject, trials};
use libtest_mimic::Trial;

use crate::limited;

pub(crate) fn all() -> Vec<Trial> {
    let mut all = trials("cached", || subject(cached));
    // Room for a few records only, so that most of what is read was evicted.
    all.extend(trials("cached-small", || subject(|engine| cached(engine).with_max_bytes(5_000))));
    all.extend(trials("cached-off", || subject(|engine| cached(engine).with_max_age(Duration::ZERO))));
    all.extend(trials("deadline", || subject(|engine| DeadlineStore::new(engine, tokio::time::sleep))));
    all.extend(trials("metered", || subject(|engine| MeteredStore::new(engine, CallTotals::default()))));
    all.extend(trials("prefixed", prefixed));
    all.extend(trials("stacked", stacked));
    all
}

/// At the suite's idea of the present, so that what lives there lives here.
fn cached<S: Store>(engine: S) -> CachedStore<S> {
    CachedStore::new(engine).with_clock(ManualClock::default())
}

async fn subject<S: Store>(wrap: impl Fn(MemoryStore) -> S + Copy + Send + Sync + 'static) -> Opened {
    let subject = Subject::new(wrap(MemoryStore::new()));
    Ok(subject.with_limited(move || std::future::ready(Ok(wrap(limited())))))
}

fn stack(engine: MemoryStore) -> Result<impl Store> {
    let metered = MeteredStore::new(engine, Arc::new(CallTotals::default()));
    let timed = DeadlineStore::new(metered, tokio::time::sleep);
    // One prefix within another.
    let inner = PrefixedStore::new(timed, "inner")?;
    Ok(cached(PrefixedStore::new(inner, "outer")?))
}

async fn stacked() -> Opened {
    let subject = Subject::new(stack(MemoryStore::new())?);
    Ok(subject.with_limited(|| async { Ok(stack(limited())?) }))
}

/// One of three applications on an engine. The others have records, some of principals that the cases use too.
async fn prefixed() -> Opened {
    let engine = SharedStore::new(MemoryStore::new());
    for neighbour in ["a", "ab.c"] {
        let neighbour = PrefixedStore::new(engine.clone(), neighbour)?;
        for (number, who) in [None, Some("alice"), Some("bob"), Some("carol")].into_iter().enumerate() {
            neighbour.write(&RecordKey::new(&[number as u8; 32]), record(who), WriteMode::Create).await?;
        }
    }
    Ok(Subject::new(PrefixedStore::new(engine, "ab")?)
        .with_limited(|| async { Ok(PrefixedStore::new(limited(), "ab")?) }))
}

/// One that no purge takes.
fn record(who: Option<&str>) -> Record {
    let meta = dancecard_core::Meta::new(Timestamp::from_millis(0), Timestamp::MAX);
    Record::new(meta.with_principal(who.map(Into::into)), b"a neighbour's".to_vec())
}
