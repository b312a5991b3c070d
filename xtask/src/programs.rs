//! Test programs, several at once: many of them wait for a server or a disk for most of their time.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// A test program that cargo has built.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The package, as its library is called in code.
    pub(crate) package: String,
    /// What cargo would say of it: `Running tests/it/main.rs (it-0123)`.
    pub(crate) heading: String,
    /// The words that run it alone, for `cargo test`.
    pub(crate) rerun: String,
    /// The folder of the package, in which it runs.
    folder: PathBuf,
    path: PathBuf,
}

/// Builds all test programs that `cargo test` would run with these words.
///
/// # Errors
/// When one can't be built.
pub(crate) fn build(root: &Path, words: &[&str]) -> Result<Vec<Program>> {
    let fixed = ["test", "--no-run", "--message-format", "json-render-diagnostics"];
    let mut command = process::cargo(root, &fixed);
    command.args(words);
    println!("$ {}", process::shown(&command));
    process::output(command)?.lines().filter_map(|line| program_in(line).transpose()).collect()
}

/// Runs them, at most so many at once, and hands each over with all that it said, as soon as it has ended.
///
/// The largest begin first: they hold the clients of servers, and take the longest.
///
/// # Errors
/// When one can't be started.
pub(crate) fn run(
    mut programs: Vec<Program>,
    at_once: usize,
    variables: &[(&str, String)],
    mut ended: impl FnMut(&Program, bool, &str),
) -> Result<()> {
    programs.sort_by_key(|program| std::cmp::Reverse(program.size()));
    let waiting = Mutex::new(VecDeque::from(programs));
    let (results, done) = channel();
    thread::scope(|scope| {
        for results in vec![results; at_once] {
            scope.spawn(|| work(&waiting, variables, results));
        }
        done.iter().try_for_each(|(program, outcome)| {
            let (well, said): (bool, String) = outcome?;
            ended(&program, well, &said);
            Ok(())
        })
    })
}

type Outcome = Result<(bool, String)>;

fn work(
    waiting: &Mutex<VecDeque<Program>>,
    variables: &[(&str, String)],
    results: Sender<(Program, Outcome)>,
) {
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some(program) = next() {
        let outcome = process::gather(program.command(variables));
        let outcome = outcome.map(|(status, said)| (status.success(), said));
        if results.send((program, outcome)).is_err() {
            return;
        }
    }
}

impl Program {
    fn size(&self) -> u64 {
        self.path.metadata().map_or(0, |file| file.len())
    }

    fn command(&self, variables: &[(&str, String)]) -> Command {
        let mut command = process::program(&self.folder, &self.path);
        command.env("CARGO_MANIFEST_DIR", &self.folder).env("CARGO_PKG_NAME", self.package.replace('_', "-"));
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The part of cargo's message about something built that is used here.
#[derive(Debug, Deserialize)]
struct Message {
    package_id: Option<String>,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    profile: Option<Profile>,
    executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    src_path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Profile {
    test: bool,
}

fn program_in(line: &str) -> Result<Option<Program>> {
    let message: Message = serde_json::from_str(line).context("cargo's messages have another shape")?;
    Ok(message.program())
}

impl Message {
    /// The program, if this is about one with tests.
    fn program(self) -> Option<Program> {
        let path = self.executable.filter(|_| self.profile.is_some_and(|profile| profile.test))?;
        let (folder, target) = (self.manifest_path?.parent()?.to_owned(), self.target?);
        let package = package_in(self.package_id.as_deref()?);
        let file = path.file_name()?.to_string_lossy();
        let heading = format!("Running {} ({file})", target.source(&folder));
        let rerun = format!("-p {package} {}", target.words());
        Some(Program { package: package.replace('-', "_"), heading, rerun, folder, path })
    }
}

impl Target {
    fn kind(&self) -> &str {
        self.kind.first().map_or("lib", String::as_str)
    }

    fn source(&self, folder: &Path) -> String {
        let path = self.src_path.strip_prefix(folder).unwrap_or(&self.src_path).display();
        if self.kind() == "test" { path.to_string() } else { format!("unittests {path}") }
    }

    fn words(&self) -> String {
        match self.kind() {
            "lib" => "--lib".to_owned(),
            kind => format!("--{kind} {}", self.name),
        }
    }
}

/// The name in `path+file:///a/folder#name@1.0.0`, or in `path+file:///a/name#1.0.0`.
fn package_in(id: &str) -> &str {
    let (path, end) = id.rsplit_once('#').unwrap_or((id, ""));
    end.split_once('@').map_or_else(|| path.rsplit('/').next().unwrap_or(path), |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, kind: &str, test: bool) -> String {
        let target = format!(r#"{{"name": "it", "kind": ["{kind}"], "src_path": "/r/a/tests/it/main.rs"}}"#);
        format!(
            r#"{{"reason": "compiler-artifact", "package_id": "{id}", "manifest_path": "/r/a/Cargo.toml",
                "target": {target}, "profile": {{"test": {test}}}, "executable": "/t/deps/it-0123"}}"#
        )
    }

    #[test]
    fn programs_with_tests_are_found_among_the_messages() {
        let program = program_in(&message("path+file:///r/a#b-c@0.1.0", "test", true)).unwrap().unwrap();
        assert_eq!(program.package, "b_c");
        assert_eq!(program.heading, "Running tests/it/main.rs (it-0123)");
        assert_eq!(program.rerun, "-p b-c --test it");
        assert_eq!((program.folder, program.path), ("/r/a".into(), "/t/deps/it-0123".into()));

        let own = program_in(&message("path+file:///r/a#0.1.0", "lib", true)).unwrap().unwrap();
        assert_eq!((own.package.as_str(), own.rerun.as_str()), ("a", "-p a --lib"));
        assert!(own.heading.starts_with("Running unittests "), "{}", own.heading);

        assert_eq!(program_in(&message("path+file:///r/a#0.1.0", "bin", false)).unwrap(), None);
        assert_eq!(program_in(r#"{"reason": "build-finished", "success": true}"#).unwrap(), None);
        assert!(program_in("cargo says something else").is_err());
    }

    #[cfg(unix)]
    fn script(name: &str, text: &str) -> Program {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = std::env::temp_dir();
        let path = folder.join(format!("{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (heading, rerun) = (String::new(), String::new());
        Program { package: name.to_owned(), heading, rerun, folder, path }
    }

    /// The first waits for a file that the second makes, so neither could end if they did not run at once.
    #[test]
    #[cfg(unix)]
    fn several_run_at_once_and_say_how_they_ended() {
        let sign = std::env::temp_dir().join(format!("xtask-sign-{}", std::process::id()));
        let wait = format!("#!/bin/sh\nuntil [ -e {0} ]; do :; done\necho $WORD in $PWD", sign.display());
        let give = format!("#!/bin/sh\n: > {}\nexit 1", sign.display());
        let programs = vec![script("xtask-wait", &wait), script("xtask-give", &give)];
        let paths: Vec<_> = programs.iter().map(|program| program.path.clone()).collect();
        let mut ends = Vec::new();
        let variables = [("WORD", "here".to_owned())];
        run(programs, 2, &variables, |program, well, said| {
            ends.push((program.package.clone(), well, said.starts_with("here in /")));
        })
        .unwrap();
        paths.iter().chain([&sign]).for_each(|path| std::fs::remove_file(path).unwrap());
        ends.sort();
        assert_eq!(ends, [("xtask-give".to_owned(), false, false), ("xtask-wait".to_owned(), true, true)]);
    }
}
