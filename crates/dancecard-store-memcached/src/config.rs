//! How the engine is set up: in code, from a configuration file, or from a URL.

use std::fmt;
use std::time::Duration;

use dancecard_core::{EngineUrl, Error, ErrorKind, Result, Setting, percent_decode};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::error::{self, ENGINE};

/// So that keys of the usual length, as text, stay within memcached's 250 bytes.
const LONGEST_PREFIX: usize = 100;
const LONGEST_TIMEOUT_MS: u64 = 3_600_000;
/// The server counts whole seconds and may be one ahead.
const SHORTEST_SLACK_MS: u64 = 2_000;
const LONGEST_SLACK_MS: u64 = 30 * 24 * 3_600_000;
/// The largest item that any server can be set up for.
const LARGEST_PAYLOAD: usize = 1 << 30;
const LONGEST_QUEUE: usize = 1 << 20;
/// Its form on the wire is a line.
const LONGEST_SIGN_IN: usize = 250;

const SETTINGS: &[&str] = &[
    "servers",
    "prefix",
    "username",
    "password",
    "timeout_ms",
    "expiry_slack_ms",
    "max_payload",
    "queue",
    "failover",
];

/// How an engine is set up. Every setting has a default, so that `Config::default()` works as it is.
///
/// `Debug` and serialization leave the password out.
///
/// ```
/// use dancecard_store_memcached::Config;
///
/// let config = Config::from_url("memcached://10.0.0.1,10.0.0.2:11212?prefix=shop%3A")?;
/// assert_eq!(config, Config::new(["10.0.0.1", "10.0.0.2:11212"]).with_prefix("shop:"));
/// # Ok::<(), dancecard_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The servers, each as `host`, `host:port`, `[address]:port` or the absolute path of a unix socket. All
    /// applications that share sessions name the same servers, in whatever order. Default `127.0.0.1:11211`.
    pub servers: Vec<String>,
    /// What every key begins with, so that several applications can share servers. Default `dancecard:`.
    pub prefix: String,
    /// Who to sign in as, to servers with an authentication file. Without one by default.
    pub username: Option<String>,
    /// The password that goes with it.
    #[serde(skip_serializing)]
    pub password: Option<String>,
    /// How long an operation may take, connecting included, in milliseconds, up to one hour. Default 2000.
    pub timeout_ms: u64,
    /// How long the servers keep a record beyond its expiry, in milliseconds, 2 seconds to 30 days: the most by which
    /// clocks may differ. Default 60,000.
    pub expiry_slack_ms: u64,
    /// The largest payload that is accepted, in bytes. Default 1,000,000; servers take items of 1 MiB unless they are
    /// started with another limit (`-I`).
    pub max_payload: usize,
    /// How many operations may wait for one server; more are refused. 1 to 1,048,576. Default 16,384.
    pub queue: usize,
    /// Whether the next server on the ring stands in for one that can't be reached. Default `false`. With `true`, a
    /// session that was ended while its server was cut off is there again when the server is back, unless that was
    /// restarted: a token that was signed out is then good again. Without it such an end is an error, and can be tried
    /// again. The crate's page says more.
    pub failover: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            servers: vec!["127.0.0.1:11211".to_owned()],
            prefix: "dancecard:".to_owned(),
            username: None,
            password: None,
            timeout_ms: 2000,
            expiry_slack_ms: 60_000,
            max_payload: 1_000_000,
            queue: 16_384,
            failover: false,
        }
    }
}

impl Config {
    /// The defaults, with these servers.
    pub fn new<S: Into<String>>(servers: impl IntoIterator<Item = S>) -> Self {
        Self { servers: servers.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Reads `memcached://user:password@host:port,host:port?setting=value&...`, the settings being the fields of this
    /// type. User and port may be missing. `memcached:///run/memcached.sock` is a unix socket; several, or some
    /// beside hosts, are the setting `servers`, separated by commas.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for another scheme, an unknown setting or an unreadable value. The message names the
    /// setting.
    pub fn from_url(url: &str) -> Result<Self> {
        let url = EngineUrl::parse(ENGINE, url)?;
        if url.scheme() != ENGINE {
            return Err(refuse("the URL must begin with `memcached:`"));
        }
        let mut config = Self::default();
        config.set_location(url.location())?;
        url.settings().try_for_each(|setting| config.set(&setting))?;
        Ok(config)
    }

    fn set_location(&mut self, location: &str) -> Result<()> {
        let location = location.strip_prefix("//").unwrap_or(location);
        let (user, place) =
            location.rsplit_once('@').map_or((None, location), |(user, place)| (Some(user), place));
        if let Some(user) = user {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let readable = |text| {
                percent_decode(text).ok_or_else(|| refuse("user and password in the URL are not readable"))
            };
            (self.username, self.password) = (Some(readable(name)?), Some(readable(password)?));
        }
        let place = percent_decode(place).ok_or_else(|| refuse("the servers in the URL are not readable"))?;
        let place =
            if place.starts_with('/') && place.len() > 1 { &place } else { place.trim_end_matches('/') };
        if !place.is_empty() {
            self.set_servers(place);
        }
        Ok(())
    }

    fn set_servers(&mut self, list: &str) {
        self.servers = list.split(',').map(|server| server.trim().to_owned()).collect();
    }

    /// Changes one setting, the way a URL or a configuration map gives it. Its name is that of the field.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an unknown setting or an unreadable value.
    pub fn set(&mut self, setting: &Setting<'_>) -> Result<()> {
        match setting.name() {
            "servers" => self.set_servers(setting.text()),
            "prefix" => self.prefix = setting.text().to_owned(),
            "username" => self.username = Some(setting.text().to_owned()),
            "password" => self.password = Some(setting.text().to_owned()),
            "timeout_ms" => self.timeout_ms = setting.number()?,
            "expiry_slack_ms" => self.expiry_slack_ms = setting.number()?,
            "max_payload" => self.max_payload = setting.number()?,
            "queue" => self.queue = setting.number()?,
            "failover" => self.failover = setting.switch()?,
            _ => return Err(setting.unknown(SETTINGS)),
        }
        Ok(())
    }

    /// Sets [`Config::prefix`].
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets [`Config::username`] and [`Config::password`].
    #[must_use]
    pub fn with_sign_in(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        (self.username, self.password) = (Some(username.into()), Some(password.into()));
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

    /// Sets [`Config::queue`].
    #[must_use]
    pub fn with_queue(mut self, operations: usize) -> Self {
        self.queue = operations;
        self
    }

    /// Sets [`Config::failover`]; read there what it gives up.
    #[must_use]
    pub fn with_failover(mut self, does: bool) -> Self {
        self.failover = does;
        self
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) fn slack(&self) -> Duration {
        Duration::from_millis(self.expiry_slack_ms)
    }

    /// The servers' addresses, once everything has been found usable.
    pub(crate) fn validate(&self) -> Result<Vec<Address>> {
        let slack = SHORTEST_SLACK_MS..=LONGEST_SLACK_MS;
        let signs_in = self.username.is_some() == self.password.is_some();
        let rules = [
            (!self.servers.is_empty(), "servers must name a server"),
            (is_key(&self.prefix), "prefix must be at most 100 bytes, without blanks and control characters"),
            (signs_in, "username and password must be set together"),
            (
                self.can_be_sent(),
                "username and password must have less than 250 bytes, and no blanks: memcached reads them as two words",
            ),
            ((1..=LONGEST_TIMEOUT_MS).contains(&self.timeout_ms), "timeout_ms must be 1 to 3600000"),
            (slack.contains(&self.expiry_slack_ms), "expiry_slack_ms must be 2000 to 2592000000"),
            (self.max_payload <= LARGEST_PAYLOAD, "max_payload must be at most 1073741824"),
            ((1..=LONGEST_QUEUE).contains(&self.queue), "queue must be 1 to 1048576"),
        ];
        if let Some((_, rule)) = rules.into_iter().find(|(holds, _)| !holds) {
            return Err(refuse(rule));
        }
        let addresses: Option<Vec<_>> = self.servers.iter().map(|server| Address::parse(server)).collect();
        let addresses = addresses.ok_or_else(|| {
            refuse("servers must be hosts, hosts with ports, or absolute paths of unix sockets")
        })?;
        let twice = addresses
            .iter()
            .enumerate()
            .any(|(place, one)| addresses.iter().take(place).any(|two| one == two));
        if twice { Err(refuse("servers must name each server once")) } else { Ok(addresses) }
    }

    fn can_be_sent(&self) -> bool {
        let words = [&self.username, &self.password].map(|word| word.as_deref().unwrap_or_default());
        let odd = |letter: char| letter.is_whitespace() || letter.is_control();
        words.iter().all(|word| !word.contains(odd))
            && words.map(str::len).iter().sum::<usize>() < LONGEST_SIGN_IN
    }
}

/// Shows no password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("servers", &self.servers)
            .field("prefix", &self.prefix)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "(not shown)"))
            .field("timeout_ms", &self.timeout_ms)
            .field("expiry_slack_ms", &self.expiry_slack_ms)
            .field("max_payload", &self.max_payload)
            .field("queue", &self.queue)
            .field("failover", &self.failover)
            .finish()
    }
}

/// Whether a key may begin like this.
fn is_key(prefix: &str) -> bool {
    prefix.len() <= LONGEST_PREFIX
        && !prefix.contains(|letter: char| letter.is_whitespace() || letter.is_control())
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn refuse(remedy: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    error::new(ErrorKind::Config, "configure").with_detail(remedy)
}
