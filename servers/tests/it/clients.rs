//! Clients of a few lines: one value in, the same value out.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use dancecard_servers::Server;

#[path = "../../src/mongod/wire.rs"]
#[allow(dead_code)]
mod wire;

use wire::Document;

/// How to leave a value with a server and ask for it.
#[derive(Clone, Copy)]
pub struct Client {
    pub write: fn(&Server) -> io::Result<()>,
    /// Whether it is there.
    pub read: fn(&Server) -> io::Result<bool>,
    /// Whether it has to be there after a kill.
    pub durable: bool,
}

pub const REDIS: Client = Client {
    write: |server| line(server, "SET key value\r\n").map(|_| ()),
    read: |server| Ok(line(server, "GET key\r\n")? == "$5"),
    durable: true,
};

pub const MEMCACHED: Client = Client {
    write: |server| line(server, "set key 0 0 5\r\nvalue\r\n").map(|_| ()),
    read: |server| Ok(line(server, "get key\r\n")? == "VALUE key 0 5"),
    durable: false,
};

pub const POSTGRES: Client = Client {
    write: |server| psql(server, "CREATE TABLE t (v text); INSERT INTO t VALUES ('value')").map(|_| ()),
    read: |server| Ok(psql(server, "SELECT v FROM t").is_ok_and(|text| text == "value")),
    durable: true,
};

pub const MARIADB: Client = Client {
    write: |server| mysql(server, "CREATE TABLE t (v text); INSERT INTO t VALUES ('value')").map(|_| ()),
    read: |server| Ok(mysql(server, "SELECT v FROM t").is_ok_and(|text| text == "value")),
    durable: true,
};

pub const MONGOD: Client = Client {
    write: |server| {
        let item = Document::new().document("0", Document::new().text("_id", "value"));
        // Acknowledged when it is in the journal.
        let concern = Document::new().text("w", "majority");
        let command = Document::new().text("insert", "t").array("documents", item);
        mongo(server, command.document("writeConcern", concern)).map(|_| ())
    },
    read: |server| {
        let answer = mongo(server, Document::new().text("find", "t"))?;
        Ok(wire::holds(&answer, b"_id\0\x06\0\0\0value\0"))
    },
    durable: true,
};

fn connect(server: &Server) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

fn line(server: &Server, question: &str) -> io::Result<String> {
    let mut stream = connect(server)?;
    stream.write_all(question.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn psql(server: &Server, statement: &str) -> io::Result<String> {
    run(Command::new("psql").args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement, &server.url()]))
}

fn mysql(server: &Server, statement: &str) -> io::Result<String> {
    let port = format!("--port={}", server.port());
    let words =
        ["--no-defaults", "-N", "-u", "dancecard", "-h", "127.0.0.1", &port, "-e", statement, "dancecard"];
    run(Command::new("mariadb").args(words))
}

fn run(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

fn mongo(server: &Server, command: Document) -> io::Result<Vec<u8>> {
    let mut stream = connect(server)?;
    stream.write_all(&wire::message(command, "test"))?;
    let answer = wire::answer(&mut stream)?;
    if wire::is_ok(&answer) { Ok(answer) } else { Err(io::Error::other(String::from_utf8_lossy(&answer))) }
}

/// Whether the server answers at all: one that is paused accepts, and says nothing.
pub fn is_silent(server: &Server, question: &[u8]) -> io::Result<bool> {
    let mut stream = TcpStream::connect(server.address())?;
    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    stream.write_all(question)?;
    let waited = stream.read(&mut [0]);
    Ok(waited.is_err_and(|error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)))
}
