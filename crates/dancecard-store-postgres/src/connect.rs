//! Making a connection: the way to the server, who one is, the table, and the statements.

use std::path::Path;
use std::time::Duration;

use dancecard_core::{ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Connection, NoTls, Socket};

use crate::config::{self, Config};
use crate::error::{Failure, Fate};
use crate::link::{Link, prepare};
use crate::readiness::Readiness;
use crate::schema::Table;
use crate::statements::{Role, Statements};
use crate::{address, tls};

/// Older servers are refused. The upstream project has ended its support of them.
const OLDEST: u32 = 13;

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Opener {
    target: tokio_postgres::Config,
    timeout: Duration,
    config: Config,
    statements: Statements,
    table: Readiness,
    tls: Option<tls::Lazy>,
}

impl Opener {
    /// # Errors
    /// [`ErrorKind::Config`] when the hosts are not readable.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        Ok(Self {
            target: target(config)?,
            timeout: config.connect_timeout(),
            config: config.clone(),
            statements: Statements::new(&Table::new(config)),
            table: Readiness::default(),
            tls: config.is_tls().then(|| tls::Lazy::new(config)),
        })
    }

    pub(crate) fn forget_table(&self) {
        self.table.forget();
    }

    pub(crate) async fn open(&self, role: Role) -> Result<Link, Failure> {
        match timeout(self.timeout, self.connect(role)).await {
            Ok(made) => made,
            Err(_) => Err(Failure::new(
                ErrorKind::Unavailable,
                Fate::Unsent,
                "no connection within connect_timeout_ms; check that the server runs and can be reached",
            )),
        }
    }

    async fn connect(&self, role: Role) -> Result<Link, Failure> {
        let (client, task) = match &self.tls {
            Some(tls) => begin(&self.target, tls.connector().await?).await?,
            None => begin(&self.target, NoTls).await?,
        };
        // Dropped half-way, the client ends the task.
        self.table.ensure(&client, &self.config).await?;
        let wanted = |query: crate::statements::Query| self.config.prepare && query.role() == role;
        let prepared = prepare(&client, &self.statements, wanted).await.map_err(Failure::asking)?;
        Ok(Link::new(client, prepared, task))
    }
}

/// Connects, and lets a task of the runtime carry what is said.
async fn begin<T>(target: &tokio_postgres::Config, tls: T) -> Result<(Client, AbortHandle), Failure>
where
    T: tokio_postgres::tls::MakeTlsConnect<Socket>,
    T::Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (client, connection) = target.connect(tls).await.map_err(Failure::connecting)?;
    demand(&connection)?;
    let task = tokio::spawn(async move {
        // Whoever waits for an answer learns why there is none.
        let _ = connection.await;
    });
    Ok((client, task.abort_handle()))
}

fn demand<T>(connection: &Connection<Socket, T>) -> Result<(), Failure>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    match connection.parameter("server_version").and_then(major) {
        Some(version) if version < OLDEST => {
            Err(Failure::config("the server is too old; the engine needs PostgreSQL 13 or later"))
        }
        _ => Ok(()),
    }
}

/// `15` of `15.18 (Debian 15.18-0+deb12u1)`.
fn major(version: &str) -> Option<u32> {
    let digits = version.split(|sign: char| !sign.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn target(config: &Config) -> Result<tokio_postgres::Config> {
    let mut target = tokio_postgres::Config::new();
    let hosts = address::read(&config.host, config.port);
    let hosts = hosts.ok_or_else(|| config::refuse("host must be NAME, NAME:PORT, or several"))?;
    for (host, port) in &hosts {
        if host.starts_with('/') {
            target.host_path(Path::new(host))
        } else {
            target.host(host)
        };
        target.port(*port);
    }
    if hosts.len() > 1 {
        target.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    config.username.as_ref().map(|user| target.user(user));
    config.password.as_ref().map(|password| target.password(password));
    config.database.as_ref().map(|database| target.dbname(database));
    if config.prepare {
        target.options(options(config));
    }
    target.ssl_mode(if config.is_tls() { SslMode::Require } else { SslMode::Disable });
    target.application_name("dancecard").connect_timeout(config.connect_timeout());
    Ok(target)
}

/// Settings that last as long as the connection. The server gives up when the engine has: a statement that waits for a
/// lock for longer would hold up all others behind it.
fn options(config: &Config) -> String {
    let mut options = format!(
        "-c statement_timeout={} -c default_transaction_isolation=read\\ committed",
        config.timeout_ms
    );
    if let Some(level) = config.synchronous_commit {
        options += &format!(" -c synchronous_commit={}", level.word());
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let read = ["15.18 (Debian 15.18-0+deb12u1)", "9.6.24", "17beta1", "18devel", "?"].map(major);
        assert_eq!(read, [Some(15), Some(9), Some(17), Some(18), None]);
    }
}
