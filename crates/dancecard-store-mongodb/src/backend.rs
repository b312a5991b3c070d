//! The engine itself.

use std::fmt;
use std::sync::Arc;

use dancecard_core::{
    BoxStream, Capabilities, Entry, ErrorKind, ListQuery, Record, RecordKey, Result, Store, Support,
    Timestamp, Version, Versioned, WriteMode,
};
use mongodb::bson::raw::RawDocumentBuf;

use crate::capabilities::capabilities;
use crate::config::Config;
use crate::document::{self, number_in, version_of};
use crate::error::{self, ENGINE};
use crate::listing;
use crate::purge::purge;
use crate::replace::{Exchange, replace};
use crate::server::{Effect, Server};
use crate::versions::Versions;

/// How often an overwrite may find that others just made the record that it was about to make.
const RACES: usize = 10;

/// Sessions in a collection of MongoDB. Cheap to clone: clones share their connections.
///
/// See the [crate's page](crate) for what it promises. It needs a tokio runtime with I/O and time, in whose tasks its
/// connections live; if that runtime ends, the next use connects anew.
///
/// ```no_run
/// use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
/// use dancecard_store_mongodb::MongodbStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// let store = MongodbStore::from_url("mongodb://app:secret@db-1,db-2,db-3/shop?replicaSet=rs")?;
/// let key = RecordKey::new(b"key");
/// let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX);
/// store.write(&key, Record::new(meta, b"{}".to_vec()), WriteMode::Create).await?;
/// assert_eq!(store.load(&key).await?.expect("still there").payload(), b"{}");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct MongodbStore {
    server: Arc<Server>,
    versions: Arc<Versions>,
    config: Arc<Config>,
}

impl MongodbStore {
    /// An engine that connects when it is first used.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for settings out of bounds and for a connection string that is none; [`ErrorKind::Random`].
    pub fn connect(config: Config) -> Result<Self> {
        config.validate()?;
        let (server, versions) = (Arc::new(Server::new(&config)?), Arc::new(Versions::new()?));
        Ok(Self { server, versions, config: Arc::new(config) })
    }

    /// An engine that is set up by a URL: see [`Config::from_url`].
    ///
    /// # Errors
    /// Those of [`Config::from_url`] and [`MongodbStore::connect`].
    pub fn from_url(url: &str) -> Result<Self> {
        Self::connect(Config::from_url(url)?)
    }

    /// The document of a record, and the version that it has. With a key, it is for a record that is not there yet.
    fn document(
        &self,
        key: Option<&RecordKey>,
        record: &Record,
        operation: &'static str,
    ) -> Result<(RawDocumentBuf, i64)> {
        let version = self.versions.next();
        let document = document::write(key, record, version, self.config.max_payload, operation)?;
        Ok((document, version))
    }

    async fn create(&self, key: &RecordKey, record: &Record) -> Result<Version> {
        let (document, version) = self.document(Some(key), record, "write")?;
        let command = self.server.commands.insert(&document);
        self.server.write("write", command, Effect::Once).await?;
        Ok(version_of(version))
    }

    async fn update(&self, key: &RecordKey, record: &Record, expected: &Version) -> Result<Version> {
        let (document, version) = self.document(None, record, "write")?;
        let expected = number_in(expected).ok_or_else(|| conflict("write"))?;
        let command = self.server.commands.put(key, Some(expected), &document);
        match self.server.write("write", command, Effect::Once).await? {
            0 => Err(conflict("write")),
            _ => Ok(version_of(version)),
        }
    }

    async fn overwrite(&self, key: &RecordKey, record: &Record) -> Result<Version> {
        let (document, version) = self.document(None, record, "write")?;
        let command = self.server.commands.put(key, None, &document);
        for _ in 1..RACES {
            match self.server.write("write", command.clone(), Effect::Once).await {
                Err(error) if error.is_conflict() => {}
                outcome => return outcome.map(|_| version_of(version)),
            }
        }
        self.server.write("write", command, Effect::Once).await.map(|_| version_of(version))
    }

    async fn has_transactions(&self) -> Result<bool> {
        if !self.config.transactions {
            return Ok(false);
        }
        let mut course = self.server.course("replace", Effect::Reads);
        loop {
            match self.server.driver(course.deadline).await {
                Ok((_, deployment)) => return Ok(deployment.transactions),
                Err(failure) => course.go_on_after(failure, false).await?,
            }
        }
    }
}

fn conflict(operation: &'static str) -> dancecard_core::Error {
    error::new(ErrorKind::Conflict, operation)
}

impl fmt::Debug for MongodbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongodbStore").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Store for MongodbStore {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(&self.config, self.server.deployment())
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let batch = self.server.read("load", self.server.commands.load(key)).await?;
        let documents = batch.doc_slices().map_err(|_| error::unreadable("load"))?;
        let Some(found) = documents.into_iter().next() else { return Ok(None) };
        let found = found.ok().and_then(|value| value.as_document());
        let found = found.ok_or_else(|| error::unreadable("load"))?;
        document::versioned(found, "load").map(Some)
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        match mode {
            WriteMode::Create => self.create(key, &record).await,
            WriteMode::Update(expected) => self.update(key, &record, &expected).await,
            WriteMode::Overwrite => self.overwrite(key, &record).await,
            _ => Err(self.unsupported("write")),
        }
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        let command = self.server.commands.delete(key);
        self.server.write("delete", command, Effect::Repeatable).await.map(drop)
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        if !self.has_transactions().await? {
            return TwoSteps(self.clone()).replace(old, expected, retired, new, record).await;
        }
        let (marker, _) = self.document(None, &retired, "replace")?;
        let (successor, version) = self.document(Some(new), &record, "replace")?;
        let expected = number_in(expected).ok_or_else(|| conflict("replace"))?;
        let exchange = Exchange::new(&self.server.commands, (old, expected, &marker), &successor);
        replace(self.server.clone(), exchange).await.map(|()| version_of(version))
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        let command = self.server.commands.touch(key, expires_at);
        self.server.write("touch", command, Effect::Repeatable).await.map(|count| count > 0)
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        listing::stream(&self.server, query)
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        purge(&self.server, now, limit).await
    }
}

/// The engine with the replacement that the contract provides, in two writes.
#[derive(Debug)]
struct TwoSteps(MongodbStore);

impl Store for TwoSteps {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().with_replace(Support::Emulated)
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
