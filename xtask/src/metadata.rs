//! What cargo knows about the workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// The part of `cargo metadata` that is used here.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: BTreeSet<String>,
    resolve: Option<Resolve>,
}

/// One package, of the workspace or from outside.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) source: Option<String>,
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    #[serde(default)]
    doctest: bool,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    kind: Option<String>,
}

impl Dependency {
    fn is_only_for_tests(&self) -> bool {
        self.dep_kinds.iter().all(|kind| kind.kind.as_deref() == Some("dev"))
    }
}

impl Metadata {
    /// The packages of the workspace alone.
    ///
    /// # Errors
    /// When cargo can't read the workspace.
    pub(crate) fn of_workspace(root: &Path) -> Result<Self> {
        Self::read(root, &["--no-deps"])
    }

    /// The packages of the workspace and all their dependencies, on every platform and with every feature.
    ///
    /// # Errors
    /// When cargo can't read the workspace or fetch the dependencies.
    pub(crate) fn of_everything(root: &Path) -> Result<Self> {
        Self::read(root, &["--all-features"])
    }

    fn read(root: &Path, words: &[&str]) -> Result<Self> {
        let mut command = process::cargo(root, &["metadata", "--quiet", "--format-version", "1"]);
        command.args(words);
        Self::parse(&process::output(command)?)
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).context("cargo's metadata have another shape than expected")
    }

    /// The package of that name, if the workspace has it.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.members().find(|package| package.name == name)
    }

    /// The packages of the workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Libraries of the workspace with doc tests, by their names in code.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = String> {
        let targets = self.members().flat_map(|package| &package.targets);
        targets
            .filter(|target| target.doctest && target.kind.iter().any(|kind| kind == "lib"))
            .map(|target| target.name.replace('-', "_"))
    }

    /// Everything that comes along when these packages are built for use, not for their tests.
    pub(crate) fn shipped_with<'a>(&'a self, roots: impl Iterator<Item = &'a Package>) -> BTreeSet<&'a str> {
        let mut open: Vec<&str> = roots.map(|package| package.id.as_str()).collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                let shipped = self.dependencies(id).filter(|dependency| !dependency.is_only_for_tests());
                open.extend(shipped.map(|dependency| dependency.pkg.as_str()));
            }
        }
        seen
    }

    fn dependencies(&self, id: &str) -> impl Iterator<Item = &Dependency> {
        let nodes = self.resolve.iter().flat_map(|resolve| &resolve.nodes);
        nodes.filter(move |node| node.id == id).flat_map(|node| &node.deps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"{
        "packages": [
            {"id": "a", "name": "a-b", "version": "1.0.0", "license": "MIT", "source": null,
             "features": {"x": []}, "targets": [
                {"name": "a_b", "kind": ["lib"], "doctest": true},
                {"name": "quiet", "kind": ["lib"], "doctest": false},
                {"name": "it", "kind": ["test"], "doctest": false}]},
            {"id": "n", "name": "normal", "version": "1.0.0", "license": "MIT", "source": "registry"},
            {"id": "b", "name": "build", "version": "1.0.0", "license": "MIT", "source": "registry"},
            {"id": "d", "name": "dev", "version": "1.0.0", "license": "MIT", "source": "registry"}],
        "workspace_members": ["a"],
        "resolve": {"nodes": [
            {"id": "a", "deps": [
                {"pkg": "n", "dep_kinds": [{"kind": "dev"}, {"kind": null}]},
                {"pkg": "d", "dep_kinds": [{"kind": "dev"}]}]},
            {"id": "n", "deps": [{"pkg": "b", "dep_kinds": [{"kind": "build"}]}]},
            {"id": "b", "deps": []}, {"id": "d", "deps": []}]}}"#;

    #[test]
    fn only_members_with_doc_tests_are_libraries() {
        let metadata = Metadata::parse(SAMPLE).unwrap();
        assert_eq!(metadata.libraries().collect::<Vec<_>>(), ["a_b"]);
        assert!(metadata.package("a-b").is_some_and(|package| package.features.contains_key("x")));
        assert!(metadata.package("normal").is_none());
    }

    #[test]
    fn what_only_tests_need_is_not_shipped() {
        let metadata = Metadata::parse(SAMPLE).unwrap();
        let shipped = metadata.shipped_with(metadata.members());
        assert_eq!(shipped.into_iter().collect::<Vec<_>>(), ["a", "b", "n"]);
    }
}
