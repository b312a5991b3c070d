//! How the engine is set up: in code, from a configuration file, or from a URL.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use dancecard_core::{Result, Setting};
use serde::{Deserialize, Serialize};

use crate::error::refuse;

mod url;
mod with;

/// The longest string that a server takes, less room for the facts.
const LARGEST_PAYLOAD: usize = 512_000_000;
const LONGEST_MS: u64 = 3_600_000;
const MOST_REPLICAS: u32 = 100;

const SETTINGS: &[&str] = &[
    "topology",
    "nodes",
    "service",
    "database",
    "username",
    "password",
    "sentinel_username",
    "sentinel_password",
    "tls",
    "tls_ca",
    "tls_certificate",
    "tls_key",
    "prefix",
    "timeout_ms",
    "connect_timeout_ms",
    "expiry_slack_ms",
    "max_payload",
    "replicas_to_wait",
    "durable",
    "near_cache_bytes",
    "near_cache_staleness_ms",
];

/// How an engine is set up. Every setting has a default, so that `Config::default()` works as it is.
///
/// `Debug` shows neither passwords nor user names.
///
/// ```
/// use dancecard_store_redis::{Config, Topology};
///
/// let config = Config::from_url("redis-cluster://a:7000,b:7000?prefix=shop%3A&timeout_ms=500")?;
/// assert_eq!(config.topology, Topology::Cluster);
/// assert_eq!(config.nodes, ["a:7000", "b:7000"]);
/// assert_eq!(config.prefix, "shop:");
/// # Ok::<(), dancecard_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// What the nodes are. Default [`Topology::Standalone`].
    pub topology: Topology,
    /// The server, or the sentinels, or some nodes of the cluster: `host:port`, `host`, or the path of a unix socket,
    /// which begins with a slash. Default `127.0.0.1:6379`.
    pub nodes: Vec<String>,
    /// What the sentinels call the service. Default `mymaster`.
    pub service: String,
    /// The number of the database. A cluster has only 0, the default.
    pub database: u32,
    /// The user to log in as; without one, the server's default user.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// The user to log in to sentinels as.
    pub sentinel_username: Option<String>,
    /// That user's password.
    pub sentinel_password: Option<String>,
    /// Whether connections are encrypted. Default `false`.
    pub tls: bool,
    /// A file of certificates (PEM) to trust instead of the system's.
    pub tls_ca: Option<PathBuf>,
    /// A file with the certificate (PEM) to show to servers that ask for one.
    pub tls_certificate: Option<PathBuf>,
    /// A file with that certificate's key (PEM).
    pub tls_key: Option<PathBuf>,
    /// What all names on the server begin with. Default `dancecard:`.
    pub prefix: String,
    /// How long an operation may take, in milliseconds, 1 to 3,600,000. Default 2000.
    pub timeout_ms: u64,
    /// How long one attempt to connect may take, in milliseconds, 1 to 3,600,000. Default 1000.
    pub connect_timeout_ms: u64,
    /// How much longer than a session the server keeps it, in milliseconds: by so much may clocks differ. At most
    /// 3,600,000. Default 60,000.
    pub expiry_slack_ms: u64,
    /// The largest payload that is accepted, in bytes, at most 512,000,000. Default 16 MiB.
    pub max_payload: usize,
    /// How many replicas must have a write before it is acknowledged, 0 to 100. Default 0.
    pub replicas_to_wait: u32,
    /// Whether the server keeps its data over the end of processes, which decides what the engine claims. Default
    /// `true`.
    pub durable: bool,
    /// How many bytes of sessions are kept in this process's memory, as long as the server confirms that they have
    /// not changed. Default 0: none.
    pub near_cache_bytes: usize,
    /// For how long a session from this process's memory may be served after another process changed it, in
    /// milliseconds, 1 to 3,600,000. Default 1000.
    pub near_cache_staleness_ms: u64,
}

/// What the nodes of a configuration are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Topology {
    /// One server.
    #[default]
    Standalone,
    /// Sentinels, which know the server that is the master at the moment.
    Sentinel,
    /// Some nodes of a cluster, which know the others.
    Cluster,
}

impl Topology {
    const WORDS: &[(&str, Self)] =
        &[("standalone", Self::Standalone), ("sentinel", Self::Sentinel), ("cluster", Self::Cluster)];
}

impl Default for Config {
    fn default() -> Self {
        Self {
            topology: Topology::Standalone,
            nodes: vec!["127.0.0.1:6379".into()],
            service: "mymaster".into(),
            database: 0,
            username: None,
            password: None,
            sentinel_username: None,
            sentinel_password: None,
            tls: false,
            tls_ca: None,
            tls_certificate: None,
            tls_key: None,
            prefix: "dancecard:".into(),
            timeout_ms: 2000,
            connect_timeout_ms: 1000,
            expiry_slack_ms: 60_000,
            max_payload: 16 << 20,
            replicas_to_wait: 0,
            durable: true,
            near_cache_bytes: 0,
            near_cache_staleness_ms: 1000,
        }
    }
}

impl Config {
    /// The defaults, with one server.
    pub fn new(node: impl Into<String>) -> Self {
        Self { nodes: vec![node.into()], ..Self::default() }
    }

    /// Changes one setting, the way a URL or a configuration map gives it. Its name is that of the field; `nodes` are
    /// separated by commas.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config) for an unknown setting or an unreadable value.
    pub fn set(&mut self, setting: &Setting<'_>) -> Result<()> {
        let text = || Some(setting.text().to_owned());
        match setting.name() {
            "topology" => self.topology = setting.choice(Topology::WORDS)?,
            "nodes" => self.nodes = setting.text().split(',').map(|node| node.trim().to_owned()).collect(),
            "service" => self.service = setting.text().into(),
            "database" => self.database = setting.number()?,
            "username" => self.username = text(),
            "password" => self.password = text(),
            "sentinel_username" => self.sentinel_username = text(),
            "sentinel_password" => self.sentinel_password = text(),
            "tls" => self.tls = setting.switch()?,
            "tls_ca" => self.tls_ca = text().map(PathBuf::from),
            "tls_certificate" => self.tls_certificate = text().map(PathBuf::from),
            "tls_key" => self.tls_key = text().map(PathBuf::from),
            "prefix" => self.prefix = setting.text().into(),
            "timeout_ms" => self.timeout_ms = setting.number()?,
            "connect_timeout_ms" => self.connect_timeout_ms = setting.number()?,
            "expiry_slack_ms" => self.expiry_slack_ms = setting.number()?,
            "max_payload" => self.max_payload = setting.number()?,
            "replicas_to_wait" => self.replicas_to_wait = setting.number()?,
            "durable" => self.durable = setting.switch()?,
            "near_cache_bytes" => self.near_cache_bytes = setting.number()?,
            "near_cache_staleness_ms" => self.near_cache_staleness_ms = setting.number()?,
            _ => return Err(setting.unknown(SETTINGS)),
        }
        Ok(())
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn near_cache_staleness(&self) -> Duration {
        Duration::from_millis(self.near_cache_staleness_ms)
    }

    pub(crate) fn slack(&self) -> i64 {
        i64::try_from(self.expiry_slack_ms).unwrap_or(i64::MAX)
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.topology == Topology::Cluster
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let span = 1..=LONGEST_MS;
        let whole_key = self.tls_certificate.is_some() == self.tls_key.is_some();
        let bounds = [
            (!self.nodes.is_empty(), "nodes must name a server"),
            (
                self.nodes.len() == 1 || self.topology != Topology::Standalone,
                "a standalone server is one node",
            ),
            (!self.service.is_empty(), "service must be the name that the sentinels know"),
            (!self.is_cluster() || self.database == 0, "a cluster has no database but 0"),
            (self.username.is_none() || self.password.is_some(), "username needs a password"),
            (!self.tls || cfg!(feature = "tls"), "this build has no TLS; build it with the feature `tls`"),
            (whole_key, "tls_certificate and tls_key belong together"),
            (span.contains(&self.timeout_ms), "timeout_ms must be 1 to 3600000"),
            (span.contains(&self.connect_timeout_ms), "connect_timeout_ms must be 1 to 3600000"),
            (self.expiry_slack_ms <= LONGEST_MS, "expiry_slack_ms must be at most 3600000"),
            (self.max_payload <= LARGEST_PAYLOAD, "max_payload must be at most 512000000"),
            (self.replicas_to_wait <= MOST_REPLICAS, "replicas_to_wait must be at most 100"),
            (span.contains(&self.near_cache_staleness_ms), "near_cache_staleness_ms must be 1 to 3600000"),
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
            .field("topology", &self.topology)
            .field("nodes", &self.nodes)
            .field("service", &self.service)
            .field("database", &self.database)
            .field("tls", &self.tls)
            .field("prefix", &self.prefix)
            .field("timeout_ms", &self.timeout_ms)
            .field("max_payload", &self.max_payload)
            .field("near_cache_bytes", &self.near_cache_bytes)
            .finish_non_exhaustive()
    }
}
