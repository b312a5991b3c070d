//! A Redis master and its replica, watched by three sentinels.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;

use crate::folder::Ground;
use crate::launch::{Kind, Site, Software};
use crate::patience::{has, until};
use crate::redis::{self, Make, Options, call};
use crate::{Absent, Running, resp};

/// What the sentinels call the master.
pub const NAME: &str = "dancecard";
const FILE: &str = "sentinel.conf";
const SENTINELS: usize = 3;

/// Two servers and three sentinels. Dropped, all are gone.
#[derive(Debug)]
pub struct Watched {
    servers: Vec<Running>,
    sentinels: Vec<Running>,
}

/// Whether the program is there.
///
/// # Errors
/// When it is missing.
pub fn check() -> Result<(), Absent> {
    redis::check()
}

/// Servers that keep nothing over a restart. A master that is gone for a second is replaced.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start() -> Result<Watched, Absent> {
    start_with(Options::default())
}

/// Servers with these options. The sentinels themselves have neither password nor TLS, and know of no TLS.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start_with(options: Options) -> Result<Watched, Absent> {
    start_on(&Ground::Temporary, options)
}

pub(crate) fn start_on(ground: &Ground, options: Options) -> Result<Watched, Absent> {
    let master = redis::start_on(ground, Make::Redis, options.clone())?;
    let mut following = options.clone();
    following.arguments.extend(["--replicaof", "127.0.0.1", &master.port().to_string()].map(str::to_owned));
    let replica = redis::start_on(ground, Make::Redis, following)?;
    let password = options.password.as_deref();
    let info = || resp::call(crate::ping::connect(replica.port())?, password, &["INFO", "replication"]);
    // Sentinels look for replicas once, and then again only after ten seconds.
    until(|| has(&info()?, "master_link_status:up")).map_err(|error| replica.broken(&error.to_string()))?;
    let sentinel = Arc::new(Sentinel { master: master.port(), password: options.password });
    let sentinels =
        (0..SENTINELS).map(|_| Running::start(ground, sentinel.clone())).collect::<Result<_, _>>()?;
    let watched = Watched { servers: vec![master, replica], sentinels };
    watched.settle()?;
    Ok(watched)
}

impl Watched {
    /// Both servers. At first, the master comes first.
    pub fn servers(&self) -> &[Running] {
        &self.servers
    }

    /// The three sentinels.
    pub fn sentinels(&self) -> &[Running] {
        &self.sentinels
    }

    /// The server that the sentinels hold for the master, unless all of them are down.
    pub fn master(&self) -> Option<&Running> {
        let question = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
        let answer = self.sentinels.iter().find_map(|sentinel| call(sentinel.port(), &question).ok())?;
        let port: u16 = answer.lines().last()?.parse().ok()?;
        self.servers.iter().find(|server| server.port() == port)
    }

    /// The URL with all sentinels: `redis-sentinel://127.0.0.1:…,127.0.0.1:…/dancecard`.
    pub fn url(&self) -> String {
        let sentinels = self.sentinels.iter().map(|sentinel| sentinel.address().to_string());
        format!("redis-sentinel://{}/{NAME}", sentinels.collect::<Vec<_>>().join(","))
    }

    /// Waits until all sentinels see a master that is up, its replica and each other.
    ///
    /// # Errors
    /// When that does not come to pass within one and a half minutes.
    pub fn settle(&self) -> Result<(), Absent> {
        self.sentinels.iter().try_for_each(|sentinel| {
            let settled = until(|| {
                has(&call(sentinel.port(), &["INFO", "sentinel"])?, "status=ok")?;
                has(&call(sentinel.port(), &["INFO", "sentinel"])?, "slaves=1,sentinels=3")
            });
            settled.map_err(|error| sentinel.broken(&error.to_string()))
        })
    }

    pub(crate) fn into_members(self) -> Vec<Running> {
        self.servers.into_iter().chain(self.sentinels).collect()
    }
}

/// One sentinel.
#[derive(Debug)]
pub(crate) struct Sentinel {
    /// The port of the first master.
    pub(crate) master: u16,
    pub(crate) password: Option<String>,
}

impl Software for Sentinel {
    fn kind(&self) -> Kind {
        Kind { name: "sentinel", requirement: "redis" }
    }

    fn command(&self, site: &Site) -> Result<Vec<OsString>, Absent> {
        let program = Make::Redis.program()?.into_os_string();
        let port = site.port.to_string();
        let words = [FILE, "--sentinel", "--bind", "127.0.0.1", "--port", &port];
        Ok(std::iter::once(program).chain(words.map(OsString::from)).collect())
    }

    fn prepare(&self, site: &Site) -> Result<(), Absent> {
        let written = site.write(FILE, &self.settings());
        written.map(|_| ()).map_err(|error| site.broken(self.kind(), &error.to_string()))
    }

    fn ask(&self, site: &Site) -> io::Result<()> {
        call(site.port, &["PING"]).map(|_| ())
    }

    fn url(&self, site: &Site) -> String {
        format!("redis-sentinel://127.0.0.1:{}/{NAME}", site.port)
    }
}

impl Sentinel {
    /// In a file that it writes anew whenever it has learnt something.
    fn settings(&self) -> String {
        let password = self.password.iter().map(|word| format!("sentinel auth-pass {NAME} \"{word}\"\n"));
        format!(
            "sentinel monitor {NAME} 127.0.0.1 {} 2\n\
             sentinel down-after-milliseconds {NAME} 1000\n\
             sentinel failover-timeout {NAME} 5000\n{}",
            self.master,
            password.collect::<String>()
        )
    }
}
