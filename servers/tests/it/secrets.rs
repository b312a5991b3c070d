//! Servers that want a password and speak TLS, asked by their own clients, which check both.

use std::process::Command;

use dancecard_servers::{mariadb, mongod, postgres, redis};
use libtest_mimic::Failed;

use crate::clients::{mongo, run, wire};
use crate::ensure;

const PASSWORD: &str = "a word, it's \\ secret";

pub(crate) fn redis() -> Result<(), Failed> {
    let options = redis::Options { password: Some(PASSWORD.into()), tls: true, ..redis::Options::default() };
    let server = redis::start_with(options)?;
    let ping = |password: &str| {
        let port = server.port().to_string();
        let words =
            ["-h", "127.0.0.1", "-p", &port, "--no-auth-warning", "-a", password, "--tls", "--cacert"];
        run(Command::new("redis-cli").args(words).arg(server.authority()).arg("PING"))
    };
    ensure(ping(PASSWORD)? == "PONG", "no answer over TLS")?;
    ensure(ping("another")?.contains("NOAUTH"), "any password does")?;
    ensure(server.url().starts_with("rediss://"), server.url())?;
    let socket = server.folder().join("redis.sock");
    let words = ["--no-auth-warning", "-a", PASSWORD, "-s"];
    ensure(run(Command::new("redis-cli").args(words).arg(socket).arg("PING"))? == "PONG", "no unix socket")
}

pub(crate) fn postgres() -> Result<(), Failed> {
    let options =
        postgres::Options { password: Some(PASSWORD.into()), tls: true, ..postgres::Options::default() };
    let server = postgres::start_with(options)?;
    let ask = |host: &str, password: &str| {
        let mut command = Command::new("psql");
        command.env("PGPASSWORD", password).env("PGSSLROOTCERT", server.authority());
        command.env("PGSSLMODE", if host.starts_with('/') { "disable" } else { "verify-full" });
        command.args(["-qAtX", "-h", host, "-p", &server.port().to_string(), "-U", "dancecard"]);
        run(command.args(["postgres", "-c", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"]))
    };
    ensure(ask("localhost", PASSWORD)? == "t", "no TLS")?;
    ensure(ask("localhost", "another").is_err(), "any password does")?;
    ensure(ask(&server.folder().to_string_lossy(), PASSWORD)? == "f", "no unix socket")
}

pub(crate) fn mariadb() -> Result<(), Failed> {
    let options =
        mariadb::Options { password: Some(PASSWORD.into()), tls: true, ..mariadb::Options::default() };
    let server = mariadb::start_with(options)?;
    let ask = |password: &str, place: [String; 2]| {
        let mut command = Command::new("mariadb");
        command.args(["--no-defaults", "-N", "-u", "dancecard", "--ssl-verify-server-cert"]).args(place);
        command.arg(format!("--ssl-ca={}", server.authority().display())).env("MYSQL_PWD", password);
        run(command.args(["-e", "SHOW STATUS LIKE 'Ssl_version'", "dancecard"]))
    };
    let place = || ["--host=localhost".to_owned(), format!("--port={}", server.port())];
    let tcp = |password| ask(password, place().map(|word| word.replace("localhost", "127.0.0.1")));
    ensure(tcp(PASSWORD)?.contains("TLSv1"), "no TLS")?;
    ensure(tcp("another").is_err(), "any password does")?;
    let socket = server.folder().join("mysql.sock");
    let local = ["--protocol=socket".to_owned(), format!("--socket={}", socket.display())];
    ask(PASSWORD, local).map(|_| ()).map_err(Failed::from)
}

pub(crate) fn mongod() -> Result<(), Failed> {
    let options =
        mongod::Options { password: Some(PASSWORD.into()), tls: true, ..mongod::Options::default() };
    let server = mongod::start_with(options)?;
    let refused = mongo(&server, wire::Document::new().text("find", "t"));
    ensure(refused.is_err_and(|error| error.to_string().contains("Unauthorized")), "everybody is let in")?;
    ensure(server.authority().exists(), "no authority")?;
    server.restart()?;
    ensure(server.url().contains(PASSWORD), "no password in the URL")
}
