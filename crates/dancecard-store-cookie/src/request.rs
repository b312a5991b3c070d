//! The engine for one request: data from the cookie, facts from the registry.

use std::fmt;
use std::sync::Arc;

use dancecard_core::{
    BoxStream, Capabilities, Carried, Entry, Error, ErrorKind, ListQuery, Parcel, Record, RecordKey, Result,
    Retry, Sealed, SharedStore, Store, Timestamp, Version, Versioned, WriteMode,
};
use dancecard_seal::Sealer;
use parking_lot::Mutex;

use crate::capabilities::capabilities;
use crate::error::{self, ENGINE};
use crate::held::{Found, Held};
use crate::listing;
use crate::sealing::{Bound, check_size, digest, facts};

/// A handle; a clone is another one.
#[derive(Clone)]
pub(crate) struct Request(Arc<Inner>);

struct Inner {
    sealer: Sealer,
    registry: Option<SharedStore>,
    channel: String,
    limit: usize,
    held: Mutex<Held>,
}

impl Request {
    pub(crate) fn new(sealer: Sealer, registry: Option<SharedStore>, brought: Carried<'_>) -> Self {
        let Carried { channel, limit, records } = brought;
        let held = Mutex::new(Held::new(records));
        Self(Arc::new(Inner { sealer, registry, channel: channel.to_owned(), limit, held }))
    }

    fn bound(&self) -> Bound<'_> {
        Bound { sealer: &self.0.sealer, channel: &self.0.channel }
    }

    fn find(&self, key: &RecordKey) -> Found {
        self.0.held.lock().find(key, self.bound())
    }

    /// The facts that the registry has, with the data that the client brought.
    fn join(&self, key: &RecordKey, registered: Versioned) -> Option<Versioned> {
        if let Some(successor) = registered.written_meta().successor() {
            self.follow(key, successor);
        }
        let found = self.0.held.lock().find_registered(key, registered.payload(), self.bound());
        match found {
            Found::Record(record) | Found::Borrowed(record) => {
                let meta = registered.meta().with_codec(record.meta.codec());
                Some(Versioned::new(Record::new(meta, record.payload), registered.version().clone()))
            }
            Found::Nothing if !registered.written_meta().is_retired() => None,
            // Somebody else's session, which is looked at to be ended; or one that has ended.
            Found::Nothing | Found::Unknown => Some(registered),
        }
    }

    /// The session got a new id while this request was under way. Its data is what was brought under the old one.
    fn follow(&self, key: &RecordKey, successor: &RecordKey) {
        let mut held = self.0.held.lock();
        if let (Found::Record(record), false) = (held.find(key, self.bound()), held.knows(successor)) {
            held.lend(successor, record);
        }
    }

    /// Whether the data of a record goes to the client. The others are marks, and sessions that are ended from here.
    fn carries(&self, key: &RecordKey, mode: &WriteMode) -> bool {
        *mode == WriteMode::Create || self.0.registry.is_none() || self.0.held.lock().knows(key)
    }

    /// What must hold before anything is stored anywhere.
    fn check(&self, key: &RecordKey, record: &Record) -> Result<()> {
        if self.0.held.lock().is_sent {
            return Err(error::sent());
        }
        match self.find(key) {
            Found::Borrowed(_) => Err(error::renewed()),
            _ => check_size(record, self.0.limit),
        }
    }

    fn version(&self, key: &RecordKey) -> Version {
        Version::from_u64(self.0.held.lock().write_of(key))
    }

    /// Without a registry there are no conditions: nobody knows what other copies there are.
    fn check_mode(&self, key: &RecordKey, mode: &WriteMode) -> Result<()> {
        match (mode, self.find(key)) {
            (WriteMode::Create, Found::Record(_)) => Err(error::new(ErrorKind::Conflict, "write")),
            (WriteMode::Create | WriteMode::Overwrite, _) => Ok(()),
            _ => Err(self.unsupported("update")),
        }
    }

    /// Stores the facts with `register`, and keeps the data. In between, and if this is cut short, what the registry has
    /// says which data are the session's.
    async fn store<F: Future<Output = Result<Version>>>(
        &self,
        key: &RecordKey,
        record: Record,
        register: impl FnOnce(Record) -> F,
    ) -> Result<Version> {
        let digest = digest(&record);
        let write = self.0.held.lock().draft(key, digest, record.clone());
        let stored = register(facts(&record, digest)).await.map_err(error::in_registry);
        match &stored {
            Ok(_) => self.0.held.lock().put(key, write, record),
            Err(error) if error.retry() == Retry::Unknown => {}
            Err(_) => self.0.held.lock().discard(write),
        }
        stored
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieRequest").field("registry", &self.0.registry).finish_non_exhaustive()
    }
}

impl Store for Request {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(self.0.registry.as_ref())
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let Some(registry) = &self.0.registry else {
            return Ok(match self.find(key) {
                Found::Record(record) => Some(Versioned::new(record, self.version(key))),
                _ => None,
            });
        };
        Ok(registry
            .load(key)
            .await
            .map_err(error::in_registry)?
            .and_then(|registered| self.join(key, registered)))
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        let registry = self.0.registry.as_ref();
        if let Some(registry) = registry.filter(|_| record.meta.is_retired() || !self.carries(key, &mode)) {
            let version = registry.write(key, record, mode).await.map_err(error::in_registry)?;
            self.0.held.lock().forget(key);
            return Ok(version);
        }
        self.check(key, &record)?;
        if let Some(registry) = registry {
            return self.store(key, record, |facts| registry.write(key, facts, mode)).await;
        }
        self.check_mode(key, &mode)?;
        self.0.held.lock().put_now(key, record);
        Ok(self.version(key))
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        if let Some(registry) = &self.0.registry {
            registry.delete(key).await.map_err(error::in_registry)?;
        }
        self.0.held.lock().remove(key);
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
        let Some(registry) = &self.0.registry else { return Err(self.unsupported("replace")) };
        self.check(new, &record)?;
        let version =
            self.store(new, record, |facts| registry.replace(old, expected, retired, new, facts)).await?;
        self.0.held.lock().forget(old);
        Ok(version)
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        match &self.0.registry {
            Some(registry) => registry.touch(key, expires_at).await.map_err(error::in_registry),
            None => Ok(self.0.held.lock().touch(key, expires_at, self.bound())),
        }
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        match &self.0.registry {
            Some(registry) => registry.list(query),
            None => listing::refused(self.unsupported("list")),
        }
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        match &self.0.registry {
            Some(registry) => registry.purge_expired(now, limit).await.map_err(error::in_registry),
            None => Ok(self.0.held.lock().purge(now, limit)),
        }
    }

    async fn health(&self) -> Result<()> {
        match &self.0.registry {
            Some(registry) => registry.health().await.map_err(error::in_registry),
            None => Ok(()),
        }
    }
}

impl Parcel for Request {
    fn changed(&self) -> Option<RecordKey> {
        self.0.held.lock().changed()
    }

    fn seal(&self, key: &RecordKey) -> Result<Sealed> {
        let mut held = self.0.held.lock();
        held.is_sent = true;
        match held.find(key, self.bound()) {
            Found::Record(record) => self.bound().seal(key, &record),
            _ => Err(ended()),
        }
    }
}

fn ended() -> Error {
    error::new(ErrorKind::Ended, "seal").with_retry(Retry::Never)
}
