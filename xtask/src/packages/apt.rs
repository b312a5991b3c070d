//! An apt of its own, which changes nothing on the machine: packages of Debian, unpacked into a folder, which takes no
//! rights.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process;

const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Where packages come from, and what comes with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The release of the machine or the backports to it, with what the machine lacks of all that they need.
    Release,
    /// Another release of Debian, with all that they need, down to the C library.
    Suite(&'static str),
}

/// Unpacks packages into a folder of their own.
///
/// # Errors
/// When they can't be had, or there is no apt.
pub(super) fn unpack(folder: &Path, origin: Origin, names: &[&str]) -> Result<()> {
    let loading = folder.with_extension("loading");
    if loading.exists() {
        fs::remove_dir_all(&loading)?;
    }
    let packages = loading.join("packages");
    fs::create_dir_all(&packages)?;
    let (apt, needed) = resolve(&loading.join("apt"), origin, names)?;
    process::run(apt.download(&packages, &needed))?;
    let files = packages_in(&packages)?;
    println!("unpacking {} packages", files.len());
    for file in files {
        process::output(with(&packages, "dpkg", &["-x", &file, "unpacked"]))?;
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    // Only a complete one ever has the name.
    fs::rename(packages.join("unpacked"), folder)?;
    Ok(fs::remove_dir_all(loading)?)
}

/// An apt that knows the packages, and what is to be unpacked.
fn resolve(folder: &Path, origin: Origin, names: &[&str]) -> Result<(Apt, Vec<String>)> {
    let mut apt = Apt::new(folder.to_owned())?;
    let needed = match origin {
        Origin::Release => {
            apt.update()?;
            apt.needed(names).or_else(|_| {
                println!("this release has none: looking for a backport");
                apt.know(&[apt.release.clone(), format!("{}-backports", apt.release)])?;
                apt.needed(names)
            })?
        }
        Origin::Suite(suite) => {
            apt.know(&[suite.to_owned()])?;
            apt.forget_what_is_installed()?;
            apt.needed(names)?
        }
    };
    ensure!(!needed.is_empty(), "{} is installed, and does not work", names.join(", "));
    Ok((apt, needed))
}

struct Apt {
    folder: PathBuf,
    options: Vec<String>,
    /// The address that the machine takes its release from, and the release's name.
    archive: String,
    release: String,
}

impl Apt {
    /// One that takes its packages from where the machine does.
    fn new(folder: PathBuf) -> Result<Self> {
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let release = fs::read_to_string("/etc/os-release").context("this is no Debian")?;
        let release = codename(&release).context("this is no release of Debian")?.to_owned();
        let words = ["indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages"];
        let used = process::output(with(&folder, "apt-get", &words)).context("that takes apt-get")?;
        let archive = archive(&used, &release).context("apt has no archive of this release")?.to_owned();
        Ok(Self { options: options(&folder), folder, archive, release })
    }

    fn update(&self) -> Result<()> {
        process::run(self.get(&["update", "-q"]))
    }

    /// Has it know these releases alone.
    fn know(&mut self, suites: &[String]) -> Result<()> {
        let line = |suite: &String| format!("deb [signed-by={KEYS}] {} {suite} main\n", self.archive);
        let list = self.folder.join("sources.list");
        fs::write(&list, suites.iter().map(line).collect::<String>())?;
        self.options.push(format!("Dir::Etc::SourceList={}", list.display()));
        self.options.push("Dir::Etc::SourceParts=/dev/null".to_owned());
        self.update()
    }

    /// What the machine has fits no other release.
    fn forget_what_is_installed(&mut self) -> Result<()> {
        let status = self.folder.join("status");
        fs::write(&status, "")?;
        self.options.push(format!("Dir::State::status={}", status.display()));
        Ok(())
    }

    /// These packages, and what they need and is not there.
    fn needed(&self, names: &[&str]) -> Result<Vec<String>> {
        let words = ["install", "--simulate", "--no-install-recommends"];
        let words: Vec<&str> = words.iter().chain(names).copied().collect();
        process::output(self.get(&words)).map(|said| installed(&said))
    }

    fn get(&self, words: &[&str]) -> Command {
        let mut command = with(&self.folder, "apt-get", &[]);
        for option in &self.options {
            command.args(["-o", option]);
        }
        command.args(words);
        command
    }

    fn download(&self, folder: &Path, names: &[String]) -> Command {
        let mut command = self.get(&["download", "-q"]);
        command.args(names).current_dir(folder);
        command
    }
}

fn with(folder: &Path, name: &str, words: &[&str]) -> Command {
    let mut command = process::program(folder, name);
    command.args(words);
    command
}

fn options(folder: &Path) -> Vec<String> {
    let folder = folder.display();
    vec![
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

/// The packages that an installation would bring.
fn installed(simulation: &str) -> Vec<String> {
    let names = simulation.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
    names.map(str::to_owned).collect()
}

fn packages_in(folder: &Path) -> Result<Vec<String>> {
    let names = fs::read_dir(folder)?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let names: Vec<_> = names.filter(|name| name.ends_with(".deb")).collect();
    ensure!(!names.is_empty(), "apt-get has left no package in {}", folder.display());
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_release_comes_from_the_archive_of_the_machines() {
        let release = "NAME=\"Debian\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(codename(release), Some("bookworm"));
        let used = "http://a/debian-security/ bookworm-security\nhttp://a/debian/ bookworm\n";
        assert_eq!(archive(used, "bookworm"), Some("http://a/debian/"));
        assert_eq!(archive(used, "trixie"), None);
    }

    #[test]
    fn what_is_needed_is_read_from_a_simulation() {
        let said = "Reading package lists...\nInst libaio1t64 (0.3.113 Debian:unstable [amd64])\nInst b [1] (2 x)\nConf b (2 x)\n";
        assert_eq!(installed(said), ["libaio1t64", "b"]);
    }

    #[test]
    fn a_private_apt_touches_nothing_else() {
        let folder = PathBuf::from("/x");
        let (archive, release) = ("http://a/debian/".to_owned(), "bookworm".to_owned());
        let apt = Apt { options: options(&folder), folder, archive, release };
        let shown = process::shown(&apt.download(Path::new("/y"), &["a".to_owned(), "b".to_owned()]));
        assert!(
            shown.starts_with("apt-get -o Dir::State::Lists=/x/lists -o Dir::Cache=/x/cache -o "),
            "{shown}"
        );
        assert!(shown.ends_with(" download -q a b"), "{shown}");
    }
}
