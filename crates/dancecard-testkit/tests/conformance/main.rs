//! The suite on the reference engine, on every wrapper over it, and on an engine that can do almost nothing.

mod last_writer;
mod wrappers;

use dancecard_core::{MemoryStore, SharedStore};
use dancecard_testkit::store::{Opened, Subject, run, trials};
use dancecard_testkit::{CountingStore, FaultStore};
use last_writer::LastWriter;

fn limited() -> MemoryStore {
    MemoryStore::new().with_max_sessions(500)
}

async fn memory() -> Opened {
    Ok(Subject::new(MemoryStore::new()).with_limited(|| async { Ok(limited()) }))
}

async fn shared_twice() -> Opened {
    let twice = |store: MemoryStore| SharedStore::new(SharedStore::new(store));
    Ok(Subject::new(twice(MemoryStore::new())).with_limited(move || async move { Ok(twice(limited())) }))
}

async fn faults() -> Opened {
    let subject = Subject::new(FaultStore::new(MemoryStore::new()));
    Ok(subject.with_limited(|| async { Ok(FaultStore::new(limited())) }))
}

async fn counting() -> Opened {
    let subject = Subject::new(CountingStore::new(MemoryStore::new()));
    Ok(subject.with_limited(|| async { Ok(CountingStore::new(limited())) }))
}

async fn last_writer() -> Opened {
    Ok(Subject::new(LastWriter::default()))
}

fn main() {
    let mut all = trials("memory", memory);
    all.extend(trials("shared", shared_twice));
    all.extend(trials("faults", faults));
    all.extend(trials("counting", counting));
    all.extend(trials("last-writer", last_writer));
    all.extend(wrappers::all());
    run(all)
}
