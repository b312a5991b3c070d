//! The engine itself.

use std::fmt;
use std::sync::Arc;

use dancecard_core::{
    BoxStream, Capabilities, Entry, ErrorKind, ListQuery, Record, RecordKey, Result, Store, Timestamp,
    Version, Versioned, WriteMode,
};

use crate::capabilities::capabilities;
use crate::config::Config;
use crate::error::{self, ENGINE};
use crate::lent::ClientPool;
use crate::link::{Answer, Blob};
use crate::listing;
use crate::row::{self, Row, number_in};
use crate::server::Server;
use crate::statements::Query;
use crate::versions::Versions;

/// How many records that are due a statement looks at, so that none takes long.
const PURGE_AT_ONCE: usize = 256;

/// Sessions in a table of PostgreSQL.
///
/// See the [crate's page](crate) for what it promises. It needs a tokio runtime with I/O and time, in whose tasks its
/// connections live; if that runtime ends, the next use connects anew.
///
/// ```no_run
/// use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
/// use dancecard_store_postgres::PostgresStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// let store = PostgresStore::from_url("postgres://app:secret@localhost/shop")?;
/// let key = RecordKey::new(b"key");
/// let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX);
/// store.write(&key, Record::new(meta, b"{}".to_vec()), WriteMode::Create).await?;
/// assert_eq!(store.load(&key).await?.expect("still there").payload(), b"{}");
/// # Ok(()) }
/// ```
pub struct PostgresStore {
    server: Server,
    versions: Versions,
    config: Config,
}

impl PostgresStore {
    /// An engine that connects when it is first used.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for settings out of bounds; [`ErrorKind::Random`].
    pub fn connect(config: Config) -> Result<Self> {
        config.validate()?;
        Ok(Self { server: Server::new(&config)?, versions: Versions::new()?, config })
    }

    /// An engine that is set up by a URL: see [`Config::from_url`].
    ///
    /// # Errors
    /// Those of [`Config::from_url`] and [`PostgresStore::connect`].
    pub fn from_url(url: &str) -> Result<Self> {
        Self::connect(Config::from_url(url)?)
    }

    /// An engine that borrows its connections, one for each operation, from a pool of the application.
    ///
    /// Of the configuration it takes what is not about connections. A connection must be as a server gives it: in no
    /// transaction, with the isolation level `read committed`. Statements are not prepared, since nobody knows what
    /// else goes on on a connection; an operation is one round trip all the same.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    /// use dancecard_store_postgres::{Config, PostgresStore};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let (client, connection) =
    ///     tokio_postgres::connect("host=localhost user=app", tokio_postgres::NoTls).await?;
    /// tokio::spawn(connection);
    /// let client = Arc::new(client);
    /// let store = PostgresStore::with_pool(Config::default(), move || {
    ///     let client = Arc::clone(&client);
    ///     async move { Ok::<_, tokio_postgres::Error>(client) }
    /// })?;
    /// # drop(store); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`PostgresStore::connect`].
    pub fn with_pool(config: Config, pool: impl ClientPool) -> Result<Self> {
        config.validate()?;
        let server = Server::with_pool(&config, Arc::new(pool));
        Ok(Self { server, versions: Versions::new()?, config })
    }

    fn row(&self, record: Record, operation: &'static str) -> Result<Row> {
        Row::new(record, self.versions.next(), self.config.max_payload, operation)
    }

    async fn insert(&self, query: Query, key: &RecordKey, row: &Row) -> Result<Answer> {
        let (principal, meta, payload) = (row.principal(), row.meta(), row.payload());
        let key = Blob(key.as_bytes());
        self.server.ask(query, &[&key, &row.version, &row.expires_at, &principal, &meta, &payload]).await
    }

    async fn update(&self, key: &RecordKey, row: &Row, expected: i64) -> Result<Answer> {
        let (principal, meta, payload) = (row.principal(), row.meta(), row.payload());
        let (key, now) = (Blob(key.as_bytes()), &row.version);
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
            [&key, now, &row.expires_at, &principal, &meta, &payload, &expected];
        self.server.ask(Query::Update, &values).await
    }

    /// Looks at some records that are due, and says how many it removed, and whether there may be more.
    async fn purge_some(&self, now: Timestamp, limit: usize) -> Result<(usize, bool)> {
        let values: (i64, i64) = (now.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX));
        let answer = self.server.ask(Query::Purge, &[&values.0, &values.1]).await?;
        let Some(counts) = answer.rows.first() else { return Ok((0, false)) };
        let gone: i64 = row::column(counts, 0, "purge")?;
        let kept: i64 = row::column(counts, 1, "purge")?;
        Ok((usize::try_from(gone).unwrap_or(0), gone + kept >= values.1))
    }
}

fn conflict(operation: &'static str) -> dancecard_core::Error {
    error::new(ErrorKind::Conflict, operation)
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Store for PostgresStore {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(&self.config)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let answer = self.server.ask(Query::Load, &[&Blob(key.as_bytes())]).await?;
        answer.rows.first().map(|row| row::versioned(row, "load")).transpose()
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        let row = self.row(record, "write")?;
        let answer = match mode {
            WriteMode::Create => self.insert(Query::Create, key, &row).await?,
            WriteMode::Overwrite => self.insert(Query::Overwrite, key, &row).await?,
            WriteMode::Update(expected) => {
                let expected = number_in(&expected).ok_or_else(|| conflict("write"))?;
                self.update(key, &row, expected).await?
            }
            _ => return Err(self.unsupported("write")),
        };
        if answer.count == 0 { Err(conflict("write")) } else { Ok(row.version()) }
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.server.ask(Query::Delete, &[&Blob(key.as_bytes())]).await.map(drop)
    }

    async fn replace(
        &self,
        old: &RecordKey,
        expected: &Version,
        retired: Record,
        new: &RecordKey,
        record: Record,
    ) -> Result<Version> {
        let (retired, row) = (self.row(retired, "replace")?, self.row(record, "replace")?);
        let expected = number_in(expected).ok_or_else(|| conflict("replace"))?;
        let (old, new) = (Blob(old.as_bytes()), Blob(new.as_bytes()));
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 13] = [
            &old,
            &retired.version,
            &retired.expires_at,
            &retired.principal(),
            &retired.meta(),
            &retired.payload(),
            &expected,
            &new,
            &row.version,
            &row.expires_at,
            &row.principal(),
            &row.meta(),
            &row.payload(),
        ];
        let answer = self.server.ask(Query::Replace, &values).await?;
        if answer.count == 0 { Err(conflict("replace")) } else { Ok(row.version()) }
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        let values = (Blob(key.as_bytes()), expires_at.as_millis());
        self.server.ask(Query::Touch, &[&values.0, &values.1]).await.map(|answer| answer.count > 0)
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        listing::stream(&self.server, query)
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let mut purged = 0;
        while purged < limit {
            let (removed, is_more) = self.purge_some(now, PURGE_AT_ONCE.min(limit - purged)).await?;
            purged += removed;
            if !is_more {
                break;
            }
        }
        Ok(purged)
    }
}
