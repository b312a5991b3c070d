//! Every dependency may be used under a licence that `deny.toml` allows.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::gate::Gate;
use crate::metadata::{Metadata, Package};

mod expression;

const POLICY: &str = "deny.toml";
const NAMED: &str = "docs/licences.md";

/// The part of cargo-deny's configuration that is used here, so that both tools follow one list.
#[derive(Debug, Deserialize)]
struct Deny {
    licenses: Policy,
}

#[derive(Debug, Deserialize)]
struct Policy {
    allow: BTreeSet<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

/// A licence that one crate may have, because only tests and tools use it.
#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: BTreeSet<String>,
}

/// Checks all dependencies, on every platform and with every feature.
///
/// # Errors
/// When one has a licence that is not allowed, or an unusual one that is shipped or not written down.
pub(crate) fn run(gate: &mut Gate) -> Result<String> {
    let metadata = Metadata::of_everything(&gate.root)?;
    let deny: Deny = basic_toml::from_str(&read(&gate.root, POLICY)?).context(POLICY)?;
    let faults = faults(&metadata, &deny.licenses, &read(&gate.root, NAMED)?);
    let outside = metadata.packages.iter().filter(|package| package.source.is_some()).count();
    match faults.as_slice() {
        [] => Ok(format!("{outside} dependencies")),
        faults => bail!("{} of {outside} dependencies:\n{}", faults.len(), faults.join("\n")),
    }
}

fn read(root: &Path, path: &str) -> Result<String> {
    std::fs::read_to_string(root.join(path)).with_context(|| format!("can't read {path}"))
}

fn faults(metadata: &Metadata, policy: &Policy, named: &str) -> Vec<String> {
    let libraries = metadata.members().filter(|package| package.name != "xtask");
    let shipped = metadata.shipped_with(libraries);
    let outside = metadata.packages.iter().filter(|package| package.source.is_some());
    let fault = |package: &Package| policy.fault(package, shipped.contains(package.id.as_str()), named);
    outside
        .filter_map(|package| {
            fault(package).map(|why| format!("{} {}: {why}", package.name, package.version))
        })
        .collect()
}

impl Policy {
    /// What is wrong with a package's licence, if anything is.
    fn fault(&self, package: &Package, shipped: bool, named: &str) -> Option<String> {
        let Some(licence) = &package.license else { return Some("it names no licence".to_owned()) };
        if expression::allows(licence, &|id| self.allow.contains(id)) {
            return None;
        }
        let excepted = |id: &str| self.allow.contains(id) || self.excepts(&package.name, id);
        if !expression::allows(licence, &excepted) {
            return Some(format!("`{licence}` is not allowed in {POLICY}"));
        }
        if shipped {
            return Some(format!("`{licence}` is allowed for tests and tools only, and this is shipped"));
        }
        (!named.contains(&format!("`{}`", package.name)))
            .then(|| format!("`{licence}` is unusual: name it in {NAMED}"))
    }

    fn excepts(&self, name: &str, id: &str) -> bool {
        self.exceptions.iter().any(|exception| exception.name == name && exception.allow.contains(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        let text = "[licenses]\nallow = ['MIT']\nexceptions = [{ crate = 'odd', allow = ['MPL-2.0'] }]";
        basic_toml::from_str::<Deny>(text).unwrap().licenses
    }

    fn metadata(name: &str, licence: &str, kind: &str) -> Metadata {
        Metadata::parse(&format!(
            r#"{{"packages": [
                {{"id": "m", "name": "member", "version": "1.0.0", "license": "MIT", "source": null}},
                {{"id": "d", "name": "{name}", "version": "2.0.0", "license": {licence}, "source": "registry"}}],
              "workspace_members": ["m"],
              "resolve": {{"nodes": [
                {{"id": "m", "deps": [{{"pkg": "d", "dep_kinds": [{{"kind": {kind}}}]}}]}},
                {{"id": "d", "deps": []}}]}}}}"#
        ))
        .unwrap()
    }

    fn verdict(name: &str, licence: &str, kind: &str, named: &str) -> String {
        faults(&metadata(name, licence, kind), &policy(), named).join("\n")
    }

    #[test]
    fn allowed_licences_pass() {
        assert_eq!(verdict("any", r#""GPL-3.0 OR MIT""#, "null", ""), "");
    }

    #[test]
    fn other_licences_and_none_fail() {
        assert!(verdict("any", r#""GPL-3.0-only""#, "null", "").contains("not allowed"));
        assert!(verdict("any", r#""MPL-2.0""#, r#""dev""#, "").contains("not allowed"));
        assert!(verdict("any", "null", "null", "").contains("no licence"));
    }

    #[test]
    fn exceptions_hold_for_tests_only_and_must_be_written_down() {
        assert!(verdict("odd", r#""MPL-2.0""#, "null", "`odd`").contains("shipped"));
        assert!(verdict("odd", r#""MPL-2.0""#, r#""dev""#, "").contains("name it"));
        assert_eq!(verdict("odd", r#""MPL-2.0""#, r#""dev""#, "such as `odd`"), "");
    }
}
