//! Setters, for code.

use std::path::PathBuf;
use std::time::Duration;

use super::Config;

impl Config {
    /// Sets [`Config::port`].
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets [`Config::username`] and [`Config::password`].
    #[must_use]
    pub fn with_credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        (self.username, self.password) = (Some(user.into()), Some(password.into()));
        self
    }

    /// Sets [`Config::database`].
    #[must_use]
    pub fn with_database(mut self, database: impl Into<String>) -> Self {
        self.database = database.into();
        self
    }

    /// Sets [`Config::tls`].
    #[must_use]
    pub fn with_tls(mut self, is: bool) -> Self {
        self.tls = Some(is);
        self
    }

    /// Sets [`Config::tls_ca`].
    #[must_use]
    pub fn with_tls_ca(mut self, pem: impl Into<PathBuf>) -> Self {
        self.tls_ca = Some(pem.into());
        self
    }

    /// Sets [`Config::tls_certificate`] and [`Config::tls_key`].
    #[must_use]
    pub fn with_tls_identity(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        (self.tls_certificate, self.tls_key) = (Some(cert.into()), Some(key.into()));
        self
    }

    /// Sets [`Config::table`].
    #[must_use]
    pub fn with_table(mut self, table: impl Into<String>) -> Self {
        self.table = table.into();
        self
    }

    /// Sets [`Config::create`].
    #[must_use]
    pub fn with_create(mut self, does: bool) -> Self {
        self.create = does;
        self
    }

    /// Sets [`Config::connections`].
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections;
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

    /// Sets [`Config::max_payload`].
    #[must_use]
    pub fn with_max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
