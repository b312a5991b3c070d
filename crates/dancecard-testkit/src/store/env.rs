//! What a case has at hand.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{
    Capabilities, Clock, ManualClock, MemoryStore, Meta, Record, RecordKey, SharedStore, Store, SystemClock,
    Timestamp, Version, WriteMode,
};
use parking_lot::Mutex;

use super::expiring::Expiring;
use super::poll;
use super::subject::{Factory, Hooks};
use crate::failure::{Failure, Outcome};
use crate::random::Random;

/// An hour, the life of a usual record in the suite.
pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// A minute.
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// A day, the limit that activity doesn't move.
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// How the suite runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What all randomness comes from.
    pub seed: u64,
    /// How many random operation sequences the model runs.
    pub sequences: usize,
    /// How many operations a sequence has.
    pub operations: usize,
    /// How many records the cases of ten thousand have. With fewer, for a server that takes its time, they say so.
    pub records: usize,
    /// Worker threads of the cases about concurrency. With 0 they interleave on one thread, always in the same way.
    pub threads: usize,
    /// How long a case may take before it counts as hanging.
    pub patience: Duration,
}

impl Settings {
    /// The defaults, changed by the environment: `DANCECARD_TEST_SEED`, `DANCECARD_TEST_SEQUENCES`,
    /// `DANCECARD_TEST_OPERATIONS`, `DANCECARD_TEST_RECORDS`. What is not a number is passed over.
    pub fn from_env() -> Self {
        let number = |name| std::env::var(name).ok()?.parse().ok();
        let mut settings = Self::default();
        settings.seed = number("DANCECARD_TEST_SEED").unwrap_or(settings.seed);
        let length = |name, usual| number(name).and_then(|n| usize::try_from(n).ok()).unwrap_or(usual);
        settings.sequences = length("DANCECARD_TEST_SEQUENCES", settings.sequences);
        settings.operations = length("DANCECARD_TEST_OPERATIONS", settings.operations);
        settings.records = length("DANCECARD_TEST_RECORDS", settings.records);
        settings
    }
}

/// Seed 1, 24 sequences of 250 operations, 10,000 records, 4 threads, 5 minutes.
impl Default for Settings {
    fn default() -> Self {
        let patience = Duration::from_secs(300);
        Self { seed: 1, sequences: 24, operations: 250, records: 10_000, threads: 4, patience }
    }
}

/// The surroundings of one case: an empty engine, fresh keys, randomness that the seed repeats, a moment to call now.
pub struct Env {
    factory: Arc<dyn Factory>,
    settings: Settings,
    store: Mutex<SharedStore>,
    waiting: Mutex<Option<SharedStore>>,
    hooks: Hooks,
    random: Mutex<Random>,
    now: Timestamp,
}

impl Env {
    /// Opens an engine for the case of this name.
    ///
    /// # Errors
    /// Whatever kept the factory from opening one.
    pub async fn open(factory: Arc<dyn Factory>, settings: &Settings, name: &str) -> Outcome<Self> {
        let subject = factory.open().await.map_err(|failure| failure.at("opening the engine"))?;
        let now = start(subject.store.capabilities());
        Ok(Self {
            factory,
            settings: settings.clone(),
            store: Mutex::new(subject.store),
            waiting: Mutex::new(subject.waiting),
            hooks: subject.hooks,
            random: Mutex::new(Random::named(settings.seed, name)),
            now,
        })
    }

    /// Another empty engine, in surroundings that are the same whenever they are opened under this name.
    ///
    /// # Errors
    /// Those of [`Env::open`].
    pub async fn another(&self, name: &str) -> Outcome<Self> {
        Self::open(self.factory.clone(), &self.settings, name).await
    }

    /// The engine.
    pub fn store(&self) -> SharedStore {
        self.store.lock().clone()
    }

    /// The engine by its futures only, if it has a shorter way ([`Store::immediate`]) that [`Env::store`] takes.
    ///
    /// # Errors
    /// When it has none, or was restarted.
    pub fn waiting(&self) -> Outcome<SharedStore> {
        self.waiting.lock().clone().ok_or_else(|| Failure::new("an engine that answers at once", "none"))
    }

    /// What it claims.
    pub fn capabilities(&self) -> Capabilities {
        self.store().capabilities()
    }

    /// How the suite runs.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether [`Env::restart`] can work.
    pub fn can_restart(&self) -> bool {
        self.hooks.reopen.is_some() && self.capabilities().durable
    }

    /// Whether [`Env::peer`] can work.
    pub fn has_peer(&self) -> bool {
        self.hooks.peer.is_some()
    }

    /// Drops the engine and opens its data again. The case gives its own handle back, so that none is left.
    ///
    /// # Errors
    /// When there is no way to reopen, or it failed.
    pub async fn restart(&self, held: SharedStore) -> Outcome<SharedStore> {
        let reopen = self.hooks.reopen.as_ref().ok_or_else(|| missing("reopen"))?;
        drop(held);
        drop(self.waiting.lock().take());
        let old = std::mem::replace(&mut *self.store.lock(), SharedStore::new(MemoryStore::new()));
        drop(old);
        let store = reopen().await.map_err(|failure| failure.at("opening the data again"))?;
        *self.store.lock() = store.clone();
        Ok(store)
    }

    /// Another engine over the same data, as another process would open it.
    ///
    /// # Errors
    /// When there is no way to, or it failed.
    pub async fn peer(&self) -> Outcome<SharedStore> {
        let open = self.hooks.peer.as_ref().ok_or_else(|| missing("peer"))?;
        open().await.map_err(|failure| failure.at("opening the data a second time"))
    }

    /// An empty engine that is soon full.
    ///
    /// # Errors
    /// When there is no way to get one, or it failed.
    pub async fn limited(&self) -> Outcome<SharedStore> {
        let open = self.hooks.limited.as_ref().ok_or_else(|| missing("limited"))?;
        open().await.map_err(|failure| failure.at("opening the small engine"))
    }

    /// Whether [`Env::expiring`] can work.
    pub fn has_expiring(&self) -> bool {
        self.hooks.expiring.is_some()
    }

    /// An empty engine whose expired records are soon gone.
    ///
    /// # Errors
    /// When there is no way to get one, or it failed.
    pub async fn expiring(&self) -> Outcome<Expiring> {
        let open = self.hooks.expiring.as_ref().ok_or_else(|| missing("expiring"))?;
        open().await.map_err(|failure| failure.at("opening the engine that expires"))
    }

    /// The present moment. An engine that doesn't expire by itself has no business knowing it, so it is a day long
    /// past; for one that does it is the real time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The moment so much later.
    pub fn later(&self, span: Duration) -> Timestamp {
        self.now.saturating_add(span)
    }

    /// 64 bits that the seed repeats.
    pub fn random(&self) -> u64 {
        self.random.lock().next_u64()
    }

    /// A generator of the case's own.
    pub fn generator(&self) -> Random {
        Random::new(self.random())
    }

    /// A key that nothing is stored under.
    pub fn key(&self) -> RecordKey {
        RecordKey::new(&self.random.lock().bytes(32))
    }

    /// So many keys.
    pub fn keys(&self, count: usize) -> Vec<RecordKey> {
        (0..count).map(|_| self.key()).collect()
    }

    /// The facts of a usual live session: idle limit an hour, absolute limit a day.
    pub fn meta(&self) -> Meta {
        Meta::new(self.now, self.later(HOUR)).with_idle(Some(HOUR)).with_absolute_at(self.later(DAY))
    }

    /// A usual live session with this payload.
    pub fn record(&self, payload: impl AsRef<[u8]>) -> Record {
        Record::new(self.meta(), payload.as_ref().to_vec())
    }

    /// A live session of this principal.
    pub fn record_of(&self, principal: &str) -> Record {
        Record::new(self.meta().with_principal(Some(principal.into())), b"{}".to_vec())
    }

    /// A record that lives for so long.
    pub fn record_for(&self, life: Duration) -> Record {
        Record::new(Meta::new(self.now, self.later(life)), b"{}".to_vec())
    }

    /// A new record under a new key.
    ///
    /// # Errors
    /// When the engine refuses it.
    pub async fn create(&self, store: &SharedStore, record: &Record) -> Outcome<(RecordKey, Version)> {
        let key = self.key();
        let version = store.write(&key, record.clone(), WriteMode::Create).await?;
        Ok((key, version))
    }

    /// Changes a record that is there, on its present version where the engine can.
    ///
    /// # Errors
    /// When there is none, or the engine refuses.
    pub async fn rewrite(&self, store: &SharedStore, key: &RecordKey, record: &Record) -> Outcome<Version> {
        Ok(self.try_rewrite(store, key, record.clone()).await??)
    }

    /// [`Env::rewrite`] with the engine's own answer to the write.
    ///
    /// # Errors
    /// When there is nothing to change.
    pub async fn try_rewrite(
        &self,
        store: &SharedStore,
        key: &RecordKey,
        record: Record,
    ) -> Outcome<dancecard_core::Result<Version>> {
        let loaded = store.load(key).await?.ok_or_else(|| Failure::new("a record to change", "no record"))?;
        let mode = match store.capabilities().conditional_write.is_supported() {
            true => WriteMode::Update(loaded.version().clone()),
            false => WriteMode::Overwrite,
        };
        Ok(store.write(key, record, mode).await)
    }

    /// Polls a future of the case with the suite's patience.
    pub(super) async fn in_time<T>(&self, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let patience = self.settings.patience;
        let late = || Failure::new("an end", format!("nothing for {} seconds: it hangs", patience.as_secs()));
        tokio::time::timeout(patience, work).await.unwrap_or_else(|_| Err(late()))
    }

    /// Everything listed.
    pub(super) async fn listed(
        &self,
        store: &SharedStore,
        query: dancecard_core::ListQuery,
    ) -> Outcome<Vec<dancecard_core::Entry>> {
        Ok(poll::collect(store.list(query)).await?)
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("settings", &self.settings)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

fn start(capabilities: Capabilities) -> Timestamp {
    if capabilities.native_expiry { SystemClock.now() } else { ManualClock::default().now() }
}

fn missing(hook: &str) -> Failure {
    Failure::new(format!("a subject with a `{hook}` hook"), "none")
}
