//! Redis, as one server.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;

use crate::launch::{Kind, Site, Software};
use crate::{Absent, Running, program, resp};

const SOCKET: &str = "redis.sock";

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What clients have to know.
    pub password: Option<String>,
    /// Whether all that was acknowledged survives a kill.
    pub durable: bool,
    /// Bytes of data from which on it refuses writes. Without one there is no limit.
    pub maxmemory: Option<u64>,
    /// More words for the command line, such as `--maxmemory-policy` and `allkeys-lru`. They come last and win.
    pub arguments: Vec<String>,
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
    Running::start(Arc::new(Redis { options }))
}

/// Redis with its options.
#[derive(Debug)]
pub(crate) struct Redis {
    pub(crate) options: Options,
}

impl Software for Redis {
    fn kind(&self) -> Kind {
        Kind { name: "redis", requirement: "redis" }
    }

    fn command(&self, site: &Site) -> Result<Vec<OsString>, Absent> {
        let missing = || Absent::missing("redis", "the Debian package redis-server is not installed");
        let mut words = vec![program::find("redis-server").ok_or_else(missing)?.into_os_string()];
        words.extend(arguments(&self.options, site).into_iter().map(OsString::from));
        Ok(words)
    }

    fn ask(&self, site: &Site) -> io::Result<()> {
        resp::call(site.port, self.options.password.as_deref(), &["PING"]).map(|_| ())
    }

    fn url(&self, site: &Site) -> String {
        let user = self.options.password.as_ref().map(|password| format!(":{password}@"));
        format!("redis://{}127.0.0.1:{}", user.unwrap_or_default(), site.port)
    }
}

fn arguments(options: &Options, site: &Site) -> Vec<String> {
    let port = site.port.to_string();
    let socket = site.path(SOCKET).to_string_lossy().into_owned();
    let appendonly = if options.durable { "yes" } else { "no" };
    let mut words: Vec<String> = Vec::new();
    let mut add = |name: &str, value: &str| words.extend([name.to_owned(), value.to_owned()]);
    add("--bind", "127.0.0.1");
    add("--port", &port);
    add("--unixsocket", &socket);
    add("--unixsocketperm", "777");
    add("--save", "");
    // Written before the answer is sent, which a kill can't undo.
    add("--appendonly", appendonly);
    if let Some(password) = &options.password {
        add("--requirepass", password);
    }
    if let Some(bytes) = options.maxmemory {
        add("--maxmemory", &bytes.to_string());
    }
    words.extend(options.arguments.iter().cloned());
    words
}
