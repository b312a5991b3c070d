//! How many crates a user of the facade builds.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::gate::Gate;
use crate::metadata::Metadata;
use crate::process;

const FACADE: &str = "dancecard";
const FEATURES: &str = "axum,memory";
const LIMIT: usize = 90;

/// Counts the crates that axum with the memory engine takes, and fails above the limit.
///
/// # Errors
/// When there are too many, or the facade lacks one of the features.
pub(crate) fn run(gate: &mut Gate) -> Result<String> {
    if Metadata::of_workspace(&gate.root)?.package(FACADE).is_none() {
        return Ok(format!("there is no {FACADE} yet"));
    }
    let words = ["tree", "-p", FACADE, "--no-default-features", "--features", FEATURES];
    let mut command = process::cargo(&gate.root, &words);
    command.args(["-e", "normal,build", "--prefix", "none"]);
    let note = format!("{} crates of at most {LIMIT}", within(&process::output(command)?)?);
    println!("{FACADE} with {FEATURES}: {note}");
    Ok(note)
}

fn within(tree: &str) -> Result<usize> {
    let crates = crates(tree);
    ensure!(crates.len() <= LIMIT, "{} crates, {LIMIT} allowed:\n{}", crates.len(), listed(&crates));
    Ok(crates.len())
}

/// Name and version of each crate in cargo's tree, the facade itself included.
fn crates(tree: &str) -> BTreeSet<(&str, &str)> {
    let words = tree.lines().map(str::split_whitespace);
    words.filter_map(|mut words| Some((words.next()?, words.next()?))).collect()
}

fn listed(crates: &BTreeSet<(&str, &str)>) -> String {
    crates.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_of_a_crate_counts_once() {
        let tree =
            "dancecard v0.1.0 (/somewhere)\nhttp v1.3.0\nserde v1.0.0 (*)\nserde v1.0.0\nhttp v0.2.0\n\n";
        assert_eq!(within(tree).unwrap(), 4);
    }

    #[test]
    fn one_crate_too_many_is_too_many() {
        let tree: String = (0..LIMIT).map(|i| format!("crate-{i} v1.0.0\n")).collect();
        assert_eq!(within(&tree).unwrap(), LIMIT);
        assert!(within(&(tree + "straw v1.0.0")).is_err());
    }
}
