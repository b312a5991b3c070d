//! How the engine is set up: in code, from a configuration file, or from a URL.

use std::fmt;
use std::time::Duration;

use dancecard_core::{Error, ErrorKind, Result, Setting};
use mongodb::options::ConnectionString;
use serde::{Deserialize, Serialize, Serializer};

use crate::concern::{ReadConcern, WriteConcern};
use crate::error;
use crate::uri;

const SHORTEST_TIMEOUT_MS: u64 = 10;
const LONGEST_TIMEOUT_MS: u64 = 3_600_000;
const LONGEST_SLACK_MS: u64 = 30 * 24 * 3_600_000;
/// A document has 16 MiB; a record has more than its payload.
const LARGEST_PAYLOAD: usize = 16_700_000;
const LONGEST_NAME: usize = 120;

/// How an engine is set up. Every setting has a default, so that `Config::default()` works as it is.
///
/// `Debug` and serialization leave out user, password and options of the connection string.
///
/// ```
/// use dancecard_store_mongodb::{Config, WriteConcern};
///
/// let config = Config::from_url("mongodb://db-1,db-2/shop?replicaSet=rs&write_concern=2&timeout_ms=500")?;
/// assert_eq!(config.uri, "mongodb://db-1,db-2/shop?replicaSet=rs");
/// assert_eq!((config.database.as_str(), config.write_concern), ("shop", WriteConcern::Members(2)));
/// # Ok::<(), dancecard_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where the servers are, as a connection string of MongoDB, with its options. Default
    /// `mongodb://127.0.0.1:27017`.
    #[serde(serialize_with = "masked")]
    pub uri: String,
    /// The database. Default `dancecard`.
    pub database: String,
    /// The collection. It is made if it is not there, and belongs to this engine alone. Default `sessions`.
    pub collection: String,
    /// Whether the engine makes its two indexes, when it is first used. Default `true`; with `false` somebody else has
    /// to, see the crate's page.
    pub create_indexes: bool,
    /// Who has a write when it is acknowledged. Default [`WriteConcern::Majority`].
    pub write_concern: WriteConcern,
    /// Whether a write is acknowledged only when it is in the journal on disk, so that the end of a server's process
    /// does not undo it. Default `true`.
    pub journal: bool,
    /// What a read sees. Without it, [`ReadConcern::Majority`], or [`ReadConcern::Local`] where `write_concern` is not
    /// the majority: a session must be found right after it was written.
    pub read_concern: Option<ReadConcern>,
    /// Whether a replace is a transaction, where the servers have transactions. Default `true`.
    pub transactions: bool,
    /// How long an operation may take, connecting and a change of the primary included, in milliseconds, 10 to
    /// 3,600,000. Default 5000.
    pub timeout_ms: u64,
    /// How long the servers keep a record beyond its expiry, in milliseconds, up to 30 days: the most by which clocks may
    /// differ. Default 60,000.
    pub expiry_slack_ms: u64,
    /// The largest payload that is accepted, in bytes, at most 16,700,000. Default 16,000,000.
    pub max_payload: usize,
}

fn masked<S: Serializer>(uri: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&uri::masked(uri))
}

impl Default for Config {
    fn default() -> Self {
        Self {
            uri: "mongodb://127.0.0.1:27017".to_owned(),
            database: "dancecard".to_owned(),
            collection: "sessions".to_owned(),
            create_indexes: true,
            write_concern: WriteConcern::default(),
            journal: true,
            read_concern: None,
            transactions: true,
            timeout_ms: 5000,
            expiry_slack_ms: 60_000,
            max_payload: 16_000_000,
        }
    }
}

impl Config {
    pub(crate) const SETTINGS: &[&str] = &[
        "uri",
        "database",
        "collection",
        "create_indexes",
        "write_concern",
        "journal",
        "read_concern",
        "transactions",
        "timeout_ms",
        "expiry_slack_ms",
        "max_payload",
    ];

    /// The defaults, with these servers.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: uri.into(), ..Self::default() }
    }

    /// Reads a connection string of MongoDB among whose options may be settings of this type. A database in it is the
    /// one for sessions.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for another scheme, an unknown setting or an unreadable value. The message names the
    /// setting.
    pub fn from_url(url: &str) -> Result<Self> {
        let mut config = Self::default();
        uri::read(url, &mut config)?;
        Ok(config)
    }

    /// Changes one setting, the way a URL or a configuration map gives it. Its name is that of the field.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an unknown setting or an unreadable value.
    pub fn set(&mut self, setting: &Setting<'_>) -> Result<()> {
        match setting.name() {
            "uri" => self.uri = setting.text().to_owned(),
            "database" => self.database = setting.text().to_owned(),
            "collection" => self.collection = setting.text().to_owned(),
            "create_indexes" => self.create_indexes = setting.switch()?,
            "write_concern" => {
                let concern = setting.text().parse();
                self.write_concern =
                    concern.map_err(|rule| setting.refuse(format!("write_concern {rule}")))?;
            }
            "journal" => self.journal = setting.switch()?,
            "read_concern" => self.read_concern = Some(setting.choice(ReadConcern::WORDS)?),
            "transactions" => self.transactions = setting.switch()?,
            "timeout_ms" => self.timeout_ms = setting.number()?,
            "expiry_slack_ms" => self.expiry_slack_ms = setting.number()?,
            "max_payload" => self.max_payload = setting.number()?,
            _ => return Err(setting.unknown(Self::SETTINGS)),
        }
        Ok(())
    }

    /// Sets [`Config::database`].
    #[must_use]
    pub fn with_database(mut self, name: impl Into<String>) -> Self {
        self.database = name.into();
        self
    }

    /// Sets [`Config::collection`].
    #[must_use]
    pub fn with_collection(mut self, name: impl Into<String>) -> Self {
        self.collection = name.into();
        self
    }

    /// Sets [`Config::create_indexes`].
    #[must_use]
    pub fn with_create_indexes(mut self, does: bool) -> Self {
        self.create_indexes = does;
        self
    }

    /// Sets [`Config::write_concern`].
    #[must_use]
    pub fn with_write_concern(mut self, concern: WriteConcern) -> Self {
        self.write_concern = concern;
        self
    }

    /// Sets [`Config::journal`].
    #[must_use]
    pub fn with_journal(mut self, does: bool) -> Self {
        self.journal = does;
        self
    }

    /// Sets [`Config::read_concern`].
    #[must_use]
    pub fn with_read_concern(mut self, concern: ReadConcern) -> Self {
        self.read_concern = Some(concern);
        self
    }

    /// Sets [`Config::transactions`].
    #[must_use]
    pub fn with_transactions(mut self, does: bool) -> Self {
        self.transactions = does;
        self
    }

    /// Sets [`Config::timeout_ms`].
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = millis(timeout);
        self
    }

    /// Sets [`Config::expiry_slack_ms`].
    #[must_use]
    pub fn with_expiry_slack(mut self, slack: Duration) -> Self {
        self.expiry_slack_ms = millis(slack);
        self
    }

    /// Sets [`Config::max_payload`].
    #[must_use]
    pub fn with_max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// What a read sees, also if nothing was set.
    pub(crate) fn effective_read_concern(&self) -> ReadConcern {
        let usual = if self.write_concern.is_majority() { ReadConcern::Majority } else { ReadConcern::Local };
        self.read_concern.unwrap_or(usual)
    }

    /// Whether a write that was acknowledged is found at once.
    fn reads_what_it_writes(&self) -> bool {
        self.write_concern.is_majority() || self.effective_read_concern() != ReadConcern::Majority
    }

    /// Whether a repeated write is to be told from a second one by the servers, where they can.
    pub(crate) fn numbers_writes(&self) -> bool {
        uri::option(&self.uri, "retryWrites") != Some("false")
    }

    /// Whether servers are certain to have transactions, before anything was asked.
    pub(crate) fn names_a_replica_set(&self) -> bool {
        uri::option(&self.uri, "replicaSet").is_some()
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let timeout = SHORTEST_TIMEOUT_MS..=LONGEST_TIMEOUT_MS;
        let rules = [
            (
                is_database(&self.database),
                "database must be 1 to 63 bytes, without any of / \\ . \" $ * < > : | ? and blanks",
            ),
            (
                is_collection(&self.collection),
                "collection must be 1 to 120 bytes, without $, and not begin with `system.`",
            ),
            (timeout.contains(&self.timeout_ms), "timeout_ms must be 10 to 3600000"),
            (self.expiry_slack_ms <= LONGEST_SLACK_MS, "expiry_slack_ms must be at most 2592000000"),
            (
                self.reads_what_it_writes(),
                "read_concern majority goes with write_concern majority; else a session is not found when it was written",
            ),
            (self.max_payload <= LARGEST_PAYLOAD, "max_payload must be at most 16700000"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(refuse(rule)),
            None => Ok(()),
        }
    }

    /// The connection string, once it was found to be one. What is wrong with it is not repeated: any part of one that is
    /// not well-formed may be a part of a password.
    pub(crate) fn connection_string(&self) -> Result<ConnectionString> {
        ConnectionString::parse(&self.uri).map_err(|_| {
            refuse(
                "uri must be a connection string of MongoDB, user and password percent-encoded, \
                 `mongodb+srv:` and `tls` only with the features of that name",
            )
        })
    }
}

/// Shows no user, password or option.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("uri", &uri::masked(&self.uri))
            .field("database", &self.database)
            .field("collection", &self.collection)
            .field("create_indexes", &self.create_indexes)
            .field("write_concern", &self.write_concern)
            .field("journal", &self.journal)
            .field("read_concern", &self.read_concern)
            .field("transactions", &self.transactions)
            .field("timeout_ms", &self.timeout_ms)
            .field("expiry_slack_ms", &self.expiry_slack_ms)
            .field("max_payload", &self.max_payload)
            .finish()
    }
}

fn is_database(name: &str) -> bool {
    let odd = |letter: char| letter.is_whitespace() || letter == '\0' || "/\\.\"$*<>:|?".contains(letter);
    (1..64).contains(&name.len()) && !name.contains(odd)
}

fn is_collection(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && !name.contains(['$', '\0']) && !name.starts_with("system.")
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn refuse(remedy: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    error::new(ErrorKind::Config, "configure").with_detail(remedy)
}
