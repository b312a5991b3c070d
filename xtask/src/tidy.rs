//! The rules that no compiler checks. Each is a function over the files of the repository, and says what to do.

use std::fmt;

use anyhow::{Result, bail};

use crate::gate::Gate;
use crate::metadata::Metadata;
use crate::process;
use crate::tidy::sources::Sources;

mod engines;
mod files;
mod functions;
mod invariants;
mod links;
mod machine;
mod manifests;
mod markdown;
mod sources;
mod traits;

const CORE: &str = "dancecard-core";

/// Something that breaks a rule, or comes close.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    severity: Severity,
    place: String,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Fault,
    Warning,
}

impl Finding {
    fn fault(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Fault, place: place.into(), message: message.into() }
    }

    fn warning(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, place: place.into(), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Fault => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{word}: {}: {}", self.place, self.message)
    }
}

const RULES: &[fn(&Sources) -> Vec<Finding>] = &[
    sources::unreadable,
    functions::lengths,
    functions::medians,
    files::lengths,
    files::names,
    traits::required_methods,
    engines::files,
    engines::headings,
    engines::words,
    manifests::members,
    machine::mentions,
    machine::lock,
    links::targets,
];

/// Checks all rules.
///
/// # Errors
/// When one is broken.
pub(crate) fn run(gate: &mut Gate) -> Result<String> {
    let sources = Sources::read(&gate.root)?;
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&sources)).collect();
    findings.extend(core_tree(gate)?);
    findings.iter().for_each(|finding| println!("{finding}"));
    let faults = findings.iter().filter(|finding| finding.severity == Severity::Fault).count();
    let note = format!("{faults} errors, {} warnings", findings.len() - faults);
    println!("{} files: {note}", sources.texts().count());
    if faults == 0 { Ok(note) } else { bail!(note) }
}

fn core_tree(gate: &Gate) -> Result<Vec<Finding>> {
    if Metadata::of_workspace(&gate.root)?.package(CORE).is_none() {
        return Ok(Vec::new());
    }
    let words = ["tree", "-p", CORE, "--all-features", "-e", "normal", "--prefix", "none", "-f", "{p}|{f}"];
    Ok(invariants::core_tree(&process::output(process::cargo(&gate.root, &words))?))
}
