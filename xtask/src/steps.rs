//! What the gate does, in order. A new step is one more line.

use anyhow::{Result, ensure};

use crate::gate::Gate;
use crate::metadata::Metadata;
use crate::{budget, licences, packages, process, tidy};

/// The crate that users depend on.
const FACADE: &str = "dancecard";

/// One thing that the gate checks.
pub(crate) struct Step {
    /// The word that picks it on the command line.
    pub(crate) name: &'static str,
    /// What it does, for its heading.
    pub(crate) about: &'static str,
    /// Does it, and returns a note for the closing table.
    pub(crate) run: fn(&mut Gate) -> Result<String>,
}

/// All steps, quick ones first where nothing speaks against it.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "environment", about: "what the tests need on this machine", run: packages::provide },
    Step { name: "format", about: "rustfmt has nothing to change", run: format },
    Step { name: "tidy", about: "the project's own rules", run: tidy::run },
    Step { name: "clippy", about: "no warning in any target", run: clippy },
    Step { name: "tests", about: "every test and doc test of the workspace", run: tests },
    Step { name: "bars", about: "what a request costs stays below its bars", run: bars },
    Step { name: "docs", about: "the documentation builds without a warning", run: docs },
    Step {
        name: "features",
        about: "the facade builds with each feature alone and with none, and names the engines that it lacks",
        run: features,
    },
    Step { name: "budget", about: "how many crates the facade brings along", run: budget::run },
    Step { name: "licences", about: "every dependency's licence is allowed", run: licences::run },
];

fn cargo(gate: &Gate, words: &[&str]) -> Result<String> {
    process::run(process::cargo(&gate.root, words)).map(|()| String::new())
}

fn format(gate: &mut Gate) -> Result<String> {
    cargo(gate, &["fmt", "--all", "--check"])
}

fn clippy(gate: &mut Gate) -> Result<String> {
    cargo(gate, &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])
}

fn tests(gate: &mut Gate) -> Result<String> {
    let programs = gate.programs(&["--workspace", "--all-features"]);
    let documented = gate.tests(&["--workspace", "--all-features", "--doc"]);
    let note = format!("{}, {} in the documentation", programs?, documented?);
    let metadata = Metadata::of_workspace(&gate.root)?;
    let seen = gate.tally.documented();
    let missing: Vec<_> = metadata.libraries().filter(|name| !seen.contains(name)).collect();
    ensure!(missing.is_empty(), "no doc tests were run for {}", missing.join(", "));
    Ok(note)
}

/// In a workspace of its own, with the release profile: instructions are counted as users would have them.
fn bars(gate: &mut Gate) -> Result<String> {
    gate.tests(&["--release", "--manifest-path", "benches/Cargo.toml"])
}

fn docs(gate: &mut Gate) -> Result<String> {
    let mut command = process::cargo(&gate.root, &["doc", "--workspace", "--no-deps", "--all-features"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    process::run(command).map(|()| String::new())
}

fn features(gate: &mut Gate) -> Result<String> {
    let metadata = Metadata::of_workspace(&gate.root)?;
    let Some(facade) = metadata.package(FACADE) else { return Ok(format!("there is no {FACADE} yet")) };
    let mut bad = Vec::new();
    let alone =
        facade.features.keys().map(|feature| (feature.as_str(), vec!["--features", feature.as_str()]));
    for (name, words) in std::iter::once(("none", Vec::new())).chain(alone) {
        let words = [vec!["check", "-p", FACADE, "--no-default-features"], words].concat();
        if cargo(gate, &words).is_err() {
            bad.push(name);
        }
    }
    ensure!(bad.is_empty(), "broken: {}", bad.join(", "));
    let count = facade.features.len();
    // A build with all features lacks none.
    let words = ["-p", FACADE, "--no-default-features", "--features", "config", "--test", "it"];
    let lacking = gate.tests(&[&words[..], &["--", "lacking"]].concat())?;
    Ok(format!("{count} features; of a build without engines: {lacking}"))
}
