//! Several servers that belong together, and what they do without one of them.

use std::time::{Duration, Instant};

use dancecard_servers::{Absent, Running, Server, mongod_replica_set, redis_cluster, redis_sentinel, s3};
use libtest_mimic::Failed;

use crate::clients::{MONGOD, S3, http, is_silent, line, mongo, wire};
use crate::ensure;
use crate::lives::is_process;

/// A failover takes about two seconds. There is no event for it, so it is asked for again and again.
fn soon<T>(mut ask: impl FnMut() -> Option<T>) -> Result<T, Failed> {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(Failed::from("it did not come to pass"))
}

pub(crate) fn cluster() -> Result<(), Failed> {
    let cluster = redis_cluster::start()?;
    let members = cluster.members();
    ensure(members.len() == 6 && cluster.masters().len() == 3, "three masters of six")?;
    ensure(cluster.url().matches(':').count() == 7, cluster.url())?;
    // Slot 0 belongs to the first.
    let mine = "SET {06S} 1\r\n";
    ensure(line(&members[0], mine)? == "+OK", "slot 0 is not the first master's")?;
    ensure(line(&members[1], mine)?.starts_with("-MOVED 0 "), "slot 0 is another master's")?;
    members[0].kill();
    soon(|| line(&members[3], mine).is_ok_and(|answer| answer == "+OK").then_some(()))?;
    members[0].restart()?;
    cluster.settle()?;
    soon(|| line(&members[0], mine).is_ok_and(|answer| answer.starts_with("-MOVED 0 ")).then_some(()))
}

pub(crate) fn sentinel() -> Result<(), Failed> {
    let watched = redis_sentinel::start()?;
    ensure(watched.sentinels().len() == 3 && watched.servers().len() == 2, "three watch two")?;
    let first = master(&watched)?.port();
    ensure(first == watched.servers()[0].port(), "the first is not the master")?;
    ensure(line(master(&watched)?, "SET key value\r\n")? == "+OK", "the master does not write")?;
    watched.servers()[0].kill();
    soon(|| watched.master().filter(|master| master.port() != first).map(|_| ()))?;
    soon(|| {
        line(&watched.servers()[1], "SET key value\r\n").is_ok_and(|answer| answer == "+OK").then_some(())
    })?;
    watched.servers()[0].restart()?;
    watched.settle()?;
    ensure(watched.url().ends_with("/dancecard"), watched.url())
}

fn master(watched: &redis_sentinel::Watched) -> Result<&Running, Failed> {
    watched.master().ok_or_else(|| Failed::from("there is no master"))
}

pub(crate) fn replica_set_of_one() -> Result<(), Failed> {
    let set = mongod_replica_set::start()?;
    ensure(set.members().len() == 1 && set.primary().is_some(), "one, and it is the primary")?;
    (MONGOD.write)(&set.members()[0])?;
    set.members()[0].kill();
    set.members()[0].restart()?;
    set.settle()?;
    ensure((MONGOD.read)(&set.members()[0])?, "it lost what it was given")
}

pub(crate) fn replica_set() -> Result<(), Failed> {
    let set = mongod_replica_set::start_with(3)?;
    let first = primary(&set)?;
    (MONGOD.write)(first)?;
    first.kill();
    let second = soon(|| set.primary().filter(|primary| primary.port() != first.port()))?;
    ensure((MONGOD.read)(second)?, "the majority lost what it was given")?;
    first.restart()?;
    set.settle()?;
    ensure(is_member(first)?, "it did not come back to the set")
}

fn primary(set: &mongod_replica_set::ReplicaSet) -> Result<&Running, Failed> {
    set.primary().ok_or_else(|| Failed::from("there is no primary"))
}

fn is_member(server: &Server) -> Result<bool, Absent> {
    let answer = mongo(server, wire::Document::new().number("hello", 1)).unwrap_or_default();
    Ok(wire::is_true(&answer, "secondary") || wire::is_true(&answer, "isWritablePrimary"))
}

/// What is acknowledged survives a kill of all four programs, and of any one.
pub(crate) fn s3() -> Result<(), Failed> {
    let service = s3::start()?;
    let gateway = service.members()[0];
    // Nothing is sent after the head: who refuses by the head alone may reset what is still on its way, and the answer with it.
    ensure(http(gateway, "PUT /dancecard/key", "")?.contains("AccessDenied"), "anybody may write")?;
    (S3.write)(gateway)?;
    service.pause();
    ensure(is_silent(gateway, b"GET / HTTP/1.1\r\n\r\n")?, "it answers while it is paused")?;
    service.resume();
    ensure((S3.read)(gateway)?, "it lost what it was given")?;
    for _ in 0..2 {
        service.kill();
        ensure(service.members().iter().all(|member| member.pid().is_none()), "it survived a kill")?;
        service.restart()?;
        ensure((S3.read)(gateway)?, "it lost what it was given")?;
        (S3.write)(gateway)?;
    }
    let pids: Vec<_> = service.members().iter().filter_map(|member| member.pid()).collect();
    let folders: Vec<_> = service.members().iter().map(|member| member.folder().to_owned()).collect();
    drop(service);
    ensure(pids.len() == 4 && !pids.into_iter().any(is_process), "it outlived its owner")?;
    ensure(!folders.iter().any(|folder| folder.exists()), "a folder outlived its owner")
}
