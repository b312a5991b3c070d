//! How the engine is set up: in code, from a configuration file, or from a URL.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use dancecard_core::{Error, ErrorKind, Result, Setting};
use serde::{Deserialize, Serialize};

use crate::address;
use crate::error;
use crate::schema::Table;

mod url;
mod with;

const LARGEST_PAYLOAD: usize = 512 << 20;
const MOST_CONNECTIONS: usize = 256;
const LONGEST_TIMEOUT_MS: u64 = 3_600_000;

/// PostgreSQL cuts names off after 63 bytes; the names of indexes are longer than that of their table.
const LONGEST_NAME: usize = 48;

/// What other clients call TLS or its absence. Those of their words that don't say for sure are not taken.
const SSL_MODES: &[(&str, bool)] =
    &[("disable", false), ("require", true), ("verify-ca", true), ("verify-full", true)];

const SETTINGS: &[&str] = &[
    "host",
    "port",
    "username",
    "password",
    "database",
    "tls",
    "tls_ca",
    "tls_certificate",
    "tls_key",
    "schema",
    "table",
    "create",
    "unlogged",
    "synchronous_commit",
    "prepare",
    "readers",
    "writers",
    "timeout_ms",
    "connect_timeout_ms",
    "max_payload",
];

/// How an engine is set up. Every setting has a default; `Debug` shows neither user nor password.
///
/// ```
/// use std::time::Duration;
/// use dancecard_store_postgres::Config;
///
/// let config = Config::from_url("postgres://app:secret@db.example/shop?schema=web&timeout_ms=2000")?;
/// let same = Config::new("db.example")
///     .with_credentials("app", "secret")
///     .with_database("shop")
///     .with_schema("web")
///     .with_timeout(Duration::from_secs(2));
/// assert_eq!(config, same);
/// # Ok::<(), dancecard_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The server: a name or an address, or the folder of its unix socket. Several, separated by commas, each with a
    /// port of its own behind a colon if need be, are tried in order for one that accepts writes. Default `localhost`.
    pub host: String,
    /// The port where [`Config::host`] names none. Default 5432.
    pub port: u16,
    /// The user to log in as. Default: the one that runs this process.
    pub username: Option<String>,
    /// The password, if the server asks for one.
    pub password: Option<String>,
    /// The database. Default: the one named like the user.
    pub database: Option<String>,
    /// Whether connections are encrypted, by TLS 1.2 or 1.3 with a certificate that is valid for the name of the host.
    /// Default: yes, unless all hosts are on this machine.
    pub tls: Option<bool>,
    /// A PEM file of the certificates to trust in place of the system's.
    pub tls_ca: Option<PathBuf>,
    /// A PEM file of the certificate to show to the server. It needs [`Config::tls_key`].
    pub tls_certificate: Option<PathBuf>,
    /// A PEM file of the key of [`Config::tls_certificate`].
    pub tls_key: Option<PathBuf>,
    /// The schema of the table: letters, digits and underscores. Default: the first one of the search path.
    pub schema: Option<String>,
    /// The table: letters, digits and underscores, at most 48. Default `dancecard_session`.
    pub table: String,
    /// Whether the engine makes the table, and brings it up to date, by itself. Default true.
    pub create: bool,
    /// Whether the table, when it is made, is `UNLOGGED`: cheaper to write, and empty after a crash of the server.
    /// Default false.
    pub unlogged: bool,
    /// What a write waits for. Default: as the server is set up.
    pub synchronous_commit: Option<SynchronousCommit>,
    /// Whether statements are prepared once for each connection. Turn it off behind a pooler that gives each
    /// transaction another connection. Default true.
    pub prepare: bool,
    /// Connections that read, each for many at once, 1 to 256. Default 2.
    pub readers: usize,
    /// Connections that write, each for many at once, 1 to 256. Default 4.
    pub writers: usize,
    /// How long an operation may take, its connection included, in milliseconds, up to one hour. Default 5000.
    pub timeout_ms: u64,
    /// How long it may take to connect, in milliseconds, up to one hour. Default 5000.
    pub connect_timeout_ms: u64,
    /// The largest payload that is accepted, in bytes, at most 512 MiB. Default 16 MiB.
    pub max_payload: usize,
}

/// What a write waits for, in PostgreSQL's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SynchronousCommit {
    /// Nothing: a crash of the server may undo the last moments, in order.
    Off,
    /// The disk of the server itself.
    Local,
    /// That synchronous replicas have received it.
    RemoteWrite,
    /// That synchronous replicas have it on disk.
    On,
    /// That synchronous replicas show it.
    RemoteApply,
}

impl SynchronousCommit {
    const WORDS: &[(&str, Self)] = &[
        ("off", Self::Off),
        ("local", Self::Local),
        ("remote_write", Self::RemoteWrite),
        ("on", Self::On),
        ("remote_apply", Self::RemoteApply),
    ];

    pub(crate) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, level)| *level == self).map_or("on", |(word, _)| word)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 5432,
            username: None,
            password: None,
            database: None,
            tls: None,
            tls_ca: None,
            tls_certificate: None,
            tls_key: None,
            schema: None,
            table: "dancecard_session".into(),
            create: true,
            unlogged: false,
            synchronous_commit: None,
            prepare: true,
            readers: 2,
            writers: 4,
            timeout_ms: 5000,
            connect_timeout_ms: 5000,
            max_payload: 16 << 20,
        }
    }
}

impl Config {
    /// The defaults, on this server. See [`Config::host`].
    pub fn new(host: impl Into<String>) -> Self {
        Self { host: host.into(), ..Self::default() }
    }

    /// Changes one setting, the way a URL or a configuration map gives it. Its name is that of the field.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an unknown setting or an unreadable value.
    pub fn set(&mut self, setting: &Setting<'_>) -> Result<()> {
        let text = || setting.text().to_owned();
        match setting.name() {
            "host" => self.host = text(),
            "port" => self.port = setting.number()?,
            "username" => self.username = Some(text()),
            "password" => self.password = Some(text()),
            "database" => self.database = Some(text()),
            "tls" => self.tls = Some(setting.switch()?),
            "sslmode" => self.tls = Some(setting.choice(SSL_MODES)?),
            "tls_ca" | "sslrootcert" => self.tls_ca = Some(text().into()),
            "tls_certificate" => self.tls_certificate = Some(text().into()),
            "tls_key" => self.tls_key = Some(text().into()),
            "schema" => self.schema = Some(text()),
            "table" => self.table = text(),
            "create" => self.create = setting.switch()?,
            "unlogged" => self.unlogged = setting.switch()?,
            "synchronous_commit" => {
                self.synchronous_commit = Some(setting.choice(SynchronousCommit::WORDS)?);
            }
            "prepare" => self.prepare = setting.switch()?,
            "readers" => self.readers = setting.number()?,
            "writers" => self.writers = setting.number()?,
            "timeout_ms" => self.timeout_ms = setting.number()?,
            "connect_timeout_ms" => self.connect_timeout_ms = setting.number()?,
            "max_payload" => self.max_payload = setting.number()?,
            _ => return Err(setting.unknown(SETTINGS)),
        }
        Ok(())
    }

    /// The statements that make the table, for an administrator to run where the engine may not: see
    /// [`Config::create`]. They depend on schema, table and [`Config::unlogged`] only.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for settings out of bounds.
    pub fn schema_sql(&self) -> Result<String> {
        self.validate()?;
        Ok(Table::new(self).definition())
    }

    /// Whether connections talk in TLS: as set, else unless all hosts are on this machine.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.unwrap_or_else(|| !address::all_local(&self.host))
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let some_time = 1..=LONGEST_TIMEOUT_MS;
        let connections = 1..=MOST_CONNECTIONS;
        let bounds = [
            (address::read(&self.host, self.port).is_some(), "host must be NAME, NAME:PORT, or several"),
            (
                is_name(&self.table),
                "table must be letters, digits and underscores, at most 48, no digit first",
            ),
            (
                self.schema.as_deref().is_none_or(is_name),
                "schema must be letters, digits and underscores, at most 48, no digit first",
            ),
            (
                self.tls_certificate.is_some() == self.tls_key.is_some(),
                "tls_certificate and tls_key need each other",
            ),
            (cfg!(feature = "tls") || !self.is_tls(), "tls needs the feature `tls` of this crate"),
            (
                self.prepare || self.synchronous_commit.is_none(),
                "synchronous_commit can't be set on connections that aren't kept: set it for the user, by ALTER ROLE",
            ),
            (connections.contains(&self.readers), "readers must be 1 to 256"),
            (connections.contains(&self.writers), "writers must be 1 to 256"),
            (some_time.contains(&self.timeout_ms), "timeout_ms must be 1 to 3600000"),
            (some_time.contains(&self.connect_timeout_ms), "connect_timeout_ms must be 1 to 3600000"),
            (self.max_payload <= LARGEST_PAYLOAD, "max_payload must be at most 536870912"),
        ];
        match bounds.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(refuse(rule)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("database", &self.database)
            .field("tls", &self.tls)
            .field("schema", &self.schema)
            .field("table", &self.table)
            .field("prepare", &self.prepare)
            .field("readers", &self.readers)
            .field("writers", &self.writers)
            .field("timeout_ms", &self.timeout_ms)
            .field("max_payload", &self.max_payload)
            .finish_non_exhaustive()
    }
}

/// Whether it can stand in a statement as it is. Whatever it is, it is quoted.
fn is_name(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins_well = text.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    begins_well && text.len() <= LONGEST_NAME && text.bytes().all(is_word)
}

pub(crate) fn refuse(remedy: impl Into<Cow<'static, str>>) -> Error {
    error::new(ErrorKind::Config, "configure").with_detail(remedy)
}
