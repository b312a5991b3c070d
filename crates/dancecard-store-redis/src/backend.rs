//! The engine itself.

use std::fmt;
use std::sync::Arc;

use dancecard_core::{
    BoxStream, Capabilities, Entry, ErrorKind, ListQuery, Record, RecordKey, Result, Store, Timestamp,
    Version, Versioned, WriteMode,
};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::capabilities::capabilities;
use crate::config::Config;
use crate::dial::Dialer;
use crate::error::{self, ENGINE};
use crate::form::{self, Tag};
use crate::keys::Names;
use crate::listing::Listing;
use crate::lives::Life;
use crate::near::{Confirmation, Near};
use crate::servers::{Effort, Servers};
use crate::versions::Versions;
use crate::wire::{Command, Reply};
use crate::write::{Condition, Value};

/// Sessions on Redis or Valkey.
///
/// See the [crate's page](crate) for what it promises. Clones share connections and cache. The last one that is dropped
/// closes the connections.
///
/// ```no_run
/// use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
/// use dancecard_store_redis::RedisStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::from_url("redis://localhost/0?prefix=shop%3A")?;
/// let key = RecordKey::new(b"key");
/// let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX);
/// store.write(&key, Record::new(meta, b"{}".to_vec()), WriteMode::Create).await?;
/// assert_eq!(store.load(&key).await?.expect("just written").payload(), b"{}");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    pub(crate) inner: Arc<Inner>,
}

/// What the clones of an engine share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) servers: Servers,
    pub(crate) names: Names,
    pub(crate) config: Config,
    pub(crate) versions: Versions,
    pub(crate) near: Option<Arc<Near>>,
}

impl RedisStore {
    /// An engine of these settings. Nothing is connected to before it is first used, within a tokio runtime whose time
    /// and I/O are enabled.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for settings that make no sense, and for files that can't be used.
    pub fn connect(config: Config) -> Result<Self> {
        config.validate()?;
        let names = Names::new(&config.prefix);
        let near = (config.near_cache_bytes > 0).then(|| {
            Arc::new(Near::new(config.near_cache_bytes, config.near_cache_staleness(), names.clone()))
        });
        let dialer = Dialer::new(config.clone(), near.clone())?;
        let servers = Servers::new(dialer)?;
        let versions = Versions::new()?;
        Ok(Self { inner: Arc::new(Inner { servers, names, config, versions, near }) })
    }

    /// An engine as a URL says: see [`Config::from_url`].
    ///
    /// # Errors
    /// Those of [`Config::from_url`] and [`RedisStore::connect`].
    pub fn from_url(url: &str) -> Result<Self> {
        Self::connect(Config::from_url(url)?)
    }

    /// Has a session from memory confirmed by its server, while the session is served.
    fn confirm(&self, name: Vec<u8>, confirmation: Confirmation) {
        // Without a runtime, whoever comes when the time is over asks the server.
        let Ok(runtime) = Handle::try_current() else { return };
        let inner = self.inner.clone();
        runtime.spawn(async move {
            // Whatever comes of it shows in the connection's own record.
            let _ = inner.servers.call(&name, &Command::new("PING"), inner.reading()).await;
            drop(confirmation);
        });
    }
}

impl Inner {
    fn until(&self) -> Instant {
        Instant::now() + self.config.timeout()
    }

    /// For what changes nothing.
    pub(crate) fn reading(&self) -> Effort {
        Effort { until: self.until(), repeats: true, replicas: 0 }
    }

    /// For what may be done twice without harm.
    pub(crate) fn repeating(&self) -> Effort {
        Effort { replicas: self.config.replicas_to_wait, ..self.reading() }
    }

    /// For what must not be done twice.
    pub(crate) fn writing(&self) -> Effort {
        Effort { repeats: false, ..self.repeating() }
    }

    /// What is stored of a record.
    fn value(&self, record: &Record, operation: &'static str) -> Result<Value> {
        let (size, most) = (record.payload.len(), self.config.max_payload);
        let too_large = || {
            let remedy = format!("the payload has {size} bytes, max_payload allows {most}");
            error::new(ErrorKind::TooLarge, operation).with_detail(remedy)
        };
        if size > most {
            return Err(too_large());
        }
        let (version, tag) = (self.versions.next(), Tag::of_record(&record.meta));
        let bytes = form::encode(record, version, tag).ok_or_else(too_large)?;
        let life = Life::until(record.meta.expires_at(), self.config.slack());
        Ok(Value { bytes, version, tag, life })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

impl Store for RedisStore {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(&self.inner.config)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let inner = &*self.inner;
        let name = inner.names.record(key);
        let Some(near) = &inner.near else {
            return inner.fetch(&name).await.map(|(found, _)| found);
        };
        if let Some(hit) = near.get(key) {
            if let Some(confirmation) = hit.confirm {
                self.confirm(name, confirmation);
            }
            return Ok(Some(hit.record));
        }
        let ticket = near.ticket(key);
        let (found, line) = inner.fetch(&name).await?;
        if let (Some(found), Some(source)) = (&found, &line.source) {
            near.keep(&ticket, key, found, source);
        }
        Ok(found)
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        let condition = match &mode {
            WriteMode::Create => Condition::Absent,
            WriteMode::Overwrite => Condition::Any,
            // Another engine's version is as stale as can be.
            WriteMode::Update(version) => Condition::of(version).ok_or_else(|| error::conflict("write"))?,
            _ => return Err(self.unsupported("write")),
        };
        let value = self.inner.value(&record, "write")?;
        drop(record);
        let _altering = self.inner.near.as_ref().map(|near| near.altering(key));
        self.inner.store(key, &value, condition).await?;
        Ok(Version::from_u64(value.version))
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        let _altering = self.inner.near.as_ref().map(|near| near.altering(key));
        self.inner.remove(key).await
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        if self.inner.config.is_cluster() {
            return TwoSteps(self.clone()).replace(old, expected, retired, new, record).await;
        }
        let condition = Condition::of(expected).ok_or_else(|| error::conflict("replace"))?;
        let (retired, value) =
            (self.inner.value(&retired, "replace")?, self.inner.value(&record, "replace")?);
        drop(record);
        let _altering = self.inner.near.as_ref().map(|near| (near.altering(old), near.altering(new)));
        self.inner.exchange(old, condition, &retired, new, &value).await?;
        Ok(Version::from_u64(value.version))
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        let _altering = self.inner.near.as_ref().map(|near| near.altering(key));
        self.inner.extend(key, expires_at).await
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        Box::pin(Listing::new(self.inner.clone(), query))
    }

    /// A read that no cache answers.
    async fn health(&self) -> Result<()> {
        let name = self.inner.names.record(&RecordKey::new(&[0; 32]));
        self.inner.fetch(&name).await.map(drop)
    }
}

impl Inner {
    /// The record under a name, and the connection by which it came.
    async fn fetch(&self, name: &[u8]) -> Result<(Option<Versioned>, Arc<crate::dial::Line>)> {
        let get = Command::with_capacity("GET", 1, name.len()).arg(name);
        let answer = self.servers.call(name, &get, self.reading()).await;
        let answer = answer.map_err(|failure| failure.of_read("load"))?;
        let found = match answer.reply {
            Reply::Nil => None,
            Reply::Bytes(bytes) => Some(form::decode(bytes).ok_or_else(|| error::unreadable("load"))?),
            Reply::Refused(refusal) => return Err(refusal.to_error("load")),
            _ => return Err(error::unreadable("load")),
        };
        Ok((found, answer.line))
    }
}

/// The engine with the replacement that the contract provides, in two writes.
#[derive(Debug)]
struct TwoSteps(RedisStore);

impl Store for TwoSteps {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.0.load(key).await
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        self.0.write(key, record, mode).await
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.0.delete(key).await
    }
}
