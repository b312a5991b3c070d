//! One server that runs, or is down for a while.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::Signal;

use crate::account::Account;
use crate::folder::{Folder, Ground};
use crate::launch::{Site, Software, Trouble, bring_up};
use crate::port::Port;
use crate::{Absent, certificates, processes, program};

/// How often another port is tried.
const PORTS: usize = 8;
/// How long an orderly end may take, and how long the kernel may take to end what was killed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server: where it is, and what can happen to it.
///
/// All methods block, for seconds at most: within asynchronous code use `spawn_blocking` if other tasks must go on.
pub struct Server {
    software: Arc<dyn Software>,
    site: Site,
    _port: Port,
    process: Mutex<Option<Child>>,
}

impl Server {
    /// Where clients find it, with user and password if it has any.
    pub fn url(&self) -> String {
        self.software.url(&self.site)
    }

    /// What it is, such as `redis` or `sentinel`.
    pub fn kind(&self) -> &'static str {
        self.software.kind().name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port()))
    }

    /// The port on which it listens, before and after a restart.
    pub fn port(&self) -> u16 {
        self.site.port
    }

    /// Its own folder, with its data, its log and its certificates.
    pub fn folder(&self) -> &Path {
        &self.site.folder
    }

    /// The certificate of the authority that vouches for its own, if it speaks TLS.
    pub fn authority(&self) -> PathBuf {
        self.site.path(certificates::AUTHORITY)
    }

    /// The number of its process, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.lock().as_ref().map(Child::id)
    }

    /// Ends it at once, as `kill -9` and a power cut do, and returns when it is gone. Its connections are reset.
    pub fn kill(&self) {
        self.end(Signal::KILL);
    }

    /// Asks it to end in order, and returns when it is gone.
    pub fn stop(&self) {
        self.end(self.software.farewell());
    }

    /// Starts it again, on the same port and the same data. One that still runs ends in order before.
    ///
    /// # Errors
    /// When it does not come up, or another program took the port.
    pub fn restart(&self) -> Result<(), Absent> {
        self.stop();
        let child = bring_up(self.software.as_ref(), &self.site).map_err(|trouble| self.absent(trouble))?;
        *self.process.lock() = Some(child);
        Ok(())
    }

    /// Lets it hang: connections stay open and are even accepted, and nothing is answered.
    pub fn pause(&self) {
        let Some(pid) = self.pid() else { return };
        // First the one that could start others.
        processes::signal(pid, Signal::STOP);
        processes::halted(&[pid], PATIENCE);
        let family = processes::family(pid);
        family.iter().for_each(|pid| processes::signal(*pid, Signal::STOP));
        processes::halted(&family, PATIENCE);
    }

    /// Lets it go on after a [`pause`](Self::pause).
    pub fn resume(&self) {
        let Some(pid) = self.pid() else { return };
        processes::family(pid).iter().for_each(|pid| processes::signal(*pid, Signal::CONT));
    }

    fn end(&self, signal: Signal) {
        let mut process = self.process.lock();
        let Some(mut child) = process.take() else { return };
        let family = processes::family(child.id());
        processes::signal(child.id(), signal);
        // Those that are paused would not hear of it.
        family.iter().for_each(|pid| processes::signal(*pid, Signal::CONT));
        if signal == Signal::KILL || !processes::gone(&family[..1], PATIENCE) {
            family.iter().for_each(|pid| processes::signal(*pid, Signal::KILL));
        }
        let _ = child.wait();
        processes::gone(&family[1..], PATIENCE);
    }

    fn absent(&self, trouble: Trouble) -> Absent {
        match trouble {
            Trouble::Absent(absent) => absent,
            Trouble::PortTaken => self.site.broken(self.software.kind(), "another program took its port"),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("kind", &self.kind())
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

/// A server and its folder. Dropped, both are gone. So they are when the process ends, in whatever way.
#[derive(Debug)]
pub struct Running {
    server: Server,
    // Removed after the server has ended: fields are dropped in order, after `drop`.
    _folder: Folder,
}

impl Running {
    /// Starts a server in a folder of its own, on a free port.
    pub(crate) fn start(ground: &Ground, software: Arc<dyn Software>) -> Result<Self, Absent> {
        let kind = software.kind();
        let broken = |error: io::Error| Absent::broken(kind.requirement, error.to_string());
        let account = account(software.as_ref())?;
        let folder = ground.folder(kind.name, account).map_err(broken)?;
        let attached = ground.is_temporary();
        let mut site = Site { folder: folder.path().to_owned(), port: 0, account, attached };
        software.prepare(&site)?;
        for _ in 0..PORTS {
            let port = Port::free().map_err(broken)?;
            site.port = port.number();
            match bring_up(software.as_ref(), &site) {
                Ok(child) => return Self::furnished(software, site, port, child, folder),
                Err(Trouble::Absent(absent)) => return Err(absent),
                Err(Trouble::PortTaken) => {}
            }
        }
        Err(site.broken(kind, "every port that was free was taken by another program meanwhile"))
    }

    fn furnished(
        software: Arc<dyn Software>,
        site: Site,
        port: Port,
        child: Child,
        folder: Folder,
    ) -> Result<Self, Absent> {
        let server = Server { software, site, _port: port, process: Mutex::new(Some(child)) };
        let running = Self { server, _folder: folder };
        let furnished = running.software.furnish(&running.site);
        furnished.map_err(|error| running.broken(&error.to_string()))?;
        Ok(running)
    }

    /// An error about this server, with the end of its log.
    pub(crate) fn broken(&self, what: &str) -> Absent {
        self.site.broken(self.software.kind(), what)
    }

    /// Lets the server go on without us.
    pub(crate) fn leave(&self) {
        // Not waited for: it is not to end.
        drop(self.server.process.lock().take());
    }
}

/// Nobody, unless that is a user for whom the program is out of reach.
fn account(software: &dyn Software) -> Result<Account, Absent> {
    let words = software.command(&Site::nowhere())?;
    let reachable = words.first().is_some_and(|program| program::is_open(Path::new(program)));
    Ok(if reachable { Account::unprivileged() } else { Account::Own })
}

impl Deref for Running {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.end(self.server.software.dismissal());
    }
}
