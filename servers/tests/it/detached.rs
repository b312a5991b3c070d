//! Services that outlive their starter, until they are told to end.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use dancecard_servers::services::{Health, Process, Services};
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
        for name in dancecard_servers::services::names() {
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
