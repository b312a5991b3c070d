//! The program as people start it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use shop::USAGE;

const PROGRAM: &str = env!("CARGO_BIN_EXE_shop");
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config");

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
    started(Command::new(PROGRAM).env("DATA_DIR", data))
}

fn started(command: &mut Command) -> Result<(Program, String)> {
    let mut program = Program(command.env("PORT", "0").stdout(Stdio::piped()).spawn()?);
    let output = program.0.stdout.take().context("its output is read")?;
    let first = BufReader::new(output).lines().next().context("it says something")??;
    Ok((program, first))
}

/// Where it is, by what it says.
fn address(first: &str) -> Result<SocketAddr> {
    let address = first.strip_prefix("The shop is open: http://");
    Ok(address.with_context(|| first.to_owned())?.parse()?)
}

/// Whether it ended badly, and said all of this.
fn refuses(output: Output, texts: &[&str]) -> Result<()> {
    let said = String::from_utf8(output.stderr)?;
    let missing = texts.iter().find(|text| !said.contains(**text));
    ensure!(output.status.code() == Some(1) && missing.is_none(), "{missing:?} in {said}");
    ensure!(output.stdout.is_empty(), "it opened nonetheless");
    Ok(())
}

#[test]
fn it_prints_its_address_and_keeps_its_data_where_it_is_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("deep").join("data");
    let (_program, first) = start(&data)?;
    let address = address(&first)?;
    ensure!(address.ip().is_loopback() && address.port() != 0, "{address}");
    TcpStream::connect(address)?;
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
    refuses(Command::new(PROGRAM).env("PORT", "many").output()?, &["shop: PORT is `many`"])
}

#[test]
fn it_says_how_it_is_called() -> Result<()> {
    let output = Command::new(PROGRAM).arg("--help").output()?;
    ensure!(
        output.status.success() && String::from_utf8(output.stdout)?.trim() == USAGE,
        "help is not refused"
    );
    refuses(Command::new(PROGRAM).arg("--confg").output()?, &["`--confg` is no argument of the shop", USAGE])
}

/// Each fault, the line it is in, and some of what is said about it.
const FAULTS: [(&str, usize, &[&str]); 4] = [
    ("session: attic", 1, &["session.engine: there is no such engine"]),
    ("session:\n  engine: memory\n  idel: 1h", 3, &["session.idel", "did you mean `idle`?"]),
    ("session: memory\nsession_expires: soon", 2, &["session_expires: "]),
    ("session: [", 1, &["config.yml"]),
];

#[test]
fn a_configuration_that_can_t_be_used_is_refused_with_its_place_and_a_remedy() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("config.yml");
    let run = || {
        Command::new(PROGRAM).arg("--config").arg(&file).env("DATA_DIR", folder.path().join("data")).output()
    };
    refuses(
        run()?,
        &[&format!("shop: configure: the configuration is not usable ({}: there is no", file.display())],
    )?;
    for (text, line, said) in FAULTS {
        fs::write(&file, text)?;
        let place = format!("{}:{line}", file.display());
        refuses(run()?, &[said, &[place.as_str()]].concat()).context(text)?;
    }
    ensure!(!folder.path().join("data").exists(), "nothing was begun");
    Ok(())
}

#[test]
fn a_configuration_that_chooses_no_engine_is_refused_before_anyone_comes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("config.toml");
    fs::write(&file, "[session]\nidle = '1h'\n")?;
    let output = Command::new(PROGRAM).arg("--config").arg(&file).env("DATA_DIR", folder.path()).output()?;
    refuses(
        output,
        &["shop: sessions can't be stored", "no session engine is chosen: write `session: memory`"],
    )
}

/// What this build does not have is named with what brings it.
#[cfg(not(any(feature = "redis", feature = "cookie")))]
#[test]
fn an_engine_that_is_not_in_this_build_is_named_with_its_feature() -> Result<()> {
    for engine in ["redis", "cookie"] {
        let sample = format!("{SAMPLES}/{engine}.yml");
        let output = Command::new(PROGRAM).args(["--config", &sample]).output()?;
        let remedy = format!(
            "the engine `{engine}` is not in this build: build dancecard with the feature `{engine}`"
        );
        refuses(output, &[&format!("{engine}.yml:"), "session.engine", &remedy])?;
    }
    Ok(())
}

/// The file, that of the environment beside it, and variables.
#[test]
fn a_configuration_has_several_sources() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let sample = format!("{SAMPLES}/memory.yml");
    let mut command = Command::new(PROGRAM);
    command.args(["--config", &sample]).env("DATA_DIR", folder.path());
    command.env("DANCECARD_ENVIRONMENT", "production").env("DANCECARD_SESSION__COOKIE__SAME_SITE", "strict");
    let (_program, first) = started(&mut command)?;
    let answer = fill_cart(address(&first)?)?;
    let line = answer.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie: "));
    let (pair, attributes) = line.and_then(|line| line.split_once("; ")).with_context(|| answer.clone())?;
    ensure!(pair["set-cookie: ".len()..].starts_with("__Host-shop="), "{pair}");
    ensure!(attributes == "Path=/; HttpOnly; Secure; SameSite=Strict", "{attributes}");
    ensure!(!folder.path().join("sessions.db").exists(), "sessions are in memory");
    Ok(())
}

fn fill_cart(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let body = "product=fan";
    let request = format!(
        "POST /cart/add HTTP/1.1\r\nHost: {address}\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n\
        Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
