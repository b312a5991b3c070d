//! Each package says what it is, and takes licence, Rust version and lints from the workspace.

use serde_json::Value;

use crate::tidy::Finding;
use crate::tidy::sources::Sources;

const ROOT: &str = "Cargo.toml";

/// Checks every package's manifest, in `crates/` and elsewhere.
pub(crate) fn members(sources: &Sources) -> Vec<Finding> {
    let manifests = sources.texts().filter(|(path, _)| path.ends_with("/Cargo.toml"));
    let mut findings = Vec::new();
    for (path, text) in manifests {
        match basic_toml::from_str::<Value>(text) {
            // A folder with a workspace of its own, such as the benches against other libraries, has its own rules.
            Ok(manifest) if manifest.get("workspace").is_some() => {}
            Ok(manifest) => findings.extend(faults(path, &manifest).map(|fault| Finding::fault(path, fault))),
            Err(error) => findings.push(Finding::fault(path, format!("does not parse: {error}"))),
        }
    }
    findings.extend(sources.text(ROOT).is_none().then(|| Finding::fault(ROOT, "is missing")));
    findings
}

fn faults(path: &str, manifest: &Value) -> impl Iterator<Item = &'static str> {
    let says = |pointer: &str| {
        manifest.pointer(pointer).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
    };
    let inherits =
        |pointer: &str| manifest.pointer(&format!("{pointer}/workspace")) == Some(&Value::Bool(true));
    let is_library = path.starts_with("crates/");
    let silent = is_library && manifest.pointer("/lib/doctest") == Some(&Value::Bool(false));
    [
        (says("/package/description"), "has no description"),
        (inherits("/package/license"), "`license.workspace = true` is missing"),
        // An engine whose client wants a newer one says which.
        (
            inherits("/package/rust-version") || says("/package/rust-version"),
            "`rust-version.workspace = true` is missing",
        ),
        (inherits("/package/edition"), "`edition.workspace = true` is missing"),
        (inherits("/lints"), "`[lints] workspace = true` is missing"),
        (!silent, "`doctest = false` hides examples that may not compile"),
    ]
    .into_iter()
    .filter_map(|(good, fault)| (!good).then_some(fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = 'x'\ndescription = 'An x.'\nlicense.workspace = true\n\
        edition.workspace = true\nrust-version = { workspace = true }\n[lints]\nworkspace = true\n";

    fn findings(manifest: &str) -> Vec<Finding> {
        members(&Sources::sample(&[(ROOT, ""), ("crates/x/Cargo.toml", manifest)]))
    }

    #[test]
    fn a_complete_manifest_passes() {
        assert_eq!(findings(GOOD), []);
        assert_eq!(findings(&format!("{GOOD}[lib]\nname = 'y'\n")), []);
    }

    #[test]
    fn each_missing_line_is_named() {
        for line in GOOD.lines().filter(|line| line.contains("workspace") || line.contains("description")) {
            assert_eq!(findings(&GOOD.replace(line, "")).len(), 1, "{line}");
        }
        assert_eq!(findings(&GOOD.replace("license.workspace = true", "license = 'MIT'")).len(), 1);
        assert_eq!(findings(&format!("{GOOD}[lib]\ndoctest = false\n")).len(), 1);
    }

    #[test]
    fn an_engine_may_want_a_newer_compiler() {
        assert_eq!(findings(&GOOD.replace("{ workspace = true }", "'1.91'")), []);
    }

    #[test]
    fn an_app_may_go_without_doc_tests() {
        let app = format!("{GOOD}[lib]\ndoctest = false\n");
        assert_eq!(members(&Sources::sample(&[(ROOT, ""), ("examples/x/Cargo.toml", &app)])), []);
    }

    #[test]
    fn broken_manifests_are_faults_and_other_workspaces_are_not() {
        assert_eq!(findings("[package").len(), 1);
        assert_eq!(findings("[workspace]\n[package]\nname = 'benches'\n"), []);
    }
}
