//! MariaDB.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use crate::folder::Ground;
use crate::launch::{Kind, Site, Software};
use crate::{Absent, Running, certificates, ping, program};

const KIND: Kind = Kind { name: "mariadb", requirement: "mariadb" };
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
    find("mariadbd").map(|_| ())
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
    Running::start(ground, Arc::new(MariaDb { options }))
}

/// MariaDB with its options.
#[derive(Debug)]
pub(crate) struct MariaDb {
    pub(crate) options: Options,
}

impl Software for MariaDb {
    fn kind(&self) -> Kind {
        KIND
    }

    fn command(&self, site: &Site) -> Result<Vec<OsString>, Absent> {
        let mut words = started("mariadbd")?;
        let own = [
            format!("--datadir={}", site.path("data").display()),
            temporary(site),
            // From the folder of the data, since a path to a socket must be short.
            "--socket=../mysql.sock".to_owned(),
            format!("--pid-file={}", site.path("pid").display()),
            format!("--init-file={}", site.path("init.sql").display()),
            format!("--port={}", site.port),
        ];
        let fixed = [
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=32M",
            "--innodb-flush-log-at-trx-commit=2",
            "--max-connections=300",
        ];
        words.extend(own.into_iter().map(OsString::from));
        if self.options.tls {
            let file =
                |name: &str, file: &str| OsString::from(format!("--{name}={}", site.path(file).display()));
            words.push(file("ssl-ca", certificates::AUTHORITY));
            words.push(file("ssl-cert", certificates::SERVER));
            words.push(file("ssl-key", certificates::KEY));
        }
        words.extend(fixed.map(OsString::from));
        words.extend(self.options.arguments.iter().map(OsString::from));
        Ok(words)
    }

    fn prepare(&self, site: &Site) -> Result<(), Absent> {
        let written = site.write("init.sql", &self.furniture()).map(|_| ());
        let written =
            written.and_then(|()| if self.options.tls { certificates::write(site) } else { Ok(()) });
        written.map_err(|error| site.broken(KIND, &error.to_string()))?;
        let data = format!("--datadir={}", site.path("data").display());
        let temporary = temporary(site);
        let own = [&data, &temporary, "--auth-root-authentication-method=normal", "--skip-test-db"];
        let mut words = started("mariadb-install-db")?;
        words.extend(own.map(OsString::from));
        site.run(KIND, words)
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

impl MariaDb {
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

/// Where it puts temporary tables. In a folder with others, the one that starts would remove those of all.
fn temporary(site: &Site) -> String {
    format!("--tmpdir={}", site.folder.display())
}

/// A program, and where it finds what belongs to it.
fn started(name: &str) -> Result<Vec<OsString>, Absent> {
    let program = find(name)?;
    let mut words = vec![program.clone().into_os_string(), "--no-defaults".into()];
    if let Some(usr) = program.ancestors().nth(2).filter(|_| program::is_unpacked(&program)) {
        let plugins = usr.join("lib/mysql/plugin");
        words.extend(
            [format!("--basedir={}", usr.display()), format!("--plugin-dir={}", plugins.display())]
                .map(OsString::from),
        );
    }
    Ok(words)
}

fn find(name: &str) -> Result<PathBuf, Absent> {
    let missing = || Absent::missing("mariadb", "the Debian package mariadb-server is not installed");
    program::find(name).ok_or_else(missing)
}
