//! How the shop is set up.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use dancecard::axum::Security;

/// How the shop is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// The port on the loopback interface; 0 for any that is free. Default 3000.
    pub port: u16,
    /// The folder of the database files, of users and of sessions, made if it is missing. Default `./data`.
    pub data_dir: PathBuf,
    /// The file that says where and how sessions are kept. Default none: in SQLite, as `sessions.rs` says.
    pub sessions: Option<PathBuf>,
    /// Whether the session cookie is for encrypted connections only, unless a file says so. Default [`Security::Auto`].
    pub security: Security,
    /// How often a long connection asks whether its session has ended. Default two seconds.
    pub live_every: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 3000,
            data_dir: "data".into(),
            sessions: None,
            security: Security::Auto,
            live_every: Duration::from_secs(2),
        }
    }
}

impl Config {
    /// The defaults, but for what the variables `PORT` and `DATA_DIR` say.
    ///
    /// # Errors
    /// When `PORT` is not a port.
    pub fn from_env() -> Result<Self> {
        let mut config = Self::default();
        if let Some(port) = env::var_os("PORT") {
            config.port = parse_port(&port.to_string_lossy())?;
        }
        if let Some(folder) = env::var_os("DATA_DIR") {
            config.data_dir = folder.into();
        }
        Ok(config)
    }
}

fn parse_port(text: &str) -> Result<u16> {
    text.parse().with_context(|| format!("PORT is `{text}`; it must be a number from 0 to 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_numbers() {
        assert_eq!(parse_port("0").unwrap(), 0);
        assert!(parse_port("65536").unwrap_err().to_string().starts_with("PORT is `65536`"));
    }
}
