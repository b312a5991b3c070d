//! How the engine is set up: in code, from a configuration file, or from a URL.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use dancecard_core::{EngineUrl, ErrorKind, Result, Setting};
use serde::{Deserialize, Serialize};

use crate::error::{self, ENGINE};

const LARGEST_PAYLOAD: usize = 999_000_000;
const LONGEST_TIMEOUT_MS: u64 = 3_600_000;

/// The settings that a URL or a map can give, beside the service's own.
pub(crate) const NAMES: &[&str] =
    &["backend", "concurrency", "create", "last_writer_wins", "max_payload", "prefix", "timeout_ms"];

/// How an engine is set up. Every setting has a default, so that `Config::default()` works as it is: without a backend,
/// sessions are kept in this process's memory, and a warning says so.
///
/// ```
/// use dancecard_store_object::Config;
///
/// let config = Config::from_url("object:s3?bucket=shop&region=eu-central-1&prefix=sessions")?;
/// let same = Config::new("s3").with_option("bucket", "shop").with_option("region", "eu-central-1");
/// assert_eq!(config, same.with_prefix("sessions"));
/// # Ok::<(), dancecard_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The service, by OpenDAL's name for it, such as `s3`, `gcs`, `azblob`, `fs` or `memory`. Its cargo feature must be
    /// on. Default none, which is `memory` with a warning.
    pub backend: Option<String>,
    /// The service's own settings, as [OpenDAL's documentation](https://docs.rs/opendal/latest/opendal/services/) names
    /// them. `Debug` shows their names only.
    pub options: BTreeMap<String, String>,
    /// Where in the bucket or folder the objects lie. Default `dancecard`.
    pub prefix: String,
    /// Whether to begin where there is nothing yet. Default `true`.
    pub create: bool,
    /// Whether to use a service that can't compare before it writes. The last writer wins then: of two requests of one
    /// session at the same time, what one did may be lost. Default `false`, which refuses such a service.
    pub last_writer_wins: bool,
    /// How long a request may take, in milliseconds, up to one hour. Default 10,000.
    pub timeout_ms: u64,
    /// How many requests a listing or a purge has under way at once, 1 to 256. Default 16.
    pub concurrency: usize,
    /// The largest payload that is accepted, in bytes, at most 999,000,000. Default 16 MiB.
    pub max_payload: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            backend: None,
            options: BTreeMap::new(),
            prefix: "dancecard".to_owned(),
            create: true,
            last_writer_wins: false,
            timeout_ms: 10_000,
            concurrency: 16,
            max_payload: 16 << 20,
        }
    }
}

impl Config {
    /// The defaults, on this service.
    pub fn new(backend: impl Into<String>) -> Self {
        Self { backend: Some(backend.into()), ..Self::default() }
    }

    /// Reads `object:BACKEND?setting=value&...`. Settings with the name of a field of this type are those; all others are
    /// the service's own.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for another scheme or an unreadable value. The message names the setting.
    pub fn from_url(url: &str) -> Result<Self> {
        let url = EngineUrl::parse(ENGINE, url)?;
        if url.scheme() != ENGINE {
            return Err(error::config("configure", "the URL must begin with `object:`"));
        }
        let backend = url.location().trim_matches('/');
        let backend = (!backend.is_empty()).then(|| backend.to_owned());
        let mut config = Self { backend, ..Self::default() };
        url.settings().try_for_each(|setting| config.set(&setting))?;
        Ok(config)
    }

    /// Changes one setting, the way a URL or a configuration map gives it. A name that is not that of a field is an
    /// option of the service.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an unreadable value.
    pub fn set(&mut self, setting: &Setting<'_>) -> Result<()> {
        match setting.name() {
            "backend" => self.backend = Some(setting.text().to_owned()),
            "prefix" => self.prefix = setting.text().to_owned(),
            "create" => self.create = setting.switch()?,
            "last_writer_wins" => self.last_writer_wins = setting.switch()?,
            "timeout_ms" => self.timeout_ms = setting.number()?,
            "concurrency" => self.concurrency = setting.number()?,
            "max_payload" => self.max_payload = setting.number()?,
            name => drop(self.options.insert(name.to_owned(), setting.text().to_owned())),
        }
        Ok(())
    }

    /// Adds one of the service's own settings to [`Config::options`].
    #[must_use]
    pub fn with_option(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.insert(name.into(), value.into());
        self
    }

    /// Sets [`Config::prefix`].
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets [`Config::create`].
    #[must_use]
    pub fn with_create(mut self, does: bool) -> Self {
        self.create = does;
        self
    }

    /// Sets [`Config::last_writer_wins`].
    #[must_use]
    pub fn with_last_writer_wins(mut self, does: bool) -> Self {
        self.last_writer_wins = does;
        self
    }

    /// Sets [`Config::timeout_ms`].
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Sets [`Config::concurrency`].
    #[must_use]
    pub fn with_concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests;
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

    pub(crate) fn validate(&self) -> Result<()> {
        let parts = || self.prefix.trim_end_matches('/').split('/');
        let is_place = self.prefix.is_empty() || parts().all(|part| !["", ".", ".."].contains(&part));
        let bounds = [
            (
                is_place,
                "prefix must be a path without `.`, `..` and empty parts, that does not begin with a slash",
            ),
            ((1..=LONGEST_TIMEOUT_MS).contains(&self.timeout_ms), "timeout_ms must be 1 to 3600000"),
            ((1..=256).contains(&self.concurrency), "concurrency must be 1 to 256"),
            (self.max_payload <= LARGEST_PAYLOAD, "max_payload must be at most 999000000"),
        ];
        match bounds.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(error::new(ErrorKind::Config, "configure").with_detail(rule)),
            None => Ok(()),
        }
    }
}

/// The values of options may be secrets.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("backend", &self.backend)
            .field("options", &self.options.keys())
            .field("prefix", &self.prefix)
            .field("create", &self.create)
            .field("last_writer_wins", &self.last_writer_wins)
            .field("timeout_ms", &self.timeout_ms)
            .field("concurrency", &self.concurrency)
            .field("max_payload", &self.max_payload)
            .finish()
    }
}
