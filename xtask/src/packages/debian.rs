//! Packages of Debian, installed for everybody.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process;

/// Installs packages with one call.
///
/// # Errors
/// When an installation fails twice.
pub(super) fn install(root: &Path, power: Power, names: &[&str]) -> Result<()> {
    process::run(power.apt_get(root, &["update"]))?;
    let words: Vec<&str> =
        ["install", "-y", "--no-install-recommends"].into_iter().chain(names.iter().copied()).collect();
    if process::run(power.apt_get(root, &words)).is_ok() {
        return Ok(());
    }
    println!("once more, after mending what an interrupted installation may have left");
    process::run(power.apt_get(root, &["-f", "install", "-y"]))?;
    process::run(power.apt_get(root, &words))
}

/// How this process may install packages.
#[derive(Clone, Copy)]
pub(super) enum Power {
    Root,
    Sudo,
}

impl Power {
    /// That of this process, if it has any.
    pub(super) fn found(root: &Path) -> Option<Self> {
        if !ends_well(root, "apt-get", &["--version"]) {
            return None;
        }
        let user = process::output(with(root, "id", &["-u"])).unwrap_or_default();
        if user.trim() == "0" {
            return Some(Self::Root);
        }
        ends_well(root, "sudo", &["-n", "true"]).then_some(Self::Sudo)
    }

    /// Waits for another installation that is under way, for at most five minutes.
    fn apt_get(self, root: &Path, words: &[&str]) -> Command {
        let mut command = match self {
            Self::Root => with(root, "env", &[]),
            Self::Sudo => with(root, "sudo", &["-n", "env"]),
        };
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"]);
        command.args(words);
        command
    }
}

fn with(root: &Path, name: &str, words: &[&str]) -> Command {
    let mut command = process::program(root, name);
    command.args(words);
    command
}

fn ends_well(root: &Path, name: &str, words: &[&str]) -> bool {
    process::succeeds(with(root, name, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_get_waits_for_its_lock_and_asks_nothing() {
        let root = process::shown(&Power::Root.apt_get(Path::new("/"), &["update"]));
        assert_eq!(root, "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 update");
        let sudo = process::shown(&Power::Sudo.apt_get(Path::new("/"), &["update"]));
        assert!(sudo.starts_with("sudo -n env DEBIAN_FRONTEND"), "{sudo}");
    }
}
