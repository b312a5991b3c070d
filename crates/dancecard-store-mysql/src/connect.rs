//! Making a connection: the way to the server, who one is, how it is set, and the table.

use std::time::Duration;

use dancecard_core::{ErrorKind, Result};
use mysql_async::{Conn, Opts, OptsBuilder, Value};
use tokio::time::timeout;

use crate::config::{self, Config};
use crate::error::{Failure, Fate};
use crate::link::Link;
use crate::readiness::Readiness;
use crate::{address, tls};

/// The largest packet that the protocol has, in bytes.
const CLIENTS_LARGEST: usize = 1 << 30;
const READ_ONLY: &str = "SELECT @@global.read_only";

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Opener {
    hosts: Vec<(String, u16)>,
    timeout: Duration,
    config: Config,
    table: Readiness,
    tls: Option<tls::Lazy>,
}

impl Opener {
    /// # Errors
    /// [`ErrorKind::Config`] when the hosts are not readable.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let hosts = address::read(&config.host, config.port);
        Ok(Self {
            hosts: hosts.ok_or_else(|| config::refuse("host must be NAME, NAME:PORT, or several"))?,
            timeout: config.connect_timeout(),
            config: config.clone(),
            table: Readiness::default(),
            tls: config.is_tls().then(|| tls::Lazy::new(config)),
        })
    }

    pub(crate) fn forget_table(&self) {
        self.table.forget();
    }

    pub(crate) async fn open(&self) -> Result<Link, Failure> {
        match timeout(self.timeout, self.connect()).await {
            Ok(made) => made,
            Err(_) => Err(Failure::new(
                ErrorKind::Unavailable,
                Fate::Unsent,
                "no connection within connect_timeout_ms; check that the server runs and can be reached",
            )),
        }
    }

    async fn connect(&self) -> Result<Link, Failure> {
        let mut link = self.first_that_accepts().await?;
        self.table.ensure(&mut link, &self.config).await?;
        Ok(link)
    }

    /// The hosts in order. What the last one says is what is told.
    async fn first_that_accepts(&self) -> Result<Link, Failure> {
        let mut failure = Failure::config("there is no host");
        for (host, port) in &self.hosts {
            match self.connect_to(host, *port).await {
                Ok(link) => return Ok(link),
                Err(refused) => failure = refused,
            }
        }
        Err(failure)
    }

    async fn connect_to(&self, host: &str, port: u16) -> Result<Link, Failure> {
        let options = self.options(host, port).await?;
        let conn = Conn::new(options).await.map_err(|error| Failure::connecting(&error))?;
        let mut link = Link::new(conn);
        // Before anything else, which an older one may not understand.
        demand(link.server_version())?;
        link.set_up(settings(&self.config)).await.map_err(|error| Failure::connecting(&error))?;
        if self.hosts.len() > 1 {
            let read_only =
                link.value(READ_ONLY.into()).await.map_err(|error| Failure::asking(&error, Fate::Unsent))?;
            if !is_off(read_only.as_ref()) {
                return Err(Failure::new(ErrorKind::Unavailable, Fate::Unsent, "no host accepts writes"));
            }
        }
        Ok(link)
    }

    async fn options(&self, host: &str, port: u16) -> Result<Opts, Failure> {
        let options = OptsBuilder::default()
            .user(self.config.username.clone())
            .pass(self.config.password.clone())
            .db_name(Some(self.config.database.clone()))
            .prefer_socket(false)
            .client_found_rows(true)
            // Given, so that the client does not ask for them. What the server takes is asked with the settings.
            .max_allowed_packet(Some(CLIENTS_LARGEST))
            .wait_timeout(Some(0));
        let options = if host.starts_with('/') {
            options.socket(Some(host))
        } else {
            options.ip_or_hostname(host).tcp_port(port)
        };
        Ok(match &self.tls {
            Some(tls) => tls.set(options).await?,
            None => options.into(),
        })
    }
}

/// What lasts as long as the connection. What doesn't fit a column must be an error and not be cut off, and who waits for
/// a lock longer than the engine does waits for nothing.
pub(crate) fn settings(config: &Config) -> String {
    let seconds = config.timeout_ms.div_ceil(1000);
    format!(
        "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1, \
             innodb_lock_wait_timeout = {seconds}; \
         SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
         SELECT @@max_allowed_packet"
    )
}

/// MariaDB counts from 10, MySQL has not come so far. Both must be able to pass over locked rows.
pub(crate) fn demand(version: (u16, u16)) -> Result<(), Failure> {
    match version {
        (10, minor) if minor < 6 => {
            Err(Failure::config("the server is too old; the engine needs MariaDB 10.6 or later"))
        }
        (major, _) if major < 8 => {
            Err(Failure::config("the server is too old; the engine needs MySQL 8.0 or later"))
        }
        _ => Ok(()),
    }
}

/// `0` or `OFF`.
fn is_off(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Int(0) | Value::UInt(0)) => true,
        Some(Value::Bytes(text)) => text == b"0" || text.eq_ignore_ascii_case(b"off"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_refused() {
        for old in [(5, 7), (10, 5), (10, 0), (0, 0)] {
            assert!(demand(old).is_err(), "{old:?}");
        }
        for new in [(8, 0), (9, 7), (10, 6), (10, 11), (11, 4), (12, 0)] {
            assert!(demand(new).is_ok(), "{new:?}");
        }
    }

    #[test]
    fn switches_are_read_as_numbers_and_as_words() {
        let text = |text: &str| Value::Bytes(text.into());
        for off in [Value::Int(0), Value::UInt(0), text("0"), text("OFF")] {
            assert!(is_off(Some(&off)), "{off:?}");
        }
        for on in [Value::Int(1), text("1"), text("ON"), text("NO_LOCK"), Value::NULL] {
            assert!(!is_off(Some(&on)), "{on:?}");
        }
        assert!(!is_off(None));
    }
}
