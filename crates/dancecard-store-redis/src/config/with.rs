//! The settings one by one, in code.

use std::path::PathBuf;
use std::time::Duration;

use super::{Config, Topology};

impl Config {
    /// Sets [`Config::topology`] and [`Config::nodes`] to a service that these sentinels watch.
    #[must_use]
    pub fn with_sentinels<N: Into<String>>(
        mut self,
        nodes: impl IntoIterator<Item = N>,
        service: impl Into<String>,
    ) -> Self {
        self.topology = Topology::Sentinel;
        self.nodes = nodes.into_iter().map(Into::into).collect();
        self.service = service.into();
        self
    }

    /// Sets [`Config::topology`] and [`Config::nodes`] to a cluster, of which these are some nodes.
    #[must_use]
    pub fn with_cluster<N: Into<String>>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.topology = Topology::Cluster;
        self.nodes = nodes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets [`Config::database`].
    #[must_use]
    pub fn with_database(mut self, number: u32) -> Self {
        self.database = number;
        self
    }

    /// Sets [`Config::username`] and [`Config::password`].
    #[must_use]
    pub fn with_login(mut self, username: Option<String>, password: Option<String>) -> Self {
        self.username = username;
        self.password = password;
        self
    }

    /// Sets [`Config::sentinel_username`] and [`Config::sentinel_password`].
    #[must_use]
    pub fn with_sentinel_login(mut self, username: Option<String>, password: Option<String>) -> Self {
        self.sentinel_username = username;
        self.sentinel_password = password;
        self
    }

    /// Sets [`Config::tls`].
    #[must_use]
    pub fn with_tls(mut self, encrypts: bool) -> Self {
        self.tls = encrypts;
        self
    }

    /// Sets [`Config::tls_ca`].
    #[must_use]
    pub fn with_tls_ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.tls_ca = Some(file.into());
        self
    }

    /// Sets [`Config::tls_certificate`] and [`Config::tls_key`].
    #[must_use]
    pub fn with_tls_certificate(mut self, file: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls_certificate = Some(file.into());
        self.tls_key = Some(key.into());
        self
    }

    /// Sets [`Config::prefix`].
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets [`Config::timeout_ms`].
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = millis(timeout);
        self
    }

    /// Sets [`Config::connect_timeout_ms`].
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout_ms = millis(timeout);
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

    /// Sets [`Config::replicas_to_wait`].
    #[must_use]
    pub fn with_replicas_to_wait(mut self, replicas: u32) -> Self {
        self.replicas_to_wait = replicas;
        self
    }

    /// Sets [`Config::durable`].
    #[must_use]
    pub fn with_durable(mut self, is: bool) -> Self {
        self.durable = is;
        self
    }

    /// Sets [`Config::near_cache_bytes`].
    #[must_use]
    pub fn with_near_cache(mut self, bytes: usize) -> Self {
        self.near_cache_bytes = bytes;
        self
    }

    /// Sets [`Config::near_cache_staleness_ms`].
    #[must_use]
    pub fn with_near_cache_staleness(mut self, most: Duration) -> Self {
        self.near_cache_staleness_ms = millis(most);
        self
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
