//! Several applications on one engine, each with records of its own.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use smallvec::SmallVec;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::id::RecordKey;
use crate::record::{Entry, Meta, Record, Stored, Version, Versioned};
use crate::store::{BoxStream, Capabilities, ListQuery, Store, Support, WriteMode};

/// Between the prefix and the key, and in no prefix: so no key of one prefix is a key of another.
const SEPARATOR: u8 = 0x1f;

/// With the separator and a key of 32 bytes it makes a key of 64, as the conformance suite tries on every engine.
const LONGEST: usize = 31;

/// A store whose keys begin with a prefix, so that several applications share an engine without seeing each other's
/// records.
///
/// Every application on the engine needs a prefix, each another one: whoever uses the engine without one sees all
/// records. The key of a record in the engine is the prefix, one byte `0x1f`, and the key as the application knows it; the
/// successor that a marker names is stored likewise. Principals are stored as they are. So:
///
/// - A listing leaves out what has another prefix. It reads it nevertheless, so listing everything costs as much as the
///   whole engine ([`Support::Emulated`]). A listing of a principal reads the sessions that people of the same name have in
///   other applications.
/// - "End all" ends and marks in this application only: its mark is a record with a prefixed key.
/// - A purge removes what has expired, whosever it is, and counts all of it. That is harmless: expired is expired. One
///   sweeper is enough for all.
/// - Limits of the engine (sessions, bytes) are shared by all.
///
/// ```
/// use dancecard_core::{MemoryStore, PrefixedStore, SessionManager, SharedStore};
///
/// let engine = SharedStore::new(MemoryStore::new());
/// let shop = SessionManager::new(PrefixedStore::new(engine.clone(), "shop")?);
/// let wiki = SessionManager::new(PrefixedStore::new(engine, "wiki")?);
/// # Ok::<(), dancecard_core::Error>(())
/// ```
///
/// Within one application, [`SessionManager::with_namespace`](crate::SessionManager::with_namespace) keeps several kinds
/// of sessions apart without this.
pub struct PrefixedStore<S> {
    inner: S,
    /// With its separator.
    prefix: Box<[u8]>,
}

impl<S: Store> PrefixedStore<S> {
    /// A part of `inner`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a prefix that is empty, longer than 31 bytes, or contains the byte `0x1f`.
    pub fn new(inner: S, prefix: &str) -> Result<Self> {
        let bytes = prefix.as_bytes();
        if bytes.is_empty() || bytes.len() > LONGEST || bytes.contains(&SEPARATOR) {
            let detail = "a prefix has 1 to 31 bytes, and no unit separator (0x1f)";
            return Err(Error::new(ErrorKind::Config, "prefix")
                .with_engine(inner.engine())
                .with_detail(detail));
        }
        Ok(Self { inner, prefix: [bytes, &[SEPARATOR]].concat().into() })
    }

    /// The key as the engine knows it.
    fn outer(&self, key: &RecordKey) -> RecordKey {
        let mut bytes: SmallVec<[u8; 96]> = SmallVec::from_slice(&self.prefix);
        bytes.extend_from_slice(key.as_bytes());
        RecordKey::new(&bytes)
    }

    /// The key as the application knows it; `None` of another's.
    fn own(&self, key: &RecordKey) -> Option<RecordKey> {
        key.as_bytes().strip_prefix(&*self.prefix).map(RecordKey::new)
    }

    fn outer_record(&self, record: Record) -> Record {
        match record.meta.successor().map(|successor| self.outer(successor)) {
            Some(successor) => Record { meta: record.meta.with_successor(successor), ..record },
            None => record,
        }
    }

    fn own_meta(&self, meta: Meta) -> Meta {
        match meta.successor().and_then(|successor| self.own(successor)) {
            Some(successor) => meta.with_successor(successor),
            None => meta,
        }
    }

    /// Only a marker with a successor is not as it is stored.
    fn own_record(&self, found: Versioned) -> Versioned {
        if found.written_meta().successor().is_none() {
            return found;
        }
        let (version, expires_at) = (found.version().clone(), found.expires_at());
        let meta = self.own_meta(found.written_meta().clone());
        Versioned::shared(Arc::new(Marker { found, meta }), version, expires_at)
    }
}

/// A record with other facts than those that are stored.
struct Marker {
    found: Versioned,
    meta: Meta,
}

impl Stored for Marker {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn payload(&self) -> &[u8] {
        self.found.payload()
    }
}

impl<S: Store> Store for PrefixedStore<S> {
    crate::forward!(inner: engine, is_usable, unsupported, purge_expired, health);

    fn capabilities(&self) -> Capabilities {
        let inner = self.inner.capabilities();
        inner.with_list(if inner.list.is_supported() { Support::Emulated } else { Support::None })
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let found = self.inner.load(&self.outer(key)).await?;
        Ok(found.map(|found| self.own_record(found)))
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        self.inner.write(&self.outer(key), self.outer_record(record), mode).await
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.inner.delete(&self.outer(key)).await
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        let (old, new) = (self.outer(old), self.outer(new));
        let (retired, record) = (self.outer_record(retired), self.outer_record(record));
        self.inner.replace(&old, expected, retired, &new, record).await
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        self.inner.touch(&self.outer(key), expires_at).await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        Box::pin(Own { store: self, entries: self.inner.list(query) })
    }
}

/// Leaves out what has another prefix.
struct Own<'a, S> {
    store: &'a PrefixedStore<S>,
    entries: BoxStream<'a, Result<Entry>>,
}

impl<S: Store> Stream for Own<'_, S> {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(item) = std::task::ready!(self.entries.as_mut().poll_next(context)) else {
                return Poll::Ready(None);
            };
            let own = item.map(|entry| {
                let key = self.store.own(&entry.key)?;
                Some(Entry { key, meta: self.store.own_meta(entry.meta), ..entry })
            });
            if let Some(item) = own.transpose() {
                return Poll::Ready(Some(item));
            }
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for PrefixedStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.prefix.split_last().map_or(&[][..], |(_, prefix)| prefix);
        f.debug_struct("PrefixedStore")
            .field("inner", &self.inner)
            .field("prefix", &String::from_utf8_lossy(prefix))
            .finish()
    }
}
