//! MySQL itself. Debian's releases have MariaDB only, so it comes from the unstable one, with the C library that it was
//! built for.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::account::Account;
use crate::folder::{self, Ground};
use crate::launch::{Kind, Site, Software};
use crate::{Absent, Running, certificates, ping, program};

const KIND: Kind = Kind { name: "mysql", requirement: "mysql" };
/// Its folder among the test programs.
const PACKAGE: &str = "mysql";
const NAME: &str = "dancecard";
/// Of the protocol, after the three bytes of the packet's length and its number.
const VERSION: u8 = 10;

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What clients have to know. Without one, everybody is let in.
    pub password: Option<String>,
    /// Whether it speaks TLS to clients that want it. [`authority`](crate::Server::authority) vouches for it.
    pub tls: bool,
    /// More words for the command line. They come last and win.
    pub arguments: Vec<String>,
}

/// Whether the program is there.
///
/// # Errors
/// When it is missing.
pub fn check() -> Result<(), Absent> {
    find().map(|_| ())
}

/// A server with a database and an all-powerful user, both `dancecard`, and no password.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start() -> Result<Running, Absent> {
    start_with(Options::default())
}

/// A server with these options. It also listens on the unix socket `mysql.sock` in its folder.
///
/// What was acknowledged survives a kill, but not a power cut: it is forced to the disk once a second only.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start_with(options: Options) -> Result<Running, Absent> {
    start_on(&Ground::Temporary, options)
}

pub(crate) fn start_on(ground: &Ground, options: Options) -> Result<Running, Absent> {
    Running::start(ground, Arc::new(MySql { options }))
}

/// MySQL with its options.
#[derive(Debug)]
pub(crate) struct MySql {
    pub(crate) options: Options,
}

impl Software for MySql {
    fn kind(&self) -> Kind {
        KIND
    }

    fn command(&self, site: &Site) -> Result<Vec<OsString>, Absent> {
        let mut words = find()?;
        words.extend(places(site).map(OsString::from));
        let own = [
            // From the folder of the data, since a path to a socket must be short.
            "--socket=../mysql.sock".to_owned(),
            format!("--pid-file={}", site.path("pid").display()),
            format!("--init-file={}", site.path("init.sql").display()),
            format!("--port={}", site.port),
        ];
        words.extend(own.map(OsString::from));
        words.extend(self.encryption(site));
        let fixed = [
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--performance-schema=OFF",
            "--table-open-cache=200",
            "--skip-log-bin",
            "--innodb-buffer-pool-size=64M",
            "--innodb-flush-log-at-trx-commit=2",
            "--max-connections=300",
        ];
        words.extend(fixed.map(OsString::from));
        words.extend(self.options.arguments.iter().map(OsString::from));
        Ok(words)
    }

    fn prepare(&self, site: &Site) -> Result<(), Absent> {
        let written = site.write("init.sql", &self.furniture()).map(|_| ());
        let written =
            written.and_then(|()| if self.options.tls { certificates::write(site) } else { Ok(()) });
        written.map_err(|error| site.broken(KIND, &error.to_string()))?;
        if copy_from(&first(), site).is_ok() {
            return Ok(());
        }
        let mut words = find()?;
        words.extend(places(site).map(OsString::from));
        words
            .extend(["--initialize-insecure", "--secure-file-priv=NULL", "--mysqlx=OFF"].map(OsString::from));
        site.run(KIND, words)?;
        keep(site);
        Ok(())
    }

    fn ask(&self, site: &Site) -> io::Result<()> {
        // It speaks first, and not before it serves.
        let mut greeting = [0; 5];
        ping::connect(site.port)?.read_exact(&mut greeting)?;
        if greeting[4] == VERSION { Ok(()) } else { Err(ping::unexpected(&greeting)) }
    }

    fn url(&self, site: &Site) -> String {
        let password = self.options.password.as_ref().map(|password| format!(":{password}"));
        format!("mysql://{NAME}{}@127.0.0.1:{}/{NAME}", password.unwrap_or_default(), site.port)
    }
}

impl MySql {
    /// By itself it would make certificates of its own.
    fn encryption(&self, site: &Site) -> Vec<OsString> {
        if !self.options.tls {
            return vec!["--tls-version=".into()];
        }
        let file = |name: &str, file: &str| format!("--{name}={}", site.path(file).display());
        let files = [
            file("ssl-ca", certificates::AUTHORITY),
            file("ssl-cert", certificates::SERVER),
            file("ssl-key", certificates::KEY),
        ];
        files.map(OsString::from).into()
    }

    /// What it does at each start, before it lets anybody in.
    fn furniture(&self) -> String {
        let quoted =
            self.options.password.as_deref().unwrap_or_default().replace('\\', "\\\\").replace('\'', "''");
        format!(
            "CREATE DATABASE IF NOT EXISTS {NAME};\n\
             CREATE USER IF NOT EXISTS '{NAME}'@'%' IDENTIFIED BY '{quoted}';\n\
             GRANT ALL PRIVILEGES ON *.* TO '{NAME}'@'%' WITH GRANT OPTION;\n"
        )
    }
}

/// What it is told when it makes its data and whenever it starts.
fn places(site: &Site) -> [String; 8] {
    let usr = program::folder().join(PACKAGE).join("usr");
    [
        "--no-defaults".to_owned(),
        format!("--basedir={}", usr.display()),
        format!("--lc-messages-dir={}", usr.join("share/mysql").display()),
        format!("--datadir={}", site.path("data").display()),
        // In a folder with others, the one that starts would remove the temporary tables of all.
        format!("--tmpdir={}", site.folder.display()),
        "--secure-file-priv=NULL".to_owned(),
        "--mysqlx=OFF".to_owned(),
        "--innodb-redo-log-capacity=32M".to_owned(),
    ]
}

/// Its data as they are before anything was done with them. To make them takes seconds, so it is done once.
fn first() -> PathBuf {
    program::folder().join(PACKAGE).join("data")
}

fn copy_from(data: &Path, site: &Site) -> io::Result<()> {
    let own = site.path("data");
    folder::copy(data, &own, site.account).inspect_err(|_| {
        // It starts from nothing, or from all.
        let _ = fs::remove_dir_all(&own);
    })
}

/// Lets the next ones have these data. Where that can't be, each makes its own.
fn keep(site: &Site) {
    let new = first().with_extension(std::process::id().to_string());
    let copied = folder::copy(&site.path("data"), &new, Account::Own);
    if copied.and_then(|()| fs::rename(&new, first())).is_err() {
        let _ = fs::remove_dir_all(new);
    }
}

fn find() -> Result<Vec<OsString>, Absent> {
    let reason =
        "MySQL is not installed (`cargo xtask test environment` takes it from Debian's unstable release)";
    program::with_own_library(PACKAGE, "usr/sbin/mysqld").ok_or_else(|| Absent::missing("mysql", reason))
}
