//! What happens to a server in a test.

use std::net::TcpStream;
use std::path::Path;

use dancecard_servers::{Running, Server};
use libtest_mimic::Failed;

use crate::clients::{Client, is_silent};
use crate::ensure;

pub fn life(running: Running, client: Client) -> Result<(), Failed> {
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

pub fn is_process(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}
