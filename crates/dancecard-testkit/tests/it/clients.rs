//! Clients that write all at once notice what an engine loses, and nothing else.

use dancecard_core::{
    BoxStream, Capabilities, Entry, Error, ErrorKind, ListQuery, MemoryStore, Operation, Record, RecordKey,
    Result, Retry, Store, Version, Versioned, WriteMode,
};
use dancecard_testkit::{Clients, Failure, Fault, FaultStore, Progress, Random, Told};

use crate::broken::{Broken, Bug, Claims};

/// An engine that tells something else of a write than what became of it.
#[derive(Debug)]
struct Lying {
    inner: MemoryStore,
    lie: Lie,
}

#[derive(Debug, Clone, Copy)]
enum Lie {
    /// One in so many is acknowledged, and not done.
    Done(usize),
    /// One in so many is done, and said to be safe to try again.
    Safe(usize),
    /// One in so many is done, and said to have met another one.
    Conflict(usize),
}

impl Lying {
    /// By the length of what is written, which is another one for each write of a record.
    fn strikes(&self, record: &Record) -> bool {
        let (Lie::Done(share) | Lie::Safe(share) | Lie::Conflict(share)) = self.lie;
        !record.payload.is_empty() && Random::new(record.payload.len() as u64).below(share) == 0
    }
}

impl Store for Lying {
    fn engine(&self) -> &'static str {
        "lying"
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        tokio::task::yield_now().await;
        self.inner.load(key).await
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        let strikes = self.strikes(&record);
        if let (Lie::Done(_), true, WriteMode::Update(version)) = (self.lie, strikes, &mode) {
            return Ok(version.clone());
        }
        let written = self.inner.write(key, record, mode).await?;
        match self.lie {
            Lie::Safe(_) if strikes => {
                Err(Error::new(ErrorKind::Unavailable, "write").with_retry(Retry::Safe))
            }
            Lie::Conflict(_) if strikes => Err(Error::new(ErrorKind::Conflict, "write")),
            _ => Ok(written),
        }
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.inner.delete(key).await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        self.inner.list(query)
    }
}

async fn none(_: &Progress) {}

async fn told(store: impl Store) -> Result<Told, Failure> {
    Clients::new().with_writes(10).run([store], none).await
}

#[tokio::test]
async fn a_good_engine_keeps_all_and_is_asked_by_all() {
    let stores = [MemoryStore::new()];
    let clients = Clients::new().with_records(3).with_writes(4);
    let told = clients.run(stores, none).await.expect("nothing is lost");
    assert_eq!((told.acknowledged, told.unknown), (400, 0));
}

#[tokio::test]
async fn failures_that_are_told_as_they_are_are_no_loss() {
    let store = FaultStore::new(MemoryStore::new());
    let faults = store.faults();
    let clients = Clients::new().with_writes(4);
    let told = clients.run([store], async |progress| {
        for round in 1..20 {
            faults.next(Operation::Write, Fault::FailAfter);
            faults.next(Operation::Write, Fault::FailBefore);
            faults.next(Operation::Write, Fault::Conflict);
            faults.next(Operation::Load, Fault::FailBefore);
            assert!(progress.reach(round * 20).await);
        }
    });
    let told = told.await.expect("nothing is lost");
    assert_eq!(told.acknowledged + told.unknown, 400);
    assert!(told.unknown >= 10 && told.refused >= 30, "{told:?}");
}

#[tokio::test]
async fn who_waits_for_more_than_there_will_be_is_told() {
    let clients = Clients::new().with_writes(1);
    let told = clients.run([MemoryStore::new()], async |progress| {
        assert!(progress.reach(100).await);
        assert!(!progress.reach(101).await);
        assert_eq!(progress.settled(), 100);
    });
    told.await.expect("nothing is lost");
}

#[tokio::test]
async fn each_loss_is_noticed() {
    for (lie, noticed) in [
        (Lie::Done(50), "an update that is lost"),
        (Lie::Safe(20), "one twice"),
        (Lie::Conflict(20), "one twice"),
    ] {
        let failure = told(Lying { inner: MemoryStore::new(), lie }).await.expect_err("it lies");
        assert!(failure.got().contains(noticed), "{lie:?}: {failure}");
    }
    for bug in [Bug::StaleUpdateAccepted, Bug::ListsOneLess, Bug::AbsentIsEmpty] {
        let is_noticed = told(Broken::new(Claims::All, Some(bug))).await.is_err();
        assert_eq!(is_noticed, bug != Bug::AbsentIsEmpty, "{bug:?}");
    }
}
