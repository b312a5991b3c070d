//! Servers that stay when their starter has ended, for work by hand.
//!
//! They are described and started as those for tests are. A file in their folder says which processes they are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::folder::Ground;
use crate::launch::{Site, Software};
use crate::redis::{Make, Redis};
use crate::{Absent, Running, processes};
use crate::{
    mariadb, memcached, mongod, mongod_replica_set, mysql, postgres, redis, redis_cluster, redis_sentinel, s3,
};

/// How long a server may take to end in order.
const PATIENCE: Duration = Duration::from_secs(30);
const STATE: &str = "state";

/// A name, the word for it in `DANCECARD_TEST_REQUIRE`, and how it is started.
type Service = (&'static str, &'static str, Starter);
type Starter = fn(&Ground) -> Result<(Vec<Running>, Option<String>), Absent>;

/// What can be started.
const SERVICES: &[Service] = &[
    ("redis", "redis", |ground| one(redis::start_on(ground, Make::Redis, redis::Options::default()))),
    ("valkey", "valkey", |ground| one(redis::start_on(ground, Make::Valkey, redis::Options::default()))),
    ("redis-cluster", "redis", |ground| {
        let cluster = redis_cluster::start_on(ground, redis::Options::default())?;
        let url = cluster.url();
        Ok((cluster.into_members(), Some(url)))
    }),
    ("redis-sentinel", "redis", |ground| {
        let watched = redis_sentinel::start_on(ground, redis::Options::default())?;
        let url = watched.url();
        Ok((watched.into_members(), Some(url)))
    }),
    ("memcached", "memcached", |ground| {
        let two = (0..2).map(|_| memcached::start_on(ground, memcached::Options::default()));
        Ok((two.collect::<Result<_, _>>()?, None))
    }),
    ("postgres", "postgres", |ground| one(postgres::start_on(ground, postgres::Options::default()))),
    ("mariadb", "mariadb", |ground| one(mariadb::start_on(ground, mariadb::Options::default()))),
    ("mysql", "mysql", |ground| one(mysql::start_on(ground, mysql::Options::default()))),
    ("mongod", "mongodb", |ground| one(mongod::start_on(ground, mongod::Options::default()))),
    ("mongod-replica-set", "mongodb", |ground| {
        let set = mongod_replica_set::start_on(ground, 3)?;
        let url = set.url();
        Ok((set.into_members(), Some(url)))
    }),
    ("s3", "s3", |ground| {
        let service = s3::start_on(ground)?;
        let url = service.engine_url();
        Ok((service.into_members(), Some(url)))
    }),
];

fn one(started: Result<Running, Absent>) -> Result<(Vec<Running>, Option<String>), Absent> {
    started.map(|running| (vec![running], None))
}

/// One process of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The service it belongs to.
    pub service: String,
    /// What it is, such as `sentinel`.
    pub kind: String,
    /// Its number.
    pub pid: u32,
    /// When it started, in the kernel's own count: another process that has its number later has another.
    pub started: u64,
    /// Where it listens, on the loopback interface.
    pub port: u16,
    /// Where clients find it, or the whole of which it is a part.
    pub url: String,
}

/// How a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It runs and answers.
    Answers,
    /// It runs and does not answer.
    Silent,
    /// It is gone.
    Gone,
}

/// The names of all services.
pub fn names() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().map(|(name, ..)| *name)
}

/// The word that names the server of a service in `DANCECARD_TEST_REQUIRE`.
pub fn requirement(name: &str) -> Option<&'static str> {
    SERVICES.iter().find(|(service, ..)| *service == name).map(|(_, requirement, _)| *requirement)
}

/// Services in one folder.
#[derive(Debug)]
pub struct Services {
    folder: PathBuf,
}

impl Services {
    /// Those in this folder, which need not exist yet.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The processes that were started, whether they still run or not.
    ///
    /// # Errors
    /// When the file that lists them can't be read.
    pub fn processes(&self) -> io::Result<Vec<Process>> {
        match fs::read_to_string(self.folder.join(STATE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            text => Ok(text?.lines().filter_map(Process::parse).collect()),
        }
    }

    /// Starts a service and lets it go on. What is left of one of that name is ended before.
    ///
    /// # Errors
    /// When a program is missing or a server does not come up; then none of it stays.
    pub fn up(&self, name: &str) -> Result<Vec<Process>, Absent> {
        let found = SERVICES.iter().find(|(service, ..)| *service == name);
        let (service, requirement, start) =
            found.ok_or_else(|| Absent::broken("services", format!("there is no `{name}`")))?;
        let broken = |error: io::Error| Absent::broken(requirement, error.to_string());
        self.down(service).map_err(broken)?;
        let folder = self.folder.join(service);
        fs::create_dir_all(&folder).map_err(broken)?;
        let (members, url) = start(&Ground::Kept(folder))?;
        let started: Vec<_> =
            members.iter().filter_map(|member| Process::of(service, member, url.as_deref())).collect();
        let mut all = self.processes().map_err(broken)?;
        all.extend(started.iter().cloned());
        self.record(&all).map_err(broken)?;
        members.iter().for_each(Running::leave);
        Ok(started)
    }

    /// Ends exactly the processes of a service, and removes its folder. Returns how many still ran.
    ///
    /// # Errors
    /// When the folder or the file that lists the processes can't be changed.
    pub fn down(&self, name: &str) -> io::Result<usize> {
        let (its, others): (Vec<_>, Vec<_>) =
            self.processes()?.into_iter().partition(|process| process.service == name);
        let running: Vec<_> = its.iter().filter(|process| process.is_running()).collect();
        running.iter().for_each(|process| process.end());
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        if !its.is_empty() {
            self.record(&others)?;
        }
        Ok(running.len())
    }

    fn record(&self, processes: &[Process]) -> io::Result<()> {
        let text: String = processes.iter().map(Process::line).collect();
        let new = self.folder.join("state.new");
        fs::write(&new, text)?;
        fs::rename(new, self.folder.join(STATE))
    }
}

impl Process {
    fn of(service: &str, member: &Running, url: Option<&str>) -> Option<Self> {
        let pid = member.pid()?;
        Some(Self {
            service: service.to_owned(),
            kind: member.kind().to_owned(),
            pid,
            started: processes::started(pid)?,
            port: member.port(),
            url: url.map_or_else(|| member.url(), str::to_owned),
        })
    }

    /// Whether it runs and answers.
    pub fn health(&self) -> Health {
        if !self.is_running() {
            return Health::Gone;
        }
        let site = Site { port: self.port, ..Site::nowhere() };
        match self.software().map(|software| software.ask(&site)) {
            Some(Ok(())) => Health::Answers,
            _ => Health::Silent,
        }
    }

    fn is_running(&self) -> bool {
        processes::is_alive(self.pid) && processes::started(self.pid) == Some(self.started)
    }

    fn end(&self) {
        let signal = self.software().map_or(Signal::KILL, |software| software.dismissal());
        let family = processes::family(self.pid);
        processes::signal(self.pid, signal);
        if !processes::gone(&[self.pid], PATIENCE) {
            family.iter().for_each(|pid| processes::signal(*pid, Signal::KILL));
        }
        processes::gone(&family, PATIENCE);
    }

    fn software(&self) -> Option<Box<dyn Software>> {
        let of = |make| Box::new(Redis { make, options: redis::Options::default(), bus: None });
        Some(match self.kind.as_str() {
            "redis" | "sentinel" => of(Make::Redis),
            "valkey" => of(Make::Valkey),
            "memcached" => Box::new(memcached::Memcached { options: memcached::Options::default() }),
            "postgres" => Box::new(postgres::Postgres { options: postgres::Options::default() }),
            "mariadb" => Box::new(mariadb::MariaDb { options: mariadb::Options::default() }),
            "mysql" => Box::new(mysql::MySql { options: mysql::Options::default() }),
            "mongod" => Box::new(mongod::Mongod { options: mongod::Options::default() }),
            kind => Box::new(s3::Part { role: s3::Role::of(kind)?, inner: None, needed: None }),
        })
    }

    fn line(&self) -> String {
        let Self { service, kind, pid, started, port, url } = self;
        format!("{service} {kind} {pid} {started} {port} {url}\n")
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let mut next = || words.next();
        Some(Self {
            service: next()?.to_owned(),
            kind: next()?.to_owned(),
            pid: next()?.parse().ok()?,
            started: next()?.parse().ok()?,
            port: next()?.parse().ok()?,
            url: next()?.to_owned(),
        })
    }
}

/// The folder of the services of the repository at `root`.
pub fn folder(root: &Path) -> PathBuf {
    root.join("target/services")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process() -> Process {
        let pid = std::process::id();
        let started = processes::started(pid).unwrap();
        let (kind, url) = ("sentinel".to_owned(), "redis-sentinel://127.0.0.1:1/x".to_owned());
        Process { service: "redis-sentinel".to_owned(), kind, pid, started, port: 1, url }
    }

    #[test]
    fn a_process_is_a_line() {
        assert_eq!(Process::parse(process().line().trim_end()), Some(process()));
        assert_eq!(Process::parse("redis redis 12"), None);
    }

    #[test]
    fn another_process_of_the_same_number_is_another() {
        assert_eq!(process().health(), Health::Silent);
        let earlier = Process { started: process().started - 1, ..process() };
        assert_eq!(earlier.health(), Health::Gone);
    }

    #[test]
    fn each_service_has_one_name() {
        let mut all: Vec<_> = names().collect();
        all.dedup();
        assert_eq!(all.len(), SERVICES.len());
    }
}
