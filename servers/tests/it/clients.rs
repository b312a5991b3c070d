//! Clients of a few lines: one value in, the same value out.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use dancecard_servers::Server;

#[path = "../../src/mongod/wire.rs"]
#[allow(dead_code)]
pub(crate) mod wire;

use wire::Document;

/// How to leave a value with a server and ask for it.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) write: fn(&Server) -> io::Result<()>,
    /// Whether it is there.
    pub(crate) read: fn(&Server) -> io::Result<bool>,
    /// Whether it has to be there after a kill.
    pub(crate) durable: bool,
}

pub(crate) const REDIS: Client = Client {
    write: |server| line(server, "SET key value\r\n").map(|_| ()),
    read: |server| Ok(line(server, "GET key\r\n")? == "$5"),
    durable: true,
};

pub(crate) const MEMCACHED: Client = Client {
    write: |server| line(server, "set key 0 0 5\r\nvalue\r\n").map(|_| ()),
    read: |server| Ok(line(server, "get key\r\n")? == "VALUE key 0 5"),
    durable: false,
};

pub(crate) const POSTGRES: Client = Client {
    write: |server| psql(server, "CREATE TABLE t (v text); INSERT INTO t VALUES ('value')").map(|_| ()),
    read: |server| Ok(psql(server, "SELECT v FROM t").is_ok_and(|text| text == "value")),
    durable: true,
};

pub(crate) const MARIADB: Client = Client {
    write: |server| mysql(server, "CREATE TABLE t (v text); INSERT INTO t VALUES ('value')").map(|_| ()),
    read: |server| Ok(mysql(server, "SELECT v FROM t").is_ok_and(|text| text == "value")),
    durable: true,
};

pub(crate) const MONGOD: Client = Client {
    write: |server| {
        let item = Document::new().document("0", Document::new().text("_id", "value"));
        // Acknowledged when it is in the journal.
        let concern = Document::new().text("w", "majority").switch("j", true);
        let command = Document::new().text("insert", "t").array("documents", item);
        mongo(server, command.document("writeConcern", concern)).map(|_| ())
    },
    read: |server| {
        let answer = mongo(server, Document::new().text("find", "t"))?;
        Ok(wire::holds(&answer, b"_id\0\x06\0\0\0value\0"))
    },
    durable: true,
};

pub(crate) const S3: Client = Client {
    write: |server| http(server, "PUT /dancecard/open/key", "value").map(|_| ()),
    read: |server| Ok(http(server, "GET /dancecard/open/key", "")?.ends_with("\r\n\r\nvalue")),
    durable: true,
};

/// What a server says to somebody without credentials.
pub(crate) fn http(server: &Server, what: &str, body: &str) -> io::Result<String> {
    let mut stream = connect(server)?;
    let head = format!("Host: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}", body.len());
    stream.write_all(format!("{what} HTTP/1.1\r\n{head}\r\n\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn connect(server: &Server) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

/// The first line of the answer to a line.
pub(crate) fn line(server: &Server, question: &str) -> io::Result<String> {
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

/// What a program says on its standard output, or an error with what it says on the other.
pub(crate) fn run(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

pub(crate) fn mongo(server: &Server, command: Document) -> io::Result<Vec<u8>> {
    let mut stream = connect(server)?;
    stream.write_all(&wire::message(command, "test"))?;
    let answer = wire::answer(&mut stream)?;
    if wire::is_ok(&answer) { Ok(answer) } else { Err(io::Error::other(String::from_utf8_lossy(&answer))) }
}

/// Whether the server answers at all: one that is paused accepts, and says nothing.
pub(crate) fn is_silent(server: &Server, question: &[u8]) -> io::Result<bool> {
    let mut stream = TcpStream::connect(server.address())?;
    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    stream.write_all(question)?;
    let waited = stream.read(&mut [0]);
    Ok(waited.is_err_and(|error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)))
}
