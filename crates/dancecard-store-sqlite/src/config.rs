//! How the engine is set up: in code, from a configuration file, or from a URL.

use std::path::PathBuf;
use std::time::Duration;

use dancecard_core::{EngineUrl, Error, ErrorKind, Result, Setting, percent_decode};
use serde::{Deserialize, Serialize};

use crate::error::{self, ENGINE};
use crate::schema;

/// What SQLite accepts in one row, less room for the other columns.
const LARGEST_PAYLOAD: usize = 999_000_000;
const LONGEST_QUEUE: usize = 1 << 20;
const MOST_READERS: usize = 64;
const LONGEST_TIMEOUT_MS: u64 = 3_600_000;

const SETTINGS: &[&str] =
    &["path", "create", "synchronous", "timeout_ms", "readers", "queue", "batch", "max_payload", "max_size"];

/// How an engine is set up. Every setting has a default, so that `Config::default()` works as it is.
///
/// ```
/// use dancecard_store_sqlite::{Config, Synchronous};
///
/// let config = Config::from_url("sqlite:data/sessions.db?synchronous=normal&readers=4")?;
/// assert_eq!(config, Config::new("data/sessions.db").with_synchronous(Synchronous::Normal).with_readers(4));
/// # Ok::<(), dancecard_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The database file, in a directory that exists. Default `sessions.db` in the working directory.
    pub path: PathBuf,
    /// Whether the engine makes the file, and brings it up to date, by itself. Default true.
    pub create: bool,
    /// What an acknowledged write has survived. Default [`Synchronous::Full`].
    pub synchronous: Synchronous,
    /// How long an operation may wait for another process that keeps the file locked, in milliseconds, up to one hour.
    /// Default 5000.
    pub timeout_ms: u64,
    /// Threads that read, each with a connection, 1 to 64. Default 2.
    pub readers: usize,
    /// How many operations may wait for a thread before callers wait for room, 1 to 1,048,576. Default 1024.
    pub queue: usize,
    /// How many operations at most share a transaction, at least 1. Default 256.
    pub batch: usize,
    /// The largest payload that is accepted, in bytes, at most 999,000,000. Default 16 MiB.
    pub max_payload: usize,
    /// The size beyond which the file does not grow, in bytes; without a limit by default.
    pub max_size: Option<u64>,
}

/// What an acknowledged write has survived. Both levels survive the end of the process at any moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Synchronous {
    /// Loss of power too: each commit waits until the disk has it.
    #[default]
    Full,
    /// Not the loss of power: it may undo the last commits, in order, and never damages the file.
    Normal,
}

impl Synchronous {
    const WORDS: &[(&str, Self)] = &[("full", Self::Full), ("normal", Self::Normal)];

    pub(crate) fn as_pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: PathBuf::from("sessions.db"),
            create: true,
            synchronous: Synchronous::Full,
            timeout_ms: 5000,
            readers: 2,
            queue: 1024,
            batch: 256,
            max_payload: 16 << 20,
            max_size: None,
        }
    }
}

impl Config {
    /// The defaults, on this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// Reads `sqlite:PATH?setting=value&...`, the settings being the fields of this type.
    ///
    /// The path may be relative (`sqlite:data/sessions.db`) or absolute (`sqlite:/var/lib/app/sessions.db`), with or
    /// without two slashes before it. A byte may be written as `%` and two hexadecimal digits.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for another scheme, an unknown setting or an unreadable value. The message names the
    /// setting.
    pub fn from_url(url: &str) -> Result<Self> {
        let url = EngineUrl::parse(ENGINE, url)?;
        if url.scheme() != "sqlite" {
            return Err(refuse("the URL must begin with `sqlite:`"));
        }
        let path = url.location();
        let path = percent_decode(path.strip_prefix("//").unwrap_or(path));
        let mut config = Self::new(path.ok_or_else(|| refuse("the path in the URL is not readable"))?);
        url.settings().try_for_each(|setting| config.set(&setting))?;
        Ok(config)
    }

    /// Changes one setting, the way a URL or a configuration map gives it. Its name is that of the field.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an unknown setting or an unreadable value.
    pub fn set(&mut self, setting: &Setting<'_>) -> Result<()> {
        match setting.name() {
            "path" => self.path = setting.text().into(),
            "create" => self.create = setting.switch()?,
            "synchronous" => self.synchronous = setting.choice(Synchronous::WORDS)?,
            "timeout_ms" => self.timeout_ms = setting.number()?,
            "readers" => self.readers = setting.number()?,
            "queue" => self.queue = setting.number()?,
            "batch" => self.batch = setting.number()?,
            "max_payload" => self.max_payload = setting.number()?,
            "max_size" => self.max_size = Some(setting.number()?),
            _ => return Err(setting.unknown(SETTINGS)),
        }
        Ok(())
    }

    /// The statements that make the database in an empty file, for an administrator to run where the engine may not: see
    /// [`Config::create`].
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for settings out of bounds.
    pub fn schema_sql(&self) -> Result<String> {
        self.validate()?;
        Ok(schema::definition())
    }

    /// Sets [`Config::create`].
    #[must_use]
    pub fn with_create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets [`Config::synchronous`].
    #[must_use]
    pub fn with_synchronous(mut self, level: Synchronous) -> Self {
        self.synchronous = level;
        self
    }

    /// Sets [`Config::timeout_ms`].
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Sets [`Config::readers`].
    #[must_use]
    pub fn with_readers(mut self, threads: usize) -> Self {
        self.readers = threads;
        self
    }

    /// Sets [`Config::queue`].
    #[must_use]
    pub fn with_queue(mut self, operations: usize) -> Self {
        self.queue = operations;
        self
    }

    /// Sets [`Config::batch`].
    #[must_use]
    pub fn with_batch(mut self, operations: usize) -> Self {
        self.batch = operations;
        self
    }

    /// Sets [`Config::max_payload`].
    #[must_use]
    pub fn with_max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }

    /// Sets [`Config::max_size`].
    #[must_use]
    pub fn with_max_size(mut self, bytes: Option<u64>) -> Self {
        self.max_size = bytes;
        self
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let bounds = [
            (!self.path.as_os_str().is_empty(), "path must name a file"),
            (self.timeout_ms <= LONGEST_TIMEOUT_MS, "timeout_ms must be at most 3600000"),
            ((1..=MOST_READERS).contains(&self.readers), "readers must be 1 to 64"),
            ((1..=LONGEST_QUEUE).contains(&self.queue), "queue must be 1 to 1048576"),
            (self.batch >= 1, "batch must be at least 1"),
            (self.max_payload <= LARGEST_PAYLOAD, "max_payload must be at most 999000000"),
        ];
        match bounds.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(refuse(rule)),
            None => Ok(()),
        }
    }
}

fn refuse(remedy: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    error::new(ErrorKind::Config, "configure").with_detail(remedy)
}
