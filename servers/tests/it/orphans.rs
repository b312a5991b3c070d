//! A process that is killed leaves neither a server nor a folder.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use dancecard_servers::{Absent, Running, mariadb, memcached, mongod, postgres, redis, s3};
use libtest_mimic::Failed;

use crate::ensure;
use crate::lives::is_process;

/// Set, this program is the one that is killed, and this is what it starts.
pub(crate) const SERVER: &str = "DANCECARD_SERVERS_ORPHAN";
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn none_stays(server: &str) -> Result<(), Failed> {
    let mut owner = Command::new(std::env::current_exe()?);
    let mut owner = owner.env(SERVER, server).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut lines = owner.stdout.take().map(BufReader::new).into_iter().flat_map(|out| out.lines());
    let mut next = || lines.next().unwrap_or(Err(io::ErrorKind::UnexpectedEof.into()));
    let (pid, folder) = (next()?.parse::<u32>()?, next()?);
    let family: Vec<u32> = next()?.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    ensure(is_process(pid) && Path::new(&folder).exists(), "it does not even run")?;
    ensure(server != "postgres" || family.len() > 2, "PostgreSQL has no children")?;
    owner.kill()?;
    owner.wait()?;
    ensure(soon(|| !is_process(pid)), "the server stayed")?;
    ensure(soon(|| !family.iter().any(|pid| is_process(*pid))), "a child of the server stayed")?;
    ensure(soon(|| !Path::new(&folder).exists()), "the folder stayed")
}

/// The kernel ends the server, and a shell removes the folder: nobody here can wait for either.
fn soon(is_so: impl Fn() -> bool) -> bool {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

pub(crate) fn start_and_wait(server: &str) -> ExitCode {
    // On a thread that ends before: the server must not go with it.
    let name = server.to_owned();
    let started = std::thread::spawn(move || start(&name)).join();
    let Ok(Ok(running)) = started else { return ExitCode::FAILURE };
    let Some(first) = running.first() else { return ExitCode::FAILURE };
    // Where its children can't even notice.
    running.iter().for_each(|server| server.pause());
    let pids: Vec<u32> = running.iter().filter_map(|server| server.pid()).collect();
    let family = pids.iter().map(|pid| format!("{pid} {}", children(*pid))).collect::<Vec<_>>().join(" ");
    println!("{}\n{}\n{family}", first.pid().unwrap_or_default(), first.folder().display());
    let _ = io::stdin().read(&mut [0]);
    ExitCode::FAILURE
}

fn children(pid: u32) -> String {
    let path = format!("/proc/{pid}/task/{pid}/children");
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn start(server: &str) -> Result<Vec<Running>, Absent> {
    let one = match server {
        "memcached" => memcached::start(),
        "postgres" => postgres::start(),
        "mariadb" => mariadb::start(),
        "mongod" => mongod::start(),
        "s3" => return s3::start().map(s3::S3::into_members),
        _ => redis::start(),
    };
    one.map(|running| vec![running])
}
