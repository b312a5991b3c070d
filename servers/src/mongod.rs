//! MongoDB, as one server.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use crate::folder::Ground;
use crate::launch::{Kind, Site, Software};
use crate::{Absent, Running, certificates, ping, program};

pub(crate) mod wire;

pub(crate) use wire::Document;

const KIND: Kind = Kind { name: "mongod", requirement: "mongodb" };
const USER: &str = "dancecard";
const PARAMETERS: &[&str] = &[
    "ttlMonitorSleepSecs=1",
    "diagnosticDataCollectionEnabled=false",
    // A primary would wait for its clients to leave.
    "shutdownTimeoutMillisForSignaledShutdown=100",
];

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What clients have to know. Without one, everybody is let in.
    pub password: Option<String>,
    /// Whether it speaks TLS to clients that want it. [`authority`](crate::Server::authority) vouches for it.
    pub tls: bool,
    /// More words for the command line. They come last.
    pub arguments: Vec<String>,
}

/// Whether the program is there.
///
/// # Errors
/// When it is missing.
pub fn check() -> Result<(), Absent> {
    find().map(|_| ())
}

/// A server that lets everybody in. It removes what has expired once a second.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start() -> Result<Running, Absent> {
    start_with(Options::default())
}

/// A server with these options.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start_with(options: Options) -> Result<Running, Absent> {
    start_on(&Ground::Temporary, options)
}

pub(crate) fn start_on(ground: &Ground, options: Options) -> Result<Running, Absent> {
    Running::start(ground, Arc::new(Mongod { options }))
}

/// MongoDB with its options.
#[derive(Debug)]
pub(crate) struct Mongod {
    pub(crate) options: Options,
}

impl Software for Mongod {
    fn kind(&self) -> Kind {
        KIND
    }

    fn command(&self, site: &Site) -> Result<Vec<OsString>, Absent> {
        let mut words = vec![find()?.into_os_string(), "--dbpath".into(), site.path("data").into_os_string()];
        let port = site.port.to_string();
        words.extend(["--bind_ip", "127.0.0.1", "--port", &port, "--nounixsocket"].map(OsString::from));
        words.extend(["--wiredTigerCacheSizeGB", "0.25"].map(OsString::from));
        // Without 300 MB of empty journal.
        words.extend(
            ["--wiredTigerEngineConfigString", "log=(file_max=16MB,prealloc=false)"].map(OsString::from),
        );
        words.extend(
            PARAMETERS.iter().flat_map(|parameter| ["--setParameter", parameter]).map(OsString::from),
        );
        if self.options.tls {
            words.extend(
                ["--tlsMode", "preferTLS", "--tlsCertificateKeyFile", certificates::BOTH].map(OsString::from),
            );
        }
        words.extend(self.options.password.iter().map(|_| OsString::from("--auth")));
        words.extend(self.options.arguments.iter().map(OsString::from));
        Ok(words)
    }

    fn prepare(&self, site: &Site) -> Result<(), Absent> {
        let made = crate::folder::make(&site.path("data"), site.account);
        let made = made.and_then(|()| if self.options.tls { certificates::write(site) } else { Ok(()) });
        made.map_err(|error| site.broken(KIND, &error.to_string()))
    }

    fn ask(&self, site: &Site) -> io::Result<()> {
        call(site.port, Document::new().number("ping", 1), "admin").map(|_| ())
    }

    /// Without any user yet, it lets a local client make the first.
    fn furnish(&self, site: &Site) -> io::Result<()> {
        let Some(password) = &self.options.password else { return Ok(()) };
        let roles = Document::new().text("0", "root");
        let command = Document::new().text("createUser", USER).text("pwd", password).array("roles", roles);
        call(site.port, command, "admin").map(|_| ())
    }

    fn url(&self, site: &Site) -> String {
        let user = self.options.password.as_ref().map(|password| format!("{USER}:{password}@"));
        format!("mongodb://{}127.0.0.1:{}", user.unwrap_or_default(), site.port)
    }
}

/// Runs one command, and returns the bytes of its answer.
///
/// # Errors
/// When the connection fails, or the answer is not `ok`.
pub(crate) fn call(port: u16, command: Document, database: &str) -> io::Result<Vec<u8>> {
    let mut stream = ping::connect(port)?;
    stream.write_all(&wire::message(command, database))?;
    let answer = wire::answer(&mut stream)?;
    if wire::is_ok(&answer) { Ok(answer) } else { Err(ping::unexpected(&answer)) }
}

fn find() -> Result<PathBuf, Absent> {
    let reason = "mongod is not installed (`cargo xtask test environment` does it)";
    let installed = program::in_python("fiftyone/db/bin/mongod").filter(|path| program::is_program(path));
    installed.or_else(|| program::find("mongod")).ok_or_else(|| Absent::missing("mongodb", reason))
}
