//! Services that outlive their starter, until they are told to end.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::thread;

use dancecard_servers::services::{Health, Process, Services, names};
use libtest_mimic::Failed;

use crate::ensure;

/// A folder that other users can pass through, and services that end with the test.
struct Ground {
    services: Services,
    folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        Ok(Self { services: Services::at(folder.path()), folder })
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for name in names() {
            let _ = self.services.down(name);
        }
    }
}

fn all(processes: &[Process], health: Health) -> bool {
    processes.iter().all(|process| process.health() == health)
}

pub(crate) fn up_and_down() -> Result<(), Failed> {
    let ground = Ground::new()?;
    let services = &ground.services;
    ensure(services.processes()?.is_empty(), "there is something before anything was started")?;
    ensure(services.up("nonsense").is_err(), "anything can be started")?;
    let first = services.up("redis")?;
    ensure(first.len() == 1 && all(&first, Health::Answers), "it does not answer")?;
    let second = services.up("redis")?;
    ensure(all(&first, Health::Gone), "it was not replaced")?;
    // Another that knows only the folder.
    let other = Services::at(ground.folder.path());
    ensure(other.processes()? == second && all(&second, Health::Answers), "it is not listed")?;
    ensure(other.down("redis")? == 1 && other.down("redis")? == 0, "one was to end, once")?;
    ensure(all(&second, Health::Gone) && other.processes()?.is_empty(), "it did not end")?;
    ensure(!ground.folder.path().join("redis").exists(), "its folder stayed")
}

pub(crate) fn groups() -> Result<(), Failed> {
    let ground = Ground::new()?;
    let cluster = ground.services.up("redis-cluster")?;
    let watched = ground.services.up("redis-sentinel")?;
    ensure(cluster.len() == 6 && watched.len() == 5, "six and five")?;
    ensure(all(&cluster, Health::Answers) && all(&watched, Health::Answers), "they do not answer")?;
    ensure(watched.iter().all(|process| process.url.ends_with("/dancecard")), "another URL")?;
    ensure(ground.services.down("redis-cluster")? == 6, "six were to end")?;
    ensure(all(&watched, Health::Answers) && ground.services.processes()? == watched, "others ended as well")
}

/// Those that no other test here brings up, side by side.
pub(crate) fn each() -> Result<(), Failed> {
    let seen = |name: &&str| name.starts_with("redis");
    let outcomes: Vec<_> = thread::scope(|scope| {
        let others = names().filter(|name| !seen(name));
        let threads: Vec<_> = others.map(|name| scope.spawn(move || comes_and_goes(name))).collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    for outcome in outcomes {
        outcome.map_err(|_| Failed::from("one panicked"))?.map_err(Failed::from)?;
    }
    Ok(())
}

fn comes_and_goes(name: &str) -> Result<(), String> {
    let ground = Ground::new().map_err(|_| "there is no folder")?;
    let processes = match ground.services.up(name) {
        Err(absent) if !absent.is_broken() => {
            println!("not tried: {absent}");
            return Ok(());
        }
        started => started.map_err(|absent| absent.to_string())?,
    };
    let least = if name == "memcached" { 2 } else { 1 };
    let is_well = processes.len() >= least && all(&processes, Health::Answers);
    let ended = ground.services.down(name).map_err(|error| error.to_string())?;
    let is_over = ended == processes.len() && all(&processes, Health::Gone);
    if is_well && is_over {
        Ok(())
    } else {
        Err(format!("{name}: well {is_well}, over {is_over}, {processes:?}"))
    }
}
