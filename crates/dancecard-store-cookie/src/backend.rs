//! The engine itself.

use std::fmt;
use std::sync::Arc;

use dancecard_core::{
    BoxStream, Capabilities, Carried, ClientSide, Entry, ListQuery, Parcel, Record, RecordKey, Result,
    SharedStore, Store, Timestamp, Version, Versioned, WriteMode,
};
use dancecard_seal::{KeyRing, Sealer};

use crate::capabilities::capabilities;
use crate::config::Config;
use crate::error::{self, ENGINE};
use crate::listing;
use crate::request::Request;

const PURPOSE: &str = "cookie";

/// Sessions sealed in the browser's cookie.
///
/// See the [crate's page](crate) for what it promises, with a registry and without. A clone is another handle on the same
/// engine.
///
/// ```
/// use dancecard_core::{MemoryStore, SessionManager};
/// use dancecard_seal::{Key, KeyRing};
/// use dancecard_store_cookie::CookieStore;
///
/// # fn main() -> Result<(), dancecard_core::Error> {
/// let keys = KeyRing::new([Key::random()?])?;
/// let engine = CookieStore::new(&keys, "shop").with_registry(MemoryStore::new());
/// let manager = SessionManager::new(engine);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct CookieStore {
    sealer: Sealer,
    registry: Option<SharedStore>,
}

impl CookieStore {
    /// Sealed with the first of these keys, for this application.
    pub fn new(keys: &KeyRing, application: &str) -> Self {
        Self { sealer: keys.sealer(PURPOSE, application), registry: None }
    }

    /// The engine as it is configured. Does no I/O.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config) for no key, and for weak or unreadable ones.
    pub fn connect(config: &Config) -> Result<Self> {
        Ok(Self::new(&config.ring()?, &config.application))
    }

    /// Keeps the facts of each session, but not its data, in another engine. With it a sign-out can be enforced, sessions
    /// can be listed and ended, and a sign-in anywhere counts; without it none of that is possible.
    #[must_use]
    pub fn with_registry(mut self, registry: impl Store) -> Self {
        self.registry = Some(SharedStore::new(registry));
        self
    }
}

impl fmt::Debug for CookieStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieStore").field("sealer", &self.sealer).field("registry", &self.registry).finish()
    }
}

impl ClientSide for CookieStore {
    fn receive(&self, brought: Carried<'_>) -> (SharedStore, Arc<dyn Parcel>) {
        let request = Request::new(self.sealer.clone(), self.registry.clone(), brought);
        (SharedStore::new(request.clone()), Arc::new(request))
    }
}

/// Without a request, all there is is the registry.
impl Store for CookieStore {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(self.registry.as_ref())
    }

    fn client_side(&self) -> Option<&dyn ClientSide> {
        Some(self)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        match &self.registry {
            Some(registry) => registry.load(key).await,
            None => Ok(None),
        }
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        match &self.registry {
            // The data of a session that begins here would have nowhere to go.
            Some(registry) if mode != WriteMode::Create => registry.write(key, record, mode).await,
            _ => Err(error::nowhere()),
        }
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        match &self.registry {
            Some(registry) => registry.delete(key).await,
            None => Ok(()),
        }
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        match &self.registry {
            Some(registry) => registry.touch(key, expires_at).await,
            None => Ok(false),
        }
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        match &self.registry {
            Some(registry) => registry.list(query),
            None => listing::refused(self.unsupported("list")),
        }
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        match &self.registry {
            Some(registry) => registry.purge_expired(now, limit).await,
            None => Ok(0),
        }
    }

    async fn health(&self) -> Result<()> {
        match &self.registry {
            Some(registry) => registry.health().await,
            None => Ok(()),
        }
    }
}
