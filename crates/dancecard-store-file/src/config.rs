//! How the engine is set up: in code, from a configuration file, or from a URL.

use std::path::PathBuf;
use std::time::Duration;

use dancecard_core::{EngineUrl, Error, ErrorKind, Result, Setting, percent_decode};
use serde::{Deserialize, Serialize};

use crate::error::{self, ENGINE};
use crate::format::Format;

const LARGEST_PAYLOAD: usize = 999_000_000;
const LONGEST_QUEUE: usize = 1 << 20;
const MOST_THREADS: usize = 256;
const LONGEST_TIMEOUT_MS: u64 = 3_600_000;

const SETTINGS: &[&str] = &[
    "path",
    "format",
    "synchronous",
    "create",
    "touch",
    "lock_timeout_ms",
    "writers",
    "readers",
    "queue",
    "max_payload",
];

/// How an engine is set up. Every setting has a default, so that `Config::default()` works as it is.
///
/// ```
/// use dancecard_store_file::{Config, Format};
///
/// let config = Config::from_url("file:data/sessions?format=yaml&readers=8")?;
/// assert_eq!(config, Config::new("data/sessions").with_format(Format::Yaml).with_readers(8));
/// # Ok::<(), dancecard_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The folder, in one that exists. Default `sessions` in the working directory.
    pub path: PathBuf,
    /// What new files are written in; a folder that exists keeps the format that it was made with. Default
    /// [`Format::Json`].
    pub format: Format,
    /// What an acknowledged write has survived. Default [`Synchronous::Full`].
    pub synchronous: Synchronous,
    /// Whether to make the folder when there is none. Default `true`.
    pub create: bool,
    /// Whether the time of a file says when its session expires, so that to touch one is not to write it. Default
    /// `true`; `false` for file systems that don't keep times to the millisecond.
    pub touch: bool,
    /// How long to wait for another process that holds a lock, in milliseconds, up to one hour. Default 5000.
    pub lock_timeout_ms: u64,
    /// Threads that write, 1 to 256. They wait for the disk at the same time, which lets it do their work together.
    /// Default 16.
    pub writers: usize,
    /// Threads that read, 1 to 256. Default 4.
    pub readers: usize,
    /// How many operations may wait for a thread before callers wait for room, 1 to 1,048,576. Default 1024.
    pub queue: usize,
    /// The largest payload that is accepted, in bytes, at most 999,000,000. Default 16 MiB.
    pub max_payload: usize,
}

/// What an acknowledged write has survived. Both levels survive the end of the process at any moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Synchronous {
    /// Loss of power too: file and folder are on the disk before a write is acknowledged.
    #[default]
    Full,
    /// Not the loss of power: it may undo the last writes, and may lose sessions that were written then. A file that it
    /// left empty counts as no session.
    Normal,
}

impl Synchronous {
    const WORDS: &[(&str, Self)] = &[("full", Self::Full), ("normal", Self::Normal)];
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: PathBuf::from("sessions"),
            format: Format::Json,
            synchronous: Synchronous::Full,
            create: true,
            touch: true,
            lock_timeout_ms: 5000,
            writers: 16,
            readers: 4,
            queue: 1024,
            max_payload: 16 << 20,
        }
    }
}

impl Config {
    /// The defaults, on this folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// Reads `file:PATH?setting=value&...`, the settings being the fields of this type.
    ///
    /// The path may be relative (`file:data/sessions`) or absolute (`file:/var/lib/app/sessions`), with or without two
    /// slashes before it. A byte may be written as `%` and two hexadecimal digits.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for another scheme, an unknown setting or an unreadable value. The message names the
    /// setting.
    pub fn from_url(url: &str) -> Result<Self> {
        let url = EngineUrl::parse(ENGINE, url)?;
        if url.scheme() != ENGINE {
            return Err(refuse("the URL must begin with `file:`"));
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
            "format" => self.format = setting.choice(Format::WORDS)?,
            "synchronous" => self.synchronous = setting.choice(Synchronous::WORDS)?,
            "create" => self.create = setting.switch()?,
            "touch" => self.touch = setting.switch()?,
            "lock_timeout_ms" => self.lock_timeout_ms = setting.number()?,
            "writers" => self.writers = setting.number()?,
            "readers" => self.readers = setting.number()?,
            "queue" => self.queue = setting.number()?,
            "max_payload" => self.max_payload = setting.number()?,
            _ => return Err(setting.unknown(SETTINGS)),
        }
        Ok(())
    }

    /// Sets [`Config::format`].
    #[must_use]
    pub fn with_format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Sets [`Config::synchronous`].
    #[must_use]
    pub fn with_synchronous(mut self, level: Synchronous) -> Self {
        self.synchronous = level;
        self
    }

    /// Sets [`Config::create`].
    #[must_use]
    pub fn with_create(mut self, does: bool) -> Self {
        self.create = does;
        self
    }

    /// Sets [`Config::touch`].
    #[must_use]
    pub fn with_touch(mut self, does: bool) -> Self {
        self.touch = does;
        self
    }

    /// Sets [`Config::lock_timeout_ms`].
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Sets [`Config::writers`].
    #[must_use]
    pub fn with_writers(mut self, threads: usize) -> Self {
        self.writers = threads;
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

    /// Sets [`Config::max_payload`].
    #[must_use]
    pub fn with_max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let bounds = [
            (!self.path.as_os_str().is_empty(), "path must name a folder"),
            (self.lock_timeout_ms <= LONGEST_TIMEOUT_MS, "lock_timeout_ms must be at most 3600000"),
            ((1..=MOST_THREADS).contains(&self.writers), "writers must be 1 to 256"),
            ((1..=MOST_THREADS).contains(&self.readers), "readers must be 1 to 256"),
            ((1..=LONGEST_QUEUE).contains(&self.queue), "queue must be 1 to 1048576"),
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
