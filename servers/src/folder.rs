//! Folders for servers, which go when the process goes.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::account::Account;

/// Ends when its standard input does, which is when this process is gone, and removes what is left.
const SWEEP: &str = include_str!("sweep.sh");

/// Where folders of servers lie.
#[derive(Debug, Clone)]
pub(crate) enum Ground {
    /// Below the system's temporary folder. Server and folder go with their owner.
    Temporary,
    /// Below this one. Servers and folders stay.
    Kept(PathBuf),
}

impl Ground {
    /// A new folder for a server.
    ///
    /// # Errors
    /// When it can't be made.
    pub(crate) fn folder(&self, name: &str, account: Account) -> io::Result<Folder> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let below = match self {
            Self::Temporary => base()?,
            Self::Kept(path) => path,
        };
        let path = below.join(format!("{name}-{number}"));
        make(&path, account)?;
        Ok(Folder { path, temporary: self.is_temporary() })
    }

    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self, Self::Temporary)
    }
}

/// A server's own folder. Dropped, it is removed if it is temporary.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // A process that is just ending may still write. What stays then is swept with the rest.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Makes a folder that is this account's alone.
///
/// # Errors
/// When it can't be made.
pub(crate) fn make(path: &Path, account: Account) -> io::Result<()> {
    fs::create_dir_all(path)?;
    account.own(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Copies a folder with all that is in it, for this account alone.
///
/// # Errors
/// When something can't be read or written. What was copied until then stays.
pub(crate) fn copy(from: &Path, to: &Path, account: Account) -> io::Result<()> {
    let entries = fs::read_dir(from)?;
    make(to, account)?;
    for entry in entries {
        let entry = entry?;
        let copied = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &copied, account)?;
        } else {
            fs::copy(entry.path(), &copied)?;
            account.own(&copied)?;
        }
    }
    Ok(())
}

/// One folder for all servers of this process, open to other users only to pass through.
fn base() -> io::Result<&'static Path> {
    static BASE: OnceLock<(PathBuf, Child)> = OnceLock::new();
    if let Some((path, _)) = BASE.get() {
        return Ok(path);
    }
    let folder = tempfile::Builder::new().prefix("dancecard-").tempdir()?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o711))?;
    let sweeper = sweeper(folder.path())?;
    let (path, _) = BASE.get_or_init(|| (folder.keep(), sweeper));
    Ok(path)
}

/// In a process group of its own, so that an interrupt from the keyboard, which ends the tests, does not end it.
fn sweeper(path: &Path) -> io::Result<Child> {
    let mut command = Command::new("sh");
    command.args(["-c", SWEEP, "sh"]).arg(path).current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}
