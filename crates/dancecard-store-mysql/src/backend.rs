//! The engine itself.

use std::fmt;

use dancecard_core::{
    BoxStream, Capabilities, Entry, ErrorKind, ListQuery, Record, RecordKey, Result, Store, Timestamp,
    Version, Versioned, WriteMode,
};
use mysql_async::{Pool, Value};

use crate::capabilities::capabilities;
use crate::config::Config;
use crate::error::{self, ENGINE};
use crate::link::Answer;
use crate::listing;
use crate::row::{self, Row, bytes, literal, number_in};
use crate::server::{Question, Server};
use crate::statements::Query;
use crate::versions::Versions;

/// How many expired records a statement removes, so that none takes long.
const PURGE_AT_ONCE: usize = 256;

/// Sessions in a table of MariaDB or MySQL.
///
/// See the [crate's page](crate) for what it promises. It needs a tokio runtime with I/O and time.
///
/// ```no_run
/// use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
/// use dancecard_store_mysql::MysqlStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// let store = MysqlStore::from_url("mysql://app:secret@localhost/shop")?;
/// let key = RecordKey::new(b"key");
/// let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX);
/// store.write(&key, Record::new(meta, b"{}".to_vec()), WriteMode::Create).await?;
/// assert_eq!(store.load(&key).await?.expect("still there").payload(), b"{}");
/// # Ok(()) }
/// ```
pub struct MysqlStore {
    server: Server,
    versions: Versions,
    config: Config,
}

impl MysqlStore {
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
    /// Those of [`Config::from_url`] and [`MysqlStore::connect`].
    pub fn from_url(url: &str) -> Result<Self> {
        Self::connect(Config::from_url(url)?)
    }

    /// An engine that borrows its connections, one for each operation, from a pool of the application.
    ///
    /// Of the configuration it takes what is not about connections. The pool must have `client_found_rows` on, so that
    /// what was found counts and not what was changed, and `reset_connection`, which is its default, so that the
    /// application does not meet the settings of the engine. The pool is used in the runtime that used it first.
    ///
    /// A borrowed connection is set up each time, and its statement prepared, so that an operation takes three round
    /// trips where a connection of the engine takes one. An operation that is dropped, or not done in time, closes its
    /// connection, and the pool makes another. A pool whose lower bound is 0 makes one for each operation, unless its
    /// `inactive_connection_ttl` is above zero.
    ///
    /// ```no_run
    /// use dancecard_store_mysql::{Config, MysqlStore};
    /// use mysql_async::{OptsBuilder, Pool};
    ///
    /// # fn example() -> Result<(), dancecard_core::Error> {
    /// let options = OptsBuilder::default().ip_or_hostname("localhost").user(Some("app")).client_found_rows(true);
    /// let pool = Pool::new(options);
    /// let store = MysqlStore::with_pool(Config::default().with_database("shop"), pool.clone())?;
    /// # drop(store); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`MysqlStore::connect`]. A pool that does not suit is a [`ErrorKind::Config`] at the first use.
    pub fn with_pool(config: Config, pool: Pool) -> Result<Self> {
        config.validate()?;
        let server = Server::with_pool(&config, pool);
        Ok(Self { server, versions: Versions::new()?, config })
    }

    fn row(&self, record: Record, operation: &'static str) -> Result<Row> {
        Row::new(record, self.versions.next(), self.config.max_payload, operation)
    }

    async fn insert(&self, query: Query, key: &RecordKey, row: &Row) -> Result<Answer> {
        self.server.ask(Question::One(query, &|| row.values(key))).await
    }

    async fn update(&self, key: &RecordKey, row: &Row, expected: i64) -> Result<Answer> {
        let values = || {
            let mut values = row.values(key);
            values.push(Value::Int(expected));
            values
        };
        self.server.ask(Question::One(Query::Update, &values)).await
    }

    /// Asks about one record by its key alone.
    async fn ask(&self, query: Query, key: &RecordKey) -> Result<Answer> {
        self.server.ask(Question::One(query, &|| vec![bytes(key.as_bytes())])).await
    }

    async fn purge_some(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let (now, limit) = (now.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX));
        let values = || vec![Value::Int(now), Value::Int(limit), Value::Int(now)];
        let answer = self.server.ask(Question::One(Query::Purge, &values)).await?;
        Ok(usize::try_from(answer.count).unwrap_or(usize::MAX))
    }
}

/// The transaction that retires one record and creates the other. The new one is only there if the old one is as
/// expected, and that is then locked.
fn replacement(table: &str, old: (&RecordKey, i64, &Row), new: (&RecordKey, &Row)) -> String {
    let is_as_expected = format!("`key` = {} AND version = {}", literal(old.0.as_bytes()), old.1);
    let [version, expires_at, principal, meta, payload] = new.1.literals();
    let key = literal(new.0.as_bytes());
    let insert = format!(
        "INSERT INTO {table} (`key`, version, expires_at, principal, meta, payload) \
         SELECT {key}, {version}, {expires_at}, {principal}, {meta}, {payload} FROM {table} \
         WHERE {is_as_expected} FOR UPDATE"
    );
    let [version, expires_at, principal, meta, payload] = old.2.literals();
    let update = format!(
        "UPDATE {table} SET version = {version}, expires_at = {expires_at}, principal = {principal}, \
         meta = {meta}, payload = {payload} WHERE {is_as_expected}"
    );
    format!("START TRANSACTION; {insert}; {update}; COMMIT")
}

fn conflict(operation: &'static str) -> dancecard_core::Error {
    error::new(ErrorKind::Conflict, operation)
}

impl fmt::Debug for MysqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlStore").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Store for MysqlStore {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(&self.config)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let answer = self.ask(Query::Load, key).await?;
        answer.rows.into_iter().next().map(|row| row::versioned(row, "load")).transpose()
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
        self.ask(Query::Delete, key).await.map(drop)
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
        let text = |table: &str| replacement(table, (old, expected, &retired), (new, &row));
        let answer = self.server.ask(Question::Replace(&text)).await?;
        if answer.count == 0 { Err(conflict("replace")) } else { Ok(row.version()) }
    }

    async fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        let values = || vec![Value::Int(expires_at.as_millis()), bytes(key.as_bytes())];
        self.server.ask(Question::One(Query::Touch, &values)).await.map(|answer| answer.count > 0)
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        listing::stream(&self.server, query)
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let mut purged = 0;
        while purged < limit {
            let wanted = PURGE_AT_ONCE.min(limit - purged);
            let removed = self.purge_some(now, wanted).await?;
            purged += removed;
            if removed < wanted {
                break;
            }
        }
        Ok(purged)
    }
}
