//! Redis, as one server.

use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use crate::folder::Ground;
use crate::launch::{Kind, Site, Software};
use crate::port::Port;
use crate::{Absent, Running, certificates, ping, program, resp};

const SOCKET: &str = "redis.sock";

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What clients have to know.
    pub password: Option<String>,
    /// Whether it speaks TLS, and nothing else on its port. [`authority`](crate::Server::authority) vouches for it.
    pub tls: bool,
    /// Whether all that was acknowledged survives a kill.
    pub durable: bool,
    /// Bytes of data from which on it refuses writes. Without one there is no limit.
    pub maxmemory: Option<u64>,
    /// More words for the command line, such as `--maxmemory-policy` and `allkeys-lru`. They come last and win.
    pub arguments: Vec<String>,
}

/// Whether the program is there.
///
/// # Errors
/// When it is missing.
pub fn check() -> Result<(), Absent> {
    Make::Redis.program().map(|_| ())
}

/// A server that keeps nothing over a restart.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start() -> Result<Running, Absent> {
    start_with(Options::default())
}

/// A server with these options. It also listens on the unix socket `redis.sock` in its folder.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start_with(options: Options) -> Result<Running, Absent> {
    start_on(&Ground::Temporary, Make::Redis, options)
}

pub(crate) fn start_on(ground: &Ground, make: Make, options: Options) -> Result<Running, Absent> {
    Running::start(ground, Arc::new(Redis { make, options, bus: None }))
}

/// Runs one command on a server that needs no password, and returns its answer as text.
///
/// # Errors
/// When it can't be reached or refuses.
pub(crate) fn call(port: u16, words: &[&str]) -> io::Result<String> {
    resp::call(ping::connect(port)?, None, words)
}

/// Who made it. They understand the same options and the same commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    Redis,
    Valkey,
}

impl Make {
    fn kind(self) -> Kind {
        match self {
            Self::Redis => Kind { name: "redis", requirement: "redis" },
            Self::Valkey => Kind { name: "valkey", requirement: "valkey" },
        }
    }

    pub(crate) fn program(self) -> Result<PathBuf, Absent> {
        let (found, reason) = match self {
            Self::Redis => {
                (program::find("redis-server"), "the Debian package redis-server is not installed")
            }
            Self::Valkey => {
                let unpacked = program::unpacked("valkey/usr/bin/valkey-server");
                let reason = "valkey-server is not installed (`cargo xtask test environment` does it)";
                (unpacked.or_else(|| program::find("valkey-server")), reason)
            }
        };
        found.ok_or_else(|| Absent::missing(self.kind().requirement, reason))
    }
}

/// One of them with its options.
#[derive(Debug)]
pub(crate) struct Redis {
    pub(crate) make: Make,
    pub(crate) options: Options,
    /// Where the nodes of a cluster talk to each other.
    pub(crate) bus: Option<Port>,
}

impl Software for Redis {
    fn kind(&self) -> Kind {
        self.make.kind()
    }

    fn command(&self, site: &Site) -> Result<Vec<OsString>, Absent> {
        let program = self.make.program()?.into_os_string();
        let words = self.places(site).into_iter().chain(self.settings());
        let words = words.flat_map(|(name, value)| [name.to_owned(), value]);
        let words = words.chain(self.options.arguments.iter().cloned());
        Ok(std::iter::once(program).chain(words.map(OsString::from)).collect())
    }

    fn prepare(&self, site: &Site) -> Result<(), Absent> {
        let written = if self.options.tls { certificates::write(site) } else { Ok(()) };
        written.map_err(|error| site.broken(self.kind(), &error.to_string()))
    }

    fn ask(&self, site: &Site) -> io::Result<()> {
        let password = self.options.password.as_deref();
        let answered = if self.options.tls {
            resp::call(UnixStream::connect(site.path(SOCKET))?, password, &["PING"])
        } else {
            resp::call(ping::connect(site.port)?, password, &["PING"])
        };
        answered.map(|_| ())
    }

    fn url(&self, site: &Site) -> String {
        let user = self.options.password.as_ref().map(|password| format!(":{password}@"));
        let secure = if self.options.tls { "s" } else { "" };
        format!("redis{secure}://{}127.0.0.1:{}", user.unwrap_or_default(), site.port)
    }
}

impl Redis {
    fn places(&self, site: &Site) -> Vec<(&'static str, String)> {
        let (plain, secure) = if self.options.tls { (0, site.port) } else { (site.port, 0) };
        // A name within its folder, since a path to a socket must be short.
        let mut words = vec![
            ("--bind", "127.0.0.1".to_owned()),
            ("--port", plain.to_string()),
            ("--unixsocket", SOCKET.to_owned()),
            ("--unixsocketperm", "777".to_owned()),
        ];
        if self.options.tls {
            words.push(("--tls-port", secure.to_string()));
            words.extend([
                ("--tls-cert-file", certificates::SERVER.to_owned()),
                ("--tls-key-file", certificates::KEY.to_owned()),
                ("--tls-ca-cert-file", certificates::AUTHORITY.to_owned()),
                ("--tls-auth-clients", "no".to_owned()),
            ]);
        }
        if let Some(bus) = &self.bus {
            words.extend([
                ("--cluster-enabled", "yes".to_owned()),
                ("--cluster-port", bus.number().to_string()),
                ("--cluster-node-timeout", "1000".to_owned()),
            ]);
        }
        words
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let options = &self.options;
        // The log of writes is written before the answer is sent, which a kill can't undo. With a sync each second that is
        // put off, up to two seconds, while the one before is still under way, as on a busy disk.
        let appendonly = if options.durable { "yes" } else { "no" };
        let mut words = vec![("--save", String::new()), ("--appendonly", appendonly.to_owned())];
        words.push(("--appendfsync", "no".to_owned()));
        // Replicas come at once: nobody else is waited for.
        words.push(("--repl-diskless-sync-delay", "0".to_owned()));
        if let Some(password) = &options.password {
            words.extend([("--requirepass", password.clone()), ("--masterauth", password.clone())]);
        }
        words.extend(options.maxmemory.map(|bytes| ("--maxmemory", bytes.to_string())));
        words
    }
}
