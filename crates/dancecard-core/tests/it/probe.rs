//! A store that counts, fails when told to, and lets a test step in between two calls.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use dancecard_core::{
    BoxStream, Capabilities, Entry, Error, ErrorKind, ListQuery, MemoryStore, Record, RecordKey, Result,
    Retry, Store, Support, Timestamp, Version, Versioned, WriteMode,
};
use parking_lot::Mutex;

/// A clone is another handle on the same store.
#[derive(Clone)]
pub(crate) struct Probe(Arc<Inner>);

struct Inner {
    store: MemoryStore,
    capabilities: Capabilities,
    plan: Mutex<Plan>,
    damage: Damage,
}

#[derive(Default)]
struct Plan {
    calls: Vec<&'static str>,
    faults: Vec<Fault>,
    interludes: Vec<(usize, Interlude)>,
    hangs: Vec<(usize, When)>,
    gives_way: bool,
}

/// The keys of records that can't be read.
type Damage = Mutex<BTreeSet<RecordKey>>;

type Interlude = Box<dyn FnOnce() + Send>;

/// When in a call the failure happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Nothing was done, and the error says so.
    Before,
    /// It was done, and the error says that nobody knows.
    After,
}

#[derive(Debug, Clone, Copy)]
struct Fault {
    call: usize,
    when: When,
    kind: ErrorKind,
}

impl Probe {
    pub(crate) fn new() -> Self {
        Self::with(MemoryStore::new().capabilities())
    }

    /// An engine that does nothing but load, create, overwrite and delete.
    pub(crate) fn simple() -> Self {
        Self::with(Capabilities::new())
    }

    pub(crate) fn with(capabilities: Capabilities) -> Self {
        let (plan, damage) = (Mutex::default(), Damage::default());
        Self(Arc::new(Inner { store: MemoryStore::new(), capabilities, plan, damage }))
    }

    /// What is really stored.
    pub(crate) fn memory(&self) -> &MemoryStore {
        &self.0.store
    }

    /// The calls since the last time, and a clean slate.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.plan.lock()).calls
    }

    /// Fails a call, counted from the last clean slate, the first one being 0.
    pub(crate) fn fail(&self, call: usize, when: When) {
        self.fail_with(call, when, ErrorKind::Unavailable);
    }

    pub(crate) fn fail_with(&self, call: usize, when: When, kind: ErrorKind) {
        self.0.plan.lock().faults.push(Fault { call, when, kind });
    }

    /// Fails every call of the next many.
    pub(crate) fn go_down(&self) {
        (0..64).for_each(|call| self.fail(call, When::Before));
    }

    /// Makes a record unreadable, one by one and in lists.
    pub(crate) fn damage(&self, key: &RecordKey) {
        self.0.damage.lock().insert(key.clone());
    }

    /// Lets other tasks run before and after every call.
    pub(crate) fn give_way(&self) {
        self.0.plan.lock().gives_way = true;
    }

    /// Lets a call never return, so that its caller can only give up.
    pub(crate) fn hang(&self, call: usize, when: When) {
        self.0.plan.lock().hangs.push((call, when));
    }

    /// Runs something just before a call, which is how another request gets in between.
    pub(crate) fn before(&self, call: usize, interlude: impl FnOnce() + Send + 'static) {
        self.0.plan.lock().interludes.push((call, Box::new(interlude)));
    }

    fn enter(&self, name: &'static str) -> Result<Option<Error>> {
        let (call, interlude) = self.begin(name);
        if let Some(interlude) = interlude {
            interlude();
        }
        let fault = self.0.plan.lock().faults.iter().find(|fault| fault.call == call).copied();
        match fault {
            Some(fault) if fault.when == When::Before => Err(failure(name, fault)),
            Some(fault) => Ok(Some(failure(name, fault))),
            None => Ok(None),
        }
    }

    fn begin(&self, name: &'static str) -> (usize, Option<Interlude>) {
        let mut plan = self.0.plan.lock();
        let call = plan.calls.len();
        plan.calls.push(name);
        let place = plan.interludes.iter().position(|(at, _)| *at == call);
        (call, place.map(|place| plan.interludes.remove(place).1))
    }

    async fn run<T>(&self, name: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
        let number = self.0.plan.lock().calls.len();
        let late = self.enter(name)?;
        self.pause_if_told(number, When::Before).await;
        let done = call.await?;
        self.pause_if_told(number, When::After).await;
        late.map_or(Ok(done), Err)
    }

    async fn pause_if_told(&self, call: usize, when: When) {
        let (gives_way, hangs) = {
            let plan = self.0.plan.lock();
            (plan.gives_way, plan.hangs.contains(&(call, when)))
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        if gives_way {
            tokio::task::yield_now().await;
        }
    }

    fn can(&self, support: Support, name: &'static str) -> Result<()> {
        if support.is_supported() { Ok(()) } else { Err(self.unsupported(name)) }
    }
}

fn failure(name: &'static str, fault: Fault) -> Error {
    let retry = if fault.when == When::Before { Retry::Safe } else { Retry::Unknown };
    Error::new(fault.kind, name).with_engine("probe").with_retry(retry)
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

impl Store for Probe {
    fn engine(&self) -> &'static str {
        "probe"
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let found = self.run("load", self.0.store.load(key)).await?;
        if self.0.damage.lock().contains(key) { Err(damaged("load")) } else { Ok(found) }
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        let name = match mode {
            WriteMode::Create => "create",
            WriteMode::Update(_) => "update",
            _ => "overwrite",
        };
        if name == "update" {
            self.can(self.0.capabilities.conditional_write, name)?;
        }
        self.run(name, self.0.store.write(key, record, mode)).await
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.run("delete", self.0.store.delete(key)).await
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        self.can(self.0.capabilities.touch, "touch")?;
        self.run("touch", self.0.store.touch(key, expires_at)).await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        let capabilities = self.0.capabilities;
        let able = if query.principal.is_some() { capabilities.principal_index } else { capabilities.list };
        match self.can(able, "list").and_then(|()| self.enter("list")) {
            Err(error) | Ok(Some(error)) => Box::pin(Failing(Some(error))),
            Ok(None) => Box::pin(Damaged { entries: self.0.store.list(query), damage: &self.0.damage }),
        }
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        self.run("purge", self.0.store.purge_expired(now, limit)).await
    }
}

/// The same with a replacement in one call.
#[derive(Debug)]
pub(crate) struct Swift(pub(crate) Probe);

impl Store for Swift {
    dancecard_core::forward!(0: engine, unsupported, load, write, delete, touch, list, purge_expired, health);

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().with_replace(Support::Native)
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        let replaced = self.0.memory().replace(old, expected, retired, new, record);
        self.0.run("replace", replaced).await
    }
}

fn damaged(name: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, name).with_engine("probe")
}

struct Damaged<'a> {
    entries: BoxStream<'a, Result<Entry>>,
    damage: &'a Damage,
}

impl futures_core::Stream for Damaged<'_> {
    type Item = Result<Entry>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let polled = self.entries.as_mut().poll_next(context);
        let is_damaged = |entry: &Entry| self.damage.lock().contains(&entry.key);
        polled.map(|item| match item? {
            Ok(entry) if is_damaged(&entry) => Some(Err(damaged("list"))),
            item => Some(item),
        })
    }
}

struct Failing(Option<Error>);

impl futures_core::Stream for Failing {
    type Item = Result<Entry>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.take().map(Err))
    }
}
