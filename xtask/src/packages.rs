//! What the tests need beyond Rust: Debian packages and parts of the toolchain.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::gate::Gate;
use crate::process;

/// The variable that names what tests must not do without: with it, a missing thing is a failure, not a skipped test.
pub(crate) const REQUIRE: &str = "DANCECARD_TEST_REQUIRE";

/// A Debian package that some tests need.
struct Package {
    name: &'static str,
    /// A command that ends well exactly if the package is there.
    probe: &'static [&'static str],
    /// The word for it in [`REQUIRE`].
    requirement: &'static str,
    /// The tests that need it.
    needed_by: &'static str,
}

const PACKAGES: &[Package] = &[
    Package {
        name: "chromium",
        probe: &["chromium", "--version"],
        requirement: "browser",
        needed_by: "the example's tests in a real browser",
    },
    Package {
        name: "chromium-driver",
        probe: &["chromedriver", "--version"],
        requirement: "browser",
        needed_by: "the example's tests in a real browser",
    },
    Package {
        name: "valgrind",
        probe: &["valgrind", "--version"],
        requirement: "valgrind",
        needed_by: "the tests that count instructions",
    },
];

/// A component of the Rust toolchain that steps of the gate need.
struct Component {
    name: &'static str,
    probe: &'static str,
}

const COMPONENTS: &[Component] =
    &[Component { name: "rustfmt", probe: "fmt" }, Component { name: "clippy", probe: "clippy" }];

/// Checks what is there, and installs what is missing where that is possible.
///
/// # Errors
/// When something stays missing and nothing may be overlooked.
pub(crate) fn provide(gate: &mut Gate) -> Result<String> {
    provide_components(&gate.root)?;
    let wanting = missing();
    if wanting.is_empty() {
        return Ok("all there".to_owned());
    }
    println!("missing: {}", names(&wanting).join(", "));
    if let Err(error) = install(&gate.root, &wanting) {
        println!("not installed: {error:#}");
    }
    verdict(&missing(), gate.ci)
}

fn verdict(wanting: &[&Package], ci: bool) -> Result<String> {
    for package in wanting {
        println!("without {}, these can't run: {}", package.name, package.needed_by);
    }
    let names = names(wanting).join(", ");
    match (wanting.is_empty(), ci) {
        (true, _) => Ok("installed what was missing".to_owned()),
        (false, false) => Ok(format!("without {names}")),
        (false, true) => bail!("{names} can't be installed, and CI=true lets no test be skipped"),
    }
}

/// The value of [`REQUIRE`]: what the caller asks for, and what is there; everything where nothing may be overlooked.
pub(crate) fn required(ci: bool) -> String {
    let wanting = if ci { Vec::new() } else { missing() };
    let asked = std::env::var(REQUIRE).unwrap_or_default();
    requirements(&asked, &wanting).into_iter().collect::<Vec<_>>().join(",")
}

fn requirements<'a>(asked: &'a str, wanting: &[&Package]) -> BTreeSet<&'a str> {
    let lacks = |word: &str| wanting.iter().any(|package| package.requirement == word);
    let present = PACKAGES.iter().map(|package| package.requirement).filter(|word| !lacks(word));
    asked.split(',').map(str::trim).filter(|word| !word.is_empty()).chain(present).collect()
}

fn names(packages: &[&Package]) -> Vec<&'static str> {
    packages.iter().map(|package| package.name).collect()
}

fn missing() -> Vec<&'static Package> {
    PACKAGES.iter().filter(|package| !is_there(package)).collect()
}

fn is_there(package: &Package) -> bool {
    let Some((name, words)) = package.probe.split_first() else { return false };
    let mut probe = process::program(Path::new("."), name);
    probe.args(words);
    process::succeeds(probe)
}

fn install(root: &Path, packages: &[&Package]) -> Result<()> {
    let Some(power) = Power::found(root) else {
        bail!("that takes apt-get, and root or sudo without a password")
    };
    process::run(power.apt_get(root, &["update"]))?;
    let words: Vec<&str> =
        ["install", "-y", "--no-install-recommends"].into_iter().chain(names(packages)).collect();
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

fn provide_components(root: &Path) -> Result<()> {
    let is_missing =
        |component: &&Component| !process::succeeds(process::cargo(root, &[component.probe, "--version"]));
    let wanting: Vec<&str> = COMPONENTS.iter().filter(is_missing).map(|component| component.name).collect();
    if wanting.is_empty() {
        return Ok(());
    }
    println!("missing parts of the toolchain: {}", wanting.join(", "));
    let mut command = process::program(root, "rustup");
    command.args(["component", "add"]).args(&wanting);
    process::run(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(requirement: &str) -> &'static Package {
        PACKAGES.iter().find(|package| package.requirement == requirement).unwrap()
    }

    #[test]
    fn what_is_there_is_required() {
        assert_eq!(requirements("", &[]), BTreeSet::from(["browser", "valgrind"]));
        assert_eq!(requirements("", &[package("browser")]), BTreeSet::from(["valgrind"]));
    }

    #[test]
    fn what_the_caller_asks_for_is_required_even_if_it_is_missing() {
        let asked = requirements("browser, redis,", &[package("browser")]);
        assert_eq!(asked, BTreeSet::from(["browser", "redis", "valgrind"]));
    }

    #[test]
    fn only_a_strict_run_fails_for_a_missing_package() {
        let wanting = [package("valgrind")];
        assert!(verdict(&wanting, true).unwrap_err().to_string().starts_with("valgrind"));
        assert_eq!(verdict(&wanting, false).unwrap(), "without valgrind");
        assert!(verdict(&[], true).is_ok());
    }

    #[test]
    fn packages_are_probed() {
        let bogus =
            Package { name: "x", probe: &["no-such-program-anywhere"], requirement: "x", needed_by: "x" };
        assert!(!is_there(&bogus));
        assert!(is_there(&Package { probe: &["rustc", "--version"], ..bogus }));
    }

    #[test]
    fn apt_get_waits_for_its_lock_and_asks_nothing() {
        let root = process::shown(&Power::Root.apt_get(Path::new("/"), &["update"]));
        assert_eq!(root, "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 update");
        let sudo = process::shown(&Power::Sudo.apt_get(Path::new("/"), &["update"]));
        assert!(sudo.starts_with("sudo -n env DEBIAN_FRONTEND"), "{sudo}");
    }
}
