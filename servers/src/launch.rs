//! Starting a server and waiting until it answers.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::account::Account;
use crate::{Absent, keeper, port, program};

/// How long a server may take to answer. A busy machine is slow, a broken server says so at once.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two questions to a server that does not answer yet.
const PAUSE: Duration = Duration::from_millis(10);
/// What a server says, in its folder.
pub(crate) const LOG: &str = "log";
const TAIL: usize = 15;

/// What there is to know about one kind of server.
pub(crate) trait Software: Debug + Send + Sync {
    /// Its name, and its word in `DANCECARD_TEST_REQUIRE`.
    fn kind(&self) -> Kind;

    /// The program, and what it is called with, to serve at this site in the foreground.
    ///
    /// # Errors
    /// When the program is missing.
    fn command(&self, site: &Site) -> Result<Vec<OsString>, Absent>;

    /// Asks the server for a sign of life, in its own language.
    ///
    /// # Errors
    /// When it does not serve, or not yet.
    fn ask(&self, site: &Site) -> io::Result<()>;

    /// Where clients find it.
    fn url(&self, site: &Site) -> String;

    /// Fills the folder, once, before the first start.
    ///
    /// # Errors
    /// When a program fails; then its output is in the log.
    fn prepare(&self, _site: &Site) -> Result<(), Absent> {
        Ok(())
    }

    /// The signal that asks it to end in order, whatever its clients do.
    fn farewell(&self) -> Signal {
        Signal::TERM
    }

    /// The signal that ends it at once when nobody wants its data any more.
    fn dismissal(&self) -> Signal {
        Signal::KILL
    }

    /// What clients need that only a server which runs can be given, such as a database. Done once.
    ///
    /// # Errors
    /// When it refuses.
    fn furnish(&self, _site: &Site) -> io::Result<()> {
        Ok(())
    }
}

/// How a kind of server is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) requirement: &'static str,
}

/// Where one server runs, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    pub(crate) account: Account,
    /// Whether the server ends with this process.
    pub(crate) attached: bool,
}

/// Why a start came to nothing.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Somebody else listens there: another port helps.
    PortTaken,
    /// Nothing helps.
    Absent(Absent),
}

impl Site {
    /// For a question that no place matters to.
    pub(crate) fn nowhere() -> Self {
        Self { folder: PathBuf::new(), port: 0, account: Account::Own, attached: true }
    }

    /// A path within the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file that only the server's user can read, and returns its path.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        self.account.own(&path)?;
        Ok(path)
    }

    /// Runs a program as the server's user to its end, with its output in the log.
    ///
    /// # Errors
    /// When it can't be started or fails.
    pub(crate) fn run(&self, kind: Kind, words: Vec<OsString>) -> Result<(), Absent> {
        let shown = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
        let status = self.spawn(words).and_then(|mut child| child.wait());
        let status = status.map_err(|error| self.broken(kind, &format!("{shown}: {error}")))?;
        if status.success() {
            Ok(())
        } else {
            Err(self.broken(kind, &format!("{shown} ended with {status}")))
        }
    }

    fn spawn(&self, words: Vec<OsString>) -> io::Result<Child> {
        let libraries = words.first().and_then(|program| program::libraries(Path::new(program)));
        let mut all = self.account.prefix(self.attached);
        if !self.attached {
            // Away from the terminal, whose end is not the server's.
            all.insert(0, "setsid".into());
        }
        all.extend(words);
        let mut command = Command::new(&all[0]);
        command.args(&all[1..]).current_dir(&self.folder).stdin(Stdio::null());
        command.env("HOME", &self.folder).env("LC_ALL", "C.UTF-8");
        if let Some(libraries) = libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let log = self.log()?;
        command.stdout(log.try_clone()?).stderr(log);
        keeper::spawn(command)
    }

    fn log(&self) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).open(self.path(LOG))
    }

    /// An error with the end of the log below it.
    pub(crate) fn broken(&self, kind: Kind, what: &str) -> Absent {
        Absent::broken(kind.requirement, format!("{what}\n{}", tail(&self.path(LOG))))
    }
}

/// Starts a server and waits until it answers.
///
/// # Errors
/// When its port is taken, its program is missing, or it ends or stays silent.
pub(crate) fn bring_up(software: &dyn Software, site: &Site) -> Result<Child, Trouble> {
    let kind = software.kind();
    let words = software.command(site).map_err(Trouble::Absent)?;
    if program::find("setpriv").is_none() {
        let reason = "`setpriv` (Debian package util-linux) is not installed";
        return Err(Trouble::Absent(Absent::missing(kind.requirement, reason)));
    }
    let child = site.spawn(words);
    let mut child = child.map_err(|error| Trouble::Absent(site.broken(kind, &error.to_string())))?;
    wait(software, site, &mut child).inspect_err(|_| {
        let _ = child.kill();
        let _ = child.wait();
    })?;
    Ok(child)
}

/// A server tells nobody that it is ready, so there is no event to wait for: it is asked again and again.
fn wait(software: &dyn Software, site: &Site, child: &mut Child) -> Result<(), Trouble> {
    let kind = software.kind();
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = software.ask(site);
        if let Ok(Some(status)) = child.try_wait() {
            if !port::is_free(site.port) {
                return Err(Trouble::PortTaken);
            }
            let what = format!("ended with {status} before it served");
            return Err(Trouble::Absent(site.broken(kind, &what)));
        }
        match answer {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > until => {
                let what = format!("gives no answer for {} s: {error}", PATIENCE.as_secs());
                return Err(Trouble::Absent(site.broken(kind, &what)));
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
