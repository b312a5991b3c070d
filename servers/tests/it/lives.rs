//! What happens to a server in a test.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use dancecard_servers::{Running, Server, redis};
use libtest_mimic::Failed;

use crate::clients::{Client, is_silent, line, run};
use crate::ensure;

pub(crate) fn life(running: Running, client: Client) -> Result<(), Failed> {
    (client.write)(&running)?;
    ensure((client.read)(&running)?, "it lost what it was given")?;
    pause(&running, client)?;
    kill(&running, client)?;
    let (pid, folder, address) = (pid(&running)?, running.folder().to_owned(), running.address());
    drop(running);
    ensure(!is_process(pid), "it outlived its owner")?;
    ensure(!folder.exists(), "its folder outlived its owner")?;
    ensure(TcpStream::connect(address).is_err(), "its port outlived its owner")
}

fn pause(server: &Server, client: Client) -> Result<(), Failed> {
    server.pause();
    ensure(is_silent(server, b"version\r\n")?, "it answers while it is paused")?;
    server.resume();
    ensure((client.read)(server)?, "it lost its data in a pause")
}

fn kill(server: &Server, client: Client) -> Result<(), Failed> {
    let before = (pid(server)?, server.address());
    server.kill();
    ensure(server.pid().is_none() && !is_process(before.0), "it survived a kill")?;
    ensure(TcpStream::connect(server.address()).is_err(), "somebody listens at the port of the dead")?;
    server.restart()?;
    ensure(server.address() == before.1, "it came back elsewhere")?;
    ensure((client.read)(server)? == client.durable, "its data should have survived, or should not have")?;
    server.restart()?;
    ensure((client.read)(server)? == client.durable, "an orderly restart differs from a kill")
}

fn pid(server: &Server) -> Result<u32, Failed> {
    server.pid().ok_or_else(|| Failed::from("it is down"))
}

pub(crate) fn is_process(pid: u32) -> bool {
    // One that nobody has asked about is over as well.
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

pub(crate) fn limit() -> Result<(), Failed> {
    let server = redis::start_with(redis::Options { maxmemory: Some(1 << 20), ..redis::Options::default() })?;
    let value = "x".repeat(2 << 20);
    let answer = line(&server, &format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n${}\r\n{value}\r\n", value.len()))?;
    let again = line(&server, "SET b 1\r\n")?;
    ensure(answer.starts_with("-OOM") || again.starts_with("-OOM"), format!("{answer} {again}"))
}

/// The test of this name, by a user who can't become another one. Only root can have that tried.
pub(crate) fn of_an_ordinary_user(test: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    // The folder where it was built may be closed to others.
    let program = folder.path().join("tests");
    fs::copy(std::env::current_exe()?, &program)?;
    let words = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut command = Command::new("setpriv");
    command.args(words).arg(&program).args(["--exact", test]).current_dir(folder.path());
    let said = run(command.env("HOME", folder.path()))?;
    ensure(said.contains("1 passed"), said)
}

/// A server that does not come up says why.
pub(crate) fn nonsense() -> Result<(), Failed> {
    let arguments = vec!["--no-such-setting".to_owned(), "1".to_owned()];
    match redis::start_with(redis::Options { arguments, ..redis::Options::default() }) {
        Ok(_) => Err(Failed::from("it came up")),
        Err(absent) => ensure(
            absent.is_broken()
                && absent.reason().contains("no-such-setting")
                && absent.requirement() == "redis",
            absent.to_string(),
        ),
    }
}
