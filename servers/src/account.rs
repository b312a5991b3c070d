//! Whose rights the servers have.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

/// Nobody, with the numbers that it has everywhere unless `/etc/passwd` says otherwise.
const NOBODY: Account = Account::Other { user: 65534, group: 65534 };

/// The user that a server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// The user of this process.
    Own,
    /// Another, which takes root to become.
    Other { user: u32, group: u32 },
}

impl Account {
    /// Root becomes nobody: PostgreSQL and MariaDB refuse to run as root, and no server needs to.
    pub(crate) fn unprivileged() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self::Own;
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        nobody_in(&passwd).unwrap_or(NOBODY)
    }

    /// What turns a command into one that runs as this user, and that the kernel ends with the thread that started it.
    ///
    /// Two calls, since changing the user clears the signal that was asked for.
    pub(crate) fn prefix(self, ends_with_parent: bool) -> Vec<OsString> {
        let mut words = Vec::new();
        if let Self::Other { user, group } = self {
            let user = format!("--reuid={user}");
            let group = format!("--regid={group}");
            words.extend(["setpriv".to_owned(), user, group, "--clear-groups".to_owned()]);
        }
        if ends_with_parent {
            words.extend(["setpriv", "--pdeathsig=KILL"].map(str::to_owned));
        }
        words.into_iter().map(OsString::from).collect()
    }

    /// Makes a file or folder this user's.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn own(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { user, group } => std::os::unix::fs::chown(path, Some(user), Some(group)),
        }
    }
}

fn nobody_in(passwd: &str) -> Option<Account> {
    let line = passwd.lines().find(|line| line.starts_with("nobody:"))?;
    let mut fields = line.split(':').skip(2);
    let user = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    Some(Account::Other { user, group })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_looked_up() {
        let passwd = "root:x:0:0:root:/:/bin/sh\nnobody:x:99:98:nobody:/:/bin/false\n";
        assert_eq!(nobody_in(passwd), Some(Account::Other { user: 99, group: 98 }));
        assert_eq!(nobody_in("nobody2:x:1:1"), None);
    }

    #[test]
    fn the_signal_is_asked_for_after_the_user_was_changed() {
        let words = NOBODY.prefix(true);
        assert_eq!(words[0], "setpriv");
        assert_eq!(words[words.len() - 2..], ["setpriv", "--pdeathsig=KILL"]);
        assert_eq!(Account::Own.prefix(false), Vec::<OsString>::new());
    }
}
