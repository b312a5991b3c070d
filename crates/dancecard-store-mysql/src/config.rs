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

const LARGEST_PAYLOAD: usize = 500 << 20;
const MOST_CONNECTIONS: usize = 256;
const LONGEST_TIMEOUT_MS: u64 = 3_600_000;
/// What a server takes for the name of a table or a database.
const LONGEST_NAME: usize = 64;

/// What other clients call TLS or its absence. Those of their words that don't say for sure are not taken.
const SSL_MODES: &[(&str, bool)] =
    &[("disabled", false), ("required", true), ("verify_ca", true), ("verify_identity", true)];

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
    "table",
    "create",
    "connections",
    "timeout_ms",
    "connect_timeout_ms",
    "max_payload",
];

/// How an engine is set up. Every setting has a default; `Debug` shows neither user nor password.
///
/// ```
/// use std::time::Duration;
/// use dancecard_store_mysql::Config;
///
/// let config = Config::from_url("mysql://app:secret@db.example/shop?table=web&timeout_ms=2000")?;
/// let same = Config::new("db.example")
///     .with_credentials("app", "secret")
///     .with_database("shop")
///     .with_table("web")
///     .with_timeout(Duration::from_secs(2));
/// assert_eq!(config, same);
/// # Ok::<(), dancecard_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The server: a name or an address, or its unix socket, which begins with a slash. Several, separated by commas,
    /// each with a port of its own behind a colon if need be, are tried in order for one that accepts writes. Default
    /// `localhost`.
    pub host: String,
    /// The port where [`Config::host`] names none. Default 3306.
    pub port: u16,
    /// The user to log in as. Default: nobody in particular.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// The database, which exists. Default `dancecard`.
    pub database: String,
    /// Whether connections are encrypted, by TLS 1.2 or 1.3 with a certificate that is valid for the name of the host.
    /// Default: yes, unless all hosts are on this machine.
    pub tls: Option<bool>,
    /// A PEM file of the certificates to trust in place of the system's.
    pub tls_ca: Option<PathBuf>,
    /// A PEM file of the certificate to show to the server. It needs [`Config::tls_key`].
    pub tls_certificate: Option<PathBuf>,
    /// A PEM file of the key of [`Config::tls_certificate`].
    pub tls_key: Option<PathBuf>,
    /// The table: letters, digits and underscores, at most 64. Default `dancecard_session`.
    pub table: String,
    /// Whether the engine makes the table, and brings it up to date, by itself. Default true.
    pub create: bool,
    /// Connections at most, each for one operation at a time, 1 to 256. Default 10.
    pub connections: usize,
    /// How long an operation may take, its connection included, in milliseconds, up to one hour. Default 5000.
    pub timeout_ms: u64,
    /// How long it may take to connect, in milliseconds, up to one hour. Default 5000.
    pub connect_timeout_ms: u64,
    /// The largest payload that is accepted, in bytes, at most 500 MiB. Default 4 MiB.
    pub max_payload: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 3306,
            username: None,
            password: None,
            database: "dancecard".into(),
            tls: None,
            tls_ca: None,
            tls_certificate: None,
            tls_key: None,
            table: "dancecard_session".into(),
            create: true,
            connections: 10,
            timeout_ms: 5000,
            connect_timeout_ms: 5000,
            max_payload: 4 << 20,
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
            "database" => self.database = text(),
            "tls" => self.tls = Some(setting.switch()?),
            "ssl-mode" => self.tls = Some(setting.choice(SSL_MODES)?),
            "tls_ca" | "ssl-ca" => self.tls_ca = Some(text().into()),
            "tls_certificate" => self.tls_certificate = Some(text().into()),
            "tls_key" => self.tls_key = Some(text().into()),
            "table" => self.table = text(),
            "create" => self.create = setting.switch()?,
            "connections" => self.connections = setting.number()?,
            "timeout_ms" => self.timeout_ms = setting.number()?,
            "connect_timeout_ms" => self.connect_timeout_ms = setting.number()?,
            "max_payload" => self.max_payload = setting.number()?,
            _ => return Err(setting.unknown(SETTINGS)),
        }
        Ok(())
    }

    /// The statement that makes the table, for an administrator to run where the engine may not: see
    /// [`Config::create`]. It depends on database and table only.
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
                "table must be letters, digits and underscores, at most 64, no digit first",
            ),
            (
                is_name(&self.database),
                "database must be letters, digits and underscores, at most 64, no digit first",
            ),
            (
                self.tls_certificate.is_some() == self.tls_key.is_some(),
                "tls_certificate and tls_key need each other",
            ),
            (cfg!(feature = "tls") || !self.is_tls(), "tls needs the feature `tls` of this crate"),
            (connections.contains(&self.connections), "connections must be 1 to 256"),
            (some_time.contains(&self.timeout_ms), "timeout_ms must be 1 to 3600000"),
            (some_time.contains(&self.connect_timeout_ms), "connect_timeout_ms must be 1 to 3600000"),
            (self.max_payload <= LARGEST_PAYLOAD, "max_payload must be at most 524288000"),
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
            .field("table", &self.table)
            .field("connections", &self.connections)
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
