//! An engine that keeps every promise, unless it is told which to break.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dancecard_core::{
    BoxStream, Capabilities, Clock, Entry, Error, ErrorKind, Immediate, ListQuery, Record, RecordKey, Result,
    Store, Support, SystemClock, Timestamp, Version, Versioned, WriteMode,
};
use dancecard_testkit::store::{Expiring, Opened, Subject};
use parking_lot::{Mutex, MutexGuard};
use tokio::task::yield_now;

mod bugs;
mod listing;
mod mangle;
mod steps;
mod table;
mod writing;

pub(crate) use bugs::{Bug, Claims};
use listing::Listing;
use table::Table;

const MAX_PAYLOAD: usize = 100_000;
const SMALL: usize = 300;

/// Records in a map behind one lock. Every operation pauses once before it takes effect, in one step.
#[derive(Clone)]
pub(crate) struct Broken {
    claims: Claims,
    bug: Option<Bug>,
    limit: usize,
    wrote: Arc<AtomicBool>,
    table: Arc<Mutex<Table>>,
}

impl Broken {
    pub(crate) fn new(claims: Claims, bug: Option<Bug>) -> Self {
        Self { claims, bug, limit: usize::MAX, wrote: Arc::default(), table: Arc::default() }
    }

    /// A fresh engine with all that the suite may want of a subject.
    pub(crate) async fn open(claims: Claims, bug: Option<Bug>) -> Opened {
        let engine = Self::new(claims, bug);
        let (reopened, peer) = (engine.clone(), engine.clone());
        let mut subject = Subject::new(engine.clone());
        if !engine.has(Bug::NoReopenHook) {
            subject = subject.with_reopen(move || {
                let engine = reopened.restarted();
                async { Ok(engine) }
            });
        }
        if !engine.has(Bug::NoPeerHook) {
            subject = subject.with_peer(move || {
                let engine = peer.peer();
                async { Ok(engine) }
            });
        }
        if !engine.has(Bug::NoExpiringHook) {
            subject = subject.with_expiring(move || async move { Ok(Self::new(claims, bug).expiring()) });
        }
        Ok(subject.with_limited(move || async move { Ok(Self { limit: SMALL, ..Self::new(claims, bug) }) }))
    }

    /// With a server that lets go of what is over whenever it is looked at.
    fn expiring(self) -> Expiring {
        let server = self.clone();
        let holds = move |key: RecordKey| {
            let (mut table, bug) = (server.lock(), server.bug);
            table.expire(SystemClock.now(), bug);
            std::future::ready(Ok(table.rows.contains_key(&key)))
        };
        Expiring::new(self, holds).within(Duration::from_secs(1))
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }

    fn restarted(&self) -> Self {
        let table = self.lock().restarted(self.bug);
        *self.lock() = table;
        self.clone()
    }

    fn peer(&self) -> Self {
        if self.has(Bug::PeerIsACopy) {
            let copy = self.lock().clone();
            return Self { table: Arc::new(Mutex::new(copy)), ..self.clone() };
        }
        self.clone()
    }

    fn error(&self, kind: ErrorKind, operation: &'static str, key: &RecordKey) -> Error {
        let operation = if self.has(Bug::ErrorsWithoutOperation) { "" } else { operation };
        let error = Error::new(kind, operation);
        let error = if self.has(Bug::ErrorsWithoutEngine) { error } else { error.with_engine(self.engine()) };
        if self.has(Bug::ErrorsTellTheKey) {
            error.with_detail(format!("key {}", key.to_hex()))
        } else {
            error
        }
    }
}

/// The arguments of a replace, by the keys under which they are stored.
struct Rotation<'a> {
    old: &'a RecordKey,
    expected: &'a Version,
    retired: Record,
    new: &'a RecordKey,
    record: Record,
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has(Bug::DebugTellsPayloads) {
            let table = self.lock();
            let texts =
                table.rows.values().map(|row| String::from_utf8_lossy(&row.record.payload).into_owned());
            return f.debug_list().entries(texts).finish();
        }
        f.debug_struct("Broken").field("bug", &self.bug).finish_non_exhaustive()
    }
}

impl Store for Broken {
    fn engine(&self) -> &'static str {
        if self.has(Bug::NameHasBlanks) { "My Engine" } else { "broken" }
    }

    fn capabilities(&self) -> Capabilities {
        let claims = self.claims.capabilities().with_max_payload(self.claims.max_payload());
        match self.bug {
            Some(Bug::ClaimsChange) => claims.with_native_expiry(self.wrote.load(Ordering::SeqCst)),
            Some(Bug::EmulatesWithoutComparing) => {
                claims.with_replace(Support::Emulated).with_conditional_write(Support::None)
            }
            _ => claims,
        }
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let key = &mangle::key(key, self.bug);
        if self.has(Bug::LoadTakesAndReturns) {
            let row = self.lock().rows.remove(key);
            yield_now().await;
            self.lock().rows.extend(row.map(|row| (key.clone(), row)));
        }
        yield_now().await;
        Ok(self.lock().load(key, self.bug))
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        let (key, record) = (&mangle::key(key, self.bug), mangle::record(record, self.bug));
        self.wrote.store(true, Ordering::SeqCst);
        yield_now().await;
        match (self.bug, &mode) {
            (Some(Bug::WriteIsTorn), _) => self.write_in_two_steps(key, record, &mode).await,
            (Some(Bug::CreateRaces), WriteMode::Create) => self.write_after_a_pause(key, record, &mode).await,
            (Some(Bug::UpdateRaces), WriteMode::Update(_)) => {
                self.write_after_a_pause(key, record, &mode).await
            }
            (Some(Bug::IndexLagsBehind), _) => self.write_and_index_later(key, record, &mode).await,
            (Some(Bug::VersionsRace), _) => self.write_with_an_old_count(key, record, &mode).await,
            _ => self.write_at_once(&mut self.lock(), key, record, &mode),
        }
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        let key = &mangle::key(key, self.bug);
        yield_now().await;
        if self.has(Bug::DeleteIsTorn) {
            self.lock().rows.get_mut(key).map_or_else(Default::default, |row| row.record.payload.clear());
            yield_now().await;
        }
        if self.has(Bug::DeleteOfAbsentFails) && !self.lock().rows.contains_key(key) {
            return Err(self.error(ErrorKind::Other, "delete", key));
        }
        self.lock().delete(key, self.bug);
        Ok(())
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        if !self.capabilities().replace.is_supported() && !self.has(Bug::ReplacesUnclaimed) {
            return Err(self.unsupported("replace"));
        }
        let (old, new) = (&mangle::key(old, self.bug), &mangle::key(new, self.bug));
        let (retired, record) = (mangle::record(retired, self.bug), mangle::record(record, self.bug));
        let step = Rotation { old, expected, retired, new, record };
        yield_now().await;
        match self.bug {
            Some(Bug::ReplaceIsTwoSteps) => {
                let version =
                    self.write_at_once(&mut self.lock(), new, step.record.clone(), &WriteMode::Create)?;
                yield_now().await;
                let update = WriteMode::Update(expected.clone());
                let retired = self.write_at_once(&mut self.lock(), old, step.retired, &update);
                retired.inspect_err(|_| drop(self.lock().take(new, None))).map(|_| version)
            }
            Some(Bug::ReplaceIsTorn) => {
                self.check(&self.lock(), old, &WriteMode::Update(expected.clone()))?;
                let half = Record::new(step.record.meta.clone(), Vec::new());
                self.write_at_once(&mut self.lock(), new, half, &WriteMode::Create)?;
                yield_now().await;
                drop(self.lock().take(new, None));
                self.replace_now(&mut self.lock(), &step)
            }
            Some(Bug::ReplaceRaces) => {
                self.check(&self.lock(), old, &WriteMode::Update(expected.clone()))?;
                yield_now().await;
                self.lock().put(old, step.retired, &WriteMode::Overwrite, self.bug);
                self.write_at_once(&mut self.lock(), new, step.record, &WriteMode::Create)
            }
            _ => self.replace_now(&mut self.lock(), &step),
        }
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        if !self.capabilities().touch.is_supported() && !self.has(Bug::TouchesUnclaimed) {
            return Err(self.unsupported("touch"));
        }
        let key = &mangle::key(key, self.bug);
        yield_now().await;
        match self.bug {
            Some(Bug::TouchIsTorn) => {
                self.lock().set_expiry(key, Timestamp::from_millis(0));
                yield_now().await;
                Ok(self.touch_now(&mut self.lock(), key, expires_at))
            }
            Some(Bug::TouchRaces) => {
                let before = self.lock().rows.get(key).map(|row| row.record.meta.expires_at());
                yield_now().await;
                Ok(before.is_some_and(|before| self.lock().set_expiry(key, before.max(expires_at))))
            }
            _ => Ok(self.touch_now(&mut self.lock(), key, expires_at)),
        }
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        let claims = self.capabilities();
        let claimed = if query.principal.is_some() { claims.principal_index } else { claims.list };
        let refusal =
            (!claimed.is_supported() && !self.has(Bug::ListsUnclaimed)).then(|| self.unsupported("list"));
        Box::pin(Listing::new(self, query, refusal))
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        yield_now().await;
        Ok(match self.bug {
            Some(Bug::PurgeDoesNothing) => 0,
            Some(Bug::PurgeRaces) => self.purge_after_a_pause(now, limit).await,
            Some(Bug::PurgeRewritesAll) => self.purge_by_rewriting(now, limit).await,
            _ => self.purge_now(&mut self.lock(), now, limit),
        })
    }

    fn immediate(&self) -> Option<&dyn Immediate> {
        (self.claims == Claims::Immediate).then_some(self)
    }

    async fn health(&self) -> Result<()> {
        if self.has(Bug::HealthFails) {
            return Err(self.error(ErrorKind::Unavailable, "health", &RecordKey::new(b"health")));
        }
        Ok(())
    }
}

impl Immediate for Broken {
    fn load_now(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let found = self.lock().load(key, self.bug);
        Ok(found.filter(|_| !self.has(Bug::ImmediateLoadIsEmpty)))
    }

    fn write_now(&self, key: &RecordKey, record: Record, mode: &WriteMode) -> Result<Version> {
        let mode = if self.has(Bug::ImmediateWriteDoesNotCompare) { &WriteMode::Overwrite } else { mode };
        let version = self.write_at_once(&mut self.lock(), key, record, mode)?;
        if self.has(Bug::ImmediateWriteForgetsTheIndex) {
            self.lock().unindex(key);
        }
        Ok(version)
    }
}
