//! What the centre does without, read from its dependency tree.

use crate::tidy::Finding;

/// Crates that would bring HTTP, a framework, a runtime or cookies into the centre, and everything named after them.
const FOREIGN: &[&str] = &[
    "actix",
    "async-io",
    "async-std",
    "axum",
    "cookie",
    "h2",
    "http",
    "httparse",
    "hyper",
    "mio",
    "poem",
    "rocket",
    "salvo",
    "smol",
    "socket2",
    "tower",
];

/// The only parts of tokio that need no runtime.
const TOKIO: &[&str] = &["sync"];

/// Judges lines of `name vX.Y.Z|feature,feature`, as `cargo tree` prints them.
pub(crate) fn core_tree(tree: &str) -> Vec<Finding> {
    let mut faults: Vec<String> = tree.lines().filter_map(fault).collect();
    faults.sort_unstable();
    faults.dedup();
    faults.into_iter().map(|message| Finding::fault(super::CORE, message)).collect()
}

fn fault(line: &str) -> Option<String> {
    let (package, features) = line.split_once('|')?;
    let name = package.split_whitespace().next()?;
    if name == "tokio" {
        return runtime_in(features);
    }
    let foreign = FOREIGN.iter().any(|word| is_named_after(name, word)) || name.starts_with("tokio-");
    foreign.then(|| {
        format!("`{name}` is in its dependency tree: it knows nothing of HTTP, frameworks and runtimes")
    })
}

/// `axum` and `axum-core`, but not `axumina`.
fn is_named_after(name: &str, word: &str) -> bool {
    name.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn runtime_in(features: &str) -> Option<String> {
    let features = features.split_whitespace().next().unwrap_or_default();
    let extra: Vec<_> =
        features.split(',').filter(|name| !name.is_empty() && !TOKIO.contains(name)).collect();
    (!extra.is_empty()).then(|| format!("tokio with `{}`: only `sync` needs no runtime", extra.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frameworks_and_runtimes_are_found() {
        for line in [
            "http v1.3.0|default,std",
            "axum-core v0.5.6|",
            "hyper v1.0.0|",
            "tokio-util v0.7.0|",
            "tower v0.5.0|",
        ] {
            assert_eq!(core_tree(line).len(), 1, "{line}");
        }
        let findings = core_tree("tokio v1.48.0|default,rt,sync (*)\ntokio v1.48.0|default,rt,sync");
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.starts_with("tokio with `default,rt`"), "{findings:?}");
    }

    #[test]
    fn the_primitives_pass() {
        let tree = "dancecard-core v0.1.0 (/somewhere)|\ntokio v1.48.0|sync\ntokio v1.48.0|sync (*)\n\
            tokio v1.48.0|\nhttpdate v1.0.0|\nhashbrown v0.17.0|";
        assert_eq!(core_tree(tree), []);
    }
}
