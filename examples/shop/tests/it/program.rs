//! The program as people start it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// A running shop, which ends with this.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it with its files in a folder, and returns what it says first.
fn start(data: &Path) -> Result<(Program, String)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
    command.env("PORT", "0").env("DATA_DIR", data).stdout(Stdio::piped());
    let mut program = Program(command.spawn()?);
    let output = program.0.stdout.take().context("its output is read")?;
    let first = BufReader::new(output).lines().next().context("it says something")??;
    Ok((program, first))
}

#[test]
fn it_prints_its_address_and_keeps_its_data_where_it_is_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("deep").join("data");
    let (_program, first) = start(&data)?;
    let address = first.strip_prefix("The shop is open: http://").context(first.clone())?;
    let address: std::net::SocketAddr = address.parse()?;
    ensure!(address.ip().is_loopback() && address.port() != 0, "{address}");
    std::net::TcpStream::connect(address)?;
    ensure!(data.join("sessions.db").is_file() && data.join("users.db").is_file(), "its files are there");
    Ok(())
}

#[cfg(unix)]
#[test]
fn it_ends_well_when_it_is_asked_to() -> Result<()> {
    for signal in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir()?;
        let (mut program, _) = start(folder.path())?;
        let kill = Command::new("kill").arg(signal).arg(program.0.id().to_string()).status()?;
        ensure!(kill.success(), "the signal is sent");
        let ended = program.0.wait()?;
        ensure!(ended.success(), "{signal}: {ended}");
    }
    Ok(())
}

#[test]
fn a_port_that_is_none_is_refused() -> Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_shop")).env("PORT", "many").output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(!output.status.success() && said.contains("PORT is `many`"), "{said}");
    Ok(())
}
