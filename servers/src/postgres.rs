//! PostgreSQL.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::process::Signal;

use crate::folder::Ground;
use crate::launch::{Kind, Site, Software};
use crate::{Absent, Running, certificates, ping, program};

const KIND: Kind = Kind { name: "postgres", requirement: "postgres" };
/// Where Debian keeps a folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";
const USER: &str = "dancecard";
const PROTOCOL: u32 = 3 << 16;

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What clients have to know. Without one, everybody is let in.
    pub password: Option<String>,
    /// Whether it speaks TLS to clients that want it. [`authority`](crate::Server::authority) vouches for it.
    pub tls: bool,
    /// More words for the command line, such as `-c` and `fsync=on`. They come last and win.
    pub arguments: Vec<String>,
}

/// Whether the program is there.
///
/// # Errors
/// When it is missing.
pub fn check() -> Result<(), Absent> {
    find("postgres").map(|_| ())
}

/// A server that lets everybody in as the superuser `dancecard`.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start() -> Result<Running, Absent> {
    start_with(Options::default())
}

/// A server with these options. It also listens on a unix socket in its folder.
///
/// What was acknowledged survives a kill, but not a power cut: nothing is forced to the disk.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start_with(options: Options) -> Result<Running, Absent> {
    start_on(&Ground::Temporary, options)
}

pub(crate) fn start_on(ground: &Ground, options: Options) -> Result<Running, Absent> {
    Running::start(ground, Arc::new(Postgres { options }))
}

/// PostgreSQL with its options.
#[derive(Debug)]
pub(crate) struct Postgres {
    pub(crate) options: Options,
}

impl Software for Postgres {
    fn kind(&self) -> Kind {
        KIND
    }

    fn command(&self, site: &Site) -> Result<Vec<OsString>, Absent> {
        let mut words = vec![find("postgres")?.into_os_string(), "-D".into(), site.path("data").into()];
        let mut settings = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={}", site.port),
            "unix_socket_directories=..".to_owned(),
            "fsync=off".to_owned(),
            "max_connections=200".to_owned(),
            // Within its folder, so that a kill leaves less behind.
            "dynamic_shared_memory_type=mmap".to_owned(),
            "shared_buffers=64MB".to_owned(),
        ];
        if self.options.tls {
            settings.push("ssl=on".to_owned());
            let file = |name: &str, file: &str| format!("{name}={}", site.path(file).display());
            settings.push(file("ssl_cert_file", certificates::SERVER));
            settings.push(file("ssl_key_file", certificates::KEY));
        }
        words.extend(settings.into_iter().flat_map(|setting| [OsString::from("-c"), setting.into()]));
        words.extend(self.options.arguments.iter().map(OsString::from));
        Ok(words)
    }

    fn prepare(&self, site: &Site) -> Result<(), Absent> {
        let mut words = vec![find("initdb")?.into_os_string(), "-D".into(), site.path("data").into()];
        words.extend(["--no-sync", "-E", "UTF8", "--locale=C", "-U", USER].map(OsString::from));
        let broken = |error: io::Error| site.broken(KIND, &error.to_string());
        words.extend(self.authentication(site).map_err(broken)?);
        site.run(KIND, words)?;
        if self.options.tls { certificates::write(site).map_err(broken) } else { Ok(()) }
    }

    fn ask(&self, site: &Site) -> io::Result<()> {
        let answer = ping::exchange(&mut ping::connect(site.port)?, &hello(), 1)?;
        // It goes on to authentication, or says why not.
        if answer == b"R" { Ok(()) } else { Err(ping::unexpected(&answer)) }
    }

    /// At `TERM`, it would wait until its clients leave.
    fn farewell(&self) -> Signal {
        Signal::INT
    }

    /// Killed, it would leave its shared memory to the system.
    fn dismissal(&self) -> Signal {
        Signal::QUIT
    }

    fn url(&self, site: &Site) -> String {
        let password = self.options.password.as_ref().map(|password| format!(":{password}"));
        format!("postgres://{USER}{}@127.0.0.1:{}/postgres", password.unwrap_or_default(), site.port)
    }
}

impl Postgres {
    fn authentication(&self, site: &Site) -> io::Result<Vec<OsString>> {
        let Some(password) = &self.options.password else { return Ok(vec!["-A".into(), "trust".into()]) };
        let mut file = OsString::from("--pwfile=");
        file.push(site.write("password", password)?);
        Ok(vec!["-A".into(), "scram-sha-256".into(), file])
    }
}

fn hello() -> Vec<u8> {
    let mut body = PROTOCOL.to_be_bytes().to_vec();
    for word in ["user", USER, "database", "postgres", ""] {
        body.extend(word.as_bytes());
        body.push(0);
    }
    let length = body.len() as u32 + 4;
    [length.to_be_bytes().to_vec(), body].concat()
}

fn find(name: &str) -> Result<PathBuf, Absent> {
    let unpacked = program::roots().map(|root| root.join(&VERSIONS[1..]));
    let folders = std::iter::once(PathBuf::from(VERSIONS)).chain(unpacked);
    let programs = folders.filter_map(|versions| Some(newest(&versions)?.join("bin").join(name)));
    let missing = || Absent::missing("postgres", "the Debian package postgresql is not installed");
    let found = programs.into_iter().find(|path| program::is_program(path));
    found.or_else(|| program::find(name)).ok_or_else(missing)
}

fn newest(versions: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(versions).ok()?.flatten();
    let numbered =
        entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry)));
    numbered.max_by_key(|(number, _)| *number).map(|(_, entry)| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_the_largest_number() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["9", "15", "common"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        assert_eq!(newest(folder.path()), Some(folder.path().join("15")));
        assert_eq!(newest(&folder.path().join("none")), None);
    }
}
