//! The suite on the reference engine, on every wrapper over it, and on an engine that can do almost nothing.

mod last_writer;

use dancecard_core::{MemoryStore, SharedStore};
use dancecard_testkit::store::{Opened, Subject, run, trials};
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

async fn last_writer() -> Opened {
    Ok(Subject::new(LastWriter::default()))
}

fn main() {
    let mut all = trials("memory", memory);
    all.extend(trials("shared", shared_twice));
    all.extend(trials("last-writer", last_writer));
    run(all)
}
