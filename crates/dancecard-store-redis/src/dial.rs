//! Getting connected: to one server, as one that the engine can work with.

use std::sync::Arc;

use dancecard_core::Result;

use crate::address::Address;
use crate::config::Config;
use crate::error::{Refusal, Trouble};
use crate::near::Near;
use crate::scripts::{self, Script};
use crate::socket;
use crate::tls::Tls;
use crate::wire::{Command, Connection, Login, Reply};

/// What connections to all servers of an engine have in common.
#[derive(Debug)]
pub(crate) struct Dialer {
    pub(crate) config: Config,
    tls: Option<Tls>,
    near: Option<Arc<Near>>,
}

/// Servers say their version as numbers; 7.0 has scripts that say what they need.
const OLDEST: u32 = 7;

impl Dialer {
    /// # Errors
    /// `Config` when the files for TLS can't be used.
    pub(crate) fn new(config: Config, near: Option<Arc<Near>>) -> Result<Self> {
        let tls = if config.tls { Some(Tls::new(&config)?) } else { None };
        Ok(Self { config, tls, near })
    }

    /// Connects to a server that keeps sessions, and sees whether it can.
    ///
    /// # Errors
    /// When it can't be reached, lets nobody in, is too old, or is no master though it should be.
    pub(crate) async fn server(&self, address: &Address, master: bool) -> Result<Line, Trouble> {
        let socket = socket::connect(address, self.tls.as_ref()).await?;
        let login = Login {
            username: self.config.username.as_deref(),
            password: self.config.password.as_deref(),
            database: self.config.database,
        };
        let source = self.near.as_ref().map(|near| near.source());
        let listener = source.as_ref().map(|source| source.listener());
        let connection = Connection::open(socket, login, listener).await?;
        let replies = connection.batch(&self.greeting(master)).await?;
        check_version(replies.first())?;
        if master {
            check_role(replies.get(1))?;
        }
        let tracks = replies.last().and_then(Reply::as_text) == Some("OK");
        Ok(Line { connection, source: source.filter(|_| tracks) })
    }

    /// Connects to a sentinel.
    ///
    /// # Errors
    /// When it can't be reached, or lets nobody in.
    pub(crate) async fn sentinel(&self, address: &Address) -> Result<Connection, Trouble> {
        let socket = socket::connect(address, self.tls.as_ref()).await?;
        let login = Login {
            username: self.config.sentinel_username.as_deref(),
            password: self.config.sentinel_password.as_deref(),
            database: 0,
        };
        Connection::open(socket, login, None).await
    }

    /// All in one round trip. The version comes first, the role second if it matters, tracking last.
    fn greeting(&self, master: bool) -> Vec<Command> {
        let mut greeting = vec![Command::new("INFO").arg("server")];
        if master {
            greeting.push(Command::new("ROLE"));
        }
        greeting.push(Command::new("CLIENT").arg("SETNAME").arg("dancecard"));
        greeting.extend(self.scripts().map(Script::load));
        if self.near.is_some() {
            greeting.push(Command::new("CLIENT").arg("TRACKING").arg("ON").arg("NOLOOP"));
        }
        greeting
    }

    /// Those that are needed all the time. A server is told of the others, and of these again, when it lacks them.
    fn scripts(&self) -> impl Iterator<Item = &'static Script> {
        let wanted: [&'static Script; 4] = match self.config.is_cluster() {
            true => [&scripts::WRITE, &scripts::INDEX, &scripts::TOUCH, &scripts::DELETE],
            false => [&scripts::WRITE, &scripts::REPLACE, &scripts::TOUCH, &scripts::DELETE],
        };
        wanted.into_iter()
    }
}

/// A connection, and what follows the notices that come by it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) connection: Connection,
    pub(crate) source: Option<crate::near::Source>,
}

/// A server that won't tell its version, as users with few rights see it, is taken at its word in what follows.
fn check_version(reply: Option<&Reply>) -> Result<(), Trouble> {
    let lets_in =
        |refusal: &Refusal| !matches!(refusal, Refusal::NoAuth | Refusal::WrongPass | Refusal::Crowded);
    match reply {
        Some(Reply::Refused(refusal)) if lets_in(refusal) => Ok(()),
        Some(Reply::Refused(refusal)) => Err(refusal.trouble()),
        Some(reply) => match reply.as_text().and_then(major) {
            Some(major) if major < OLDEST => Err(Trouble::config(format!(
                "the server is too old: version {major}; Redis 7.0 and Valkey 7.2 are the first that work"
            ))),
            _ => Ok(()),
        },
        None => Ok(()),
    }
}

/// The first number of the version. Valkey, too, says which Redis it is like.
fn major(info: &str) -> Option<u32> {
    let line = info.lines().find_map(|line| line.strip_prefix("redis_version:"))?;
    line.split('.').next()?.parse().ok()
}

fn check_role(reply: Option<&Reply>) -> Result<(), Trouble> {
    let role = reply.and_then(Reply::as_many).and_then(<[Reply]>::first).and_then(Reply::as_text);
    match role {
        None | Some("master") => Ok(()),
        Some(_) => Err(Trouble::unavailable("the server that the sentinels name is no master (yet)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dancecard_core::ErrorKind;

    fn info(version: &str) -> Reply {
        Reply::Bytes(format!("# Server\r\nredis_version:{version}\r\nvalkey_version:8.0.1\r\n").into_bytes())
    }

    #[test]
    fn old_servers_are_told_from_new_ones() {
        for version in ["7.0.15", "7.2.4", "10.0.0", "unreadable"] {
            assert!(check_version(Some(&info(version))).is_ok(), "{version}");
        }
        for version in ["6.2.14", "2.8.0"] {
            let trouble = check_version(Some(&info(version))).unwrap_err();
            assert_eq!(trouble.kind, ErrorKind::Config, "{version}");
        }
        assert!(check_version(Some(&Reply::Refused(Refusal::NoPerm))).is_ok());
        assert!(check_version(Some(&Reply::Refused(Refusal::NoAuth))).is_err());
    }

    #[test]
    fn only_a_master_will_do() {
        let role = |role: &str| Reply::Many(vec![Reply::Bytes(role.into())]);
        assert!(check_role(Some(&role("master"))).is_ok());
        assert!(check_role(Some(&role("slave"))).unwrap_err().kind == ErrorKind::Unavailable);
    }
}
