//! Packages of Debian: installed for everybody, or unpacked into a folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::process;

const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Installs packages with one call.
///
/// # Errors
/// When this process may not, or an installation fails twice.
pub(super) fn install(root: &Path, names: &[&str]) -> Result<()> {
    let Some(power) = Power::found(root) else {
        bail!("that takes apt-get, and root or sudo without a password")
    };
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
enum Power {
    Root,
    Sudo,
}

impl Power {
    fn found(root: &Path) -> Option<Self> {
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

/// Unpacks packages into a folder of their own, which takes no rights. They come from the archive that the machine uses,
/// or from the backports to its release.
///
/// # Errors
/// When neither has them.
pub(super) fn unpack(folder: &Path, names: &[&str]) -> Result<()> {
    let loading = folder.with_extension("loading");
    if loading.exists() {
        fs::remove_dir_all(&loading)?;
    }
    fs::create_dir_all(&loading)?;
    if process::run(download(&loading, &[], names)).is_err() {
        println!("this release has none: looking for a backport");
        let sources = Backports::prepare(&loading.join("apt"))?;
        process::run(apt_get(&loading, &sources.words, &["update"]))?;
        process::run(download(&loading, &sources.words, names))?;
    }
    for package in packages_in(&loading)? {
        process::run(with(&loading, "dpkg", &["-x", &package, "unpacked"]))?;
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    // Only a complete one ever has the name.
    fs::rename(loading.join("unpacked"), folder)?;
    Ok(fs::remove_dir_all(loading)?)
}

fn apt_get(folder: &Path, options: &[String], words: &[&str]) -> Command {
    let mut command = with(folder, "apt-get", &[]);
    for option in options {
        command.args(["-o", option]);
    }
    command.args(words);
    command
}

fn download(folder: &Path, options: &[String], names: &[&str]) -> Command {
    let words: Vec<&str> = std::iter::once("download").chain(names.iter().copied()).collect();
    apt_get(folder, options, &words)
}

fn packages_in(folder: &Path) -> Result<Vec<String>> {
    let names = fs::read_dir(folder)?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let names: Vec<_> = names.filter(|name| name.ends_with(".deb")).collect();
    ensure!(!names.is_empty(), "apt-get has left no package in {}", folder.display());
    Ok(names)
}

/// An apt of its own, which knows the backports alone: that of the machine stays as it is.
struct Backports {
    words: Vec<String>,
}

impl Backports {
    fn prepare(folder: &Path) -> Result<Self> {
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let release = fs::read_to_string("/etc/os-release").context("this is no Debian")?;
        let codename = codename(&release).context("this is no release of Debian")?;
        let list = folder.join("sources.list");
        let words = ["indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages"];
        let used = process::output(with(folder, "apt-get", &words))?;
        let archive = archive(&used, codename).context("apt has no archive of this release")?;
        fs::write(&list, format!("deb [signed-by={KEYS}] {archive} {codename}-backports main\n"))?;
        Ok(Self { words: options(folder) })
    }
}

fn options(folder: &Path) -> Vec<String> {
    let folder = folder.display();
    vec![
        format!("Dir::Etc::SourceList={folder}/sources.list"),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        format!("Dir::State::Lists={folder}/lists"),
        format!("Dir::Cache={folder}/cache"),
        // The folder is not the one that apt's own user may write to.
        "APT::Sandbox::User=".to_owned(),
    ]
}

fn codename(release: &str) -> Option<&str> {
    release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))
}

/// The address from which the machine takes the release itself.
fn archive<'a>(used: &'a str, codename: &str) -> Option<&'a str> {
    used.lines().find_map(|line| line.strip_suffix(codename)?.strip_suffix(' '))
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

    #[test]
    fn backports_come_from_the_archive_of_the_release() {
        let release = "NAME=\"Debian\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(codename(release), Some("bookworm"));
        let used = "http://a/debian-security/ bookworm-security\nhttp://a/debian/ bookworm\n";
        assert_eq!(archive(used, "bookworm"), Some("http://a/debian/"));
        assert_eq!(archive(used, "trixie"), None);
    }

    #[test]
    fn a_private_apt_touches_nothing_else() {
        let options = options(Path::new("/x"));
        assert!(options.iter().any(|option| option == "Dir::State::Lists=/x/lists"), "{options:?}");
        let shown = process::shown(&download(Path::new("/"), &options, &["a", "b"]));
        assert!(shown.starts_with("apt-get -o Dir::Etc::SourceList=/x/sources.list -o "), "{shown}");
        assert!(shown.ends_with(" download a b"), "{shown}");
    }
}
