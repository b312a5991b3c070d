//! Many clients at once, and a history of what they were told, while the network breaks and the server dies.

use std::time::Duration;

use dancecard_core::{Clock as _, Meta, Record, RecordKey, SharedStore, Store, SystemClock, WriteMode};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::failure::{Failure, Outcome};
use client::{Client, insist};
use history::History;

mod client;
mod history;

/// How long the records live: no server's own clock removes one while a test runs.
const LIFE: Duration = Duration::from_secs(86_400);
const PATIENCE: Duration = Duration::from_secs(300);
/// The principal of every record, where the engine can list by it.
const EVERYBODY: &str = "canary-4711 everybody";

/// Many clients, each of which adds lines of its own to records that all of them share.
///
/// A client loads a record, adds a line, and writes it at the version that it loaded; after a conflict, or an error that
/// says that nothing happened, it tries again; after one that says that nobody knows, it goes on with its next line. In
/// the end each record is the history of its writes, and what was told is held against it:
///
/// - every line that was acknowledged is there, where its writer put it;
/// - no line is there twice, and none that was neither acknowledged nor unknown;
/// - no version of a record came twice;
/// - the index has each record once, where the engine has one;
/// - everybody comes to the end, so the engine recovers by itself.
///
/// [`run`](Self::run) lets them go while a closure of the test breaks connections, or kills the server. It needs tokio.
///
/// ```
/// use dancecard_core::MemoryStore;
/// use dancecard_testkit::Clients;
///
/// # #[tokio::main] async fn main() -> Result<(), dancecard_testkit::Failure> {
/// let engine = MemoryStore::new();
/// let harm = async |progress: &dancecard_testkit::Progress| {
///     assert!(progress.reach(100).await);
///     // Here a test kills its server, and starts it again.
/// };
/// let told = Clients::new().with_writes(2).run([engine], harm).await?;
/// assert_eq!((told.acknowledged, told.unknown), (200, 0));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Clients {
    clients: usize,
    records: usize,
    writes: usize,
    patience: Duration,
}

/// What the clients were told, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Writes that were acknowledged.
    pub acknowledged: usize,
    /// Writes of which the engine said that nobody knows.
    pub unknown: usize,
    /// Answers that said that nothing happened: conflicts, and times when the server could not be reached.
    pub refused: usize,
}

/// How far the clients are.
#[derive(Debug)]
pub struct Progress(watch::Receiver<usize>);

impl Progress {
    /// Waits until so many writes are settled in all: acknowledged, or unknown. `false` if the clients have ended
    /// before.
    pub async fn reach(&self, settled: usize) -> bool {
        let mut settlements = self.0.clone();
        settlements.wait_for(|count| *count >= settled).await.is_ok()
    }

    /// How many writes are settled.
    pub fn settled(&self) -> usize {
        *self.0.borrow()
    }
}

impl Clients {
    /// A hundred, of ten records, with twenty writes each.
    pub fn new() -> Self {
        Self { clients: 100, records: 10, writes: 20, patience: PATIENCE }
    }

    /// So many records. The more there are, the fewer conflicts.
    #[must_use]
    pub fn with_records(mut self, records: usize) -> Self {
        self.records = records.max(1);
        self
    }

    /// So many writes of each client.
    #[must_use]
    pub fn with_writes(mut self, writes: usize) -> Self {
        self.writes = writes;
        self
    }

    /// Lets the clients go, each on one of the engines (which have the same data, as several processes do), while
    /// `harm` does what it does. Returns when both have ended.
    ///
    /// The first engine makes the records, before `harm` begins, and looks at them afterwards.
    ///
    /// # Errors
    /// With what does not hold, or when not all is over in five minutes.
    pub async fn run<S: Store>(
        self,
        engines: impl IntoIterator<Item = S>,
        harm: impl AsyncFnOnce(&Progress),
    ) -> Outcome<Told> {
        let engines: Vec<_> = engines.into_iter().map(SharedStore::new).collect();
        let first = engines.first().ok_or_else(|| Failure::new("an engine", "none"))?;
        let template = template(first);
        for number in 0..self.records {
            first.write(&key(number), template.clone(), WriteMode::Create).await?;
        }
        let (settled, settlements) = watch::channel(0);
        let progress = Progress(settlements);
        let all = async {
            // A client that fails says why, before `harm` misses the others.
            let harming = async {
                harm(&progress).await;
                Ok(())
            };
            let going = self.let_go(&engines, &template, settled);
            let (histories, ()) = tokio::try_join!(biased; going, harming)?;
            self.examine(first, histories).await
        };
        let late =
            |_| Failure::new("the end of all clients", format!("{} settled writes", progress.settled()));
        tokio::time::timeout(self.patience, all).await.map_err(late)?
    }

    /// `settled` goes with the last client, so that whoever waits for more than there will be hears of it.
    async fn let_go(
        &self,
        engines: &[SharedStore],
        template: &Record,
        settled: watch::Sender<usize>,
    ) -> Outcome<Vec<History>> {
        let mut running = JoinSet::new();
        for (number, store) in engines.iter().cycle().take(self.clients).enumerate() {
            let client = Client::new(number, store.clone(), template.clone(), settled.clone());
            running.spawn(client.run(self.records, self.writes));
        }
        drop(settled);
        let mut histories = Vec::new();
        while let Some(history) = running.join_next().await {
            histories.push(history??);
        }
        Ok(histories)
    }

    async fn examine(&self, store: &SharedStore, histories: Vec<History>) -> Outcome<Told> {
        let mut records = Vec::new();
        for number in 0..self.records {
            let found = insist(async || store.load(&key(number)).await).await?;
            let found = found.ok_or_else(|| Failure::new("the record", "none").at("in the end"))?;
            records.push(found.payload().to_vec());
        }
        self.examine_index(store).await?;
        history::examine(&records, &histories)
    }

    async fn examine_index(&self, store: &SharedStore) -> Outcome {
        if !store.capabilities().principal_index.is_supported() {
            return Ok(());
        }
        let query = dancecard_core::ListQuery::of(EVERYBODY.into());
        let listed = insist(async || crate::store::collect(store.list(query.clone())).await).await?;
        if listed.len() == self.records {
            return Ok(());
        }
        let (expected, got) = (self.records, listed.len());
        Err(Failure::new(format!("{expected} records in the index"), got.to_string()))
    }
}

impl Default for Clients {
    fn default() -> Self {
        Self::new()
    }
}

/// A record without lines.
fn template(store: &SharedStore) -> Record {
    let now = SystemClock.now();
    let indexed = store.capabilities().principal_index.is_supported();
    let principal = indexed.then(|| EVERYBODY.into());
    Record::new(Meta::new(now, now.saturating_add(LIFE)).with_principal(principal), Vec::new())
}

fn key(number: usize) -> RecordKey {
    RecordKey::new(format!("canary-4711 shared {number}").as_bytes())
}
