//! The repository knows nothing of the machines it was written on.

use crate::tidy::Finding;
use crate::tidy::sources::Sources;

const LOCK: &str = "Cargo.lock";
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Folders that exist on one machine only. Spelled in two parts, since this file is checked as well.
const FOLDERS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// Hosts that serve packages: a repository that names one was made to build from it.
const HOSTS: &[&str] = &[
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("arti", "factory"),
    concat!("registry.npm", "js.org"),
    concat!("proxy.gol", "ang.org"),
    concat!("files.python", "hosted.org"),
];

/// No file names a folder of somebody's machine, or the host of a package registry.
pub(crate) fn mentions(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in sources.texts() {
        for (number, line) in text.lines().enumerate() {
            if let Some(what) = mention_in(line) {
                let message = format!("`{what}` belongs to one machine or one network: leave it out");
                findings.push(Finding::fault(format!("{path}:{}", number + 1), message));
            }
        }
    }
    findings
}

fn mention_in(line: &str) -> Option<&'static str> {
    let folder =
        FOLDERS.iter().find(|folder| line.match_indices(**folder).any(|(at, _)| begins_a_path(line, at)));
    folder.or_else(|| HOSTS.iter().find(|host| line.contains(**host))).copied()
}

/// Whether the slash there is a path's first, and not one within a path or an address.
fn begins_a_path(line: &str, at: usize) -> bool {
    let before = line[..at].chars().next_back();
    !before.is_some_and(|letter| letter.is_alphanumeric() || "._-*}$~)".contains(letter))
}

/// Every package in the lock file comes from the one public registry, by its usual name.
pub(crate) fn lock(sources: &Sources) -> Vec<Finding> {
    let lines =
        sources.text(LOCK).unwrap_or_default().lines().filter_map(|line| line.strip_prefix("source = "));
    let other = lines.map(|source| source.trim_matches('"')).filter(|source| *source != REGISTRY);
    other.map(|source| Finding::fault(LOCK, format!("a package comes from `{source}`"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> bool {
        !mentions(&Sources::sample(&[("docs/a.md", line)])).is_empty()
    }

    #[test]
    fn folders_of_one_machine_are_found() {
        for folder in FOLDERS {
            assert!(found(&format!("{folder}x")), "{folder}");
            assert!(found(&format!("see `{folder}x`")), "{folder}");
            assert!(found(&format!("path=\"file://{folder}x\"")), "{folder}");
        }
    }

    #[test]
    fn parts_of_other_paths_are_free() {
        for folder in FOLDERS {
            assert!(!found(&format!("https://example.org{folder}x and ./a{folder}x")), "{folder}");
            assert!(!found(folder.trim_matches('/')), "{folder}");
        }
    }

    #[test]
    fn hosts_of_registries_are_found() {
        for host in HOSTS {
            assert!(found(&format!("https://{host}/x")), "{host}");
        }
        assert!(!found("https://crates.io/crates/dancecard and https://docs.rs/dancecard"));
    }

    #[test]
    fn packages_from_elsewhere_are_found() {
        let lock_with = |source: &str| {
            lock(&Sources::sample(&[(LOCK, &format!("name = \"a\"\nsource = \"{source}\"\n"))]))
        };
        assert_eq!(lock_with(REGISTRY), []);
        assert_eq!(lock_with("git+https://example.org/a").len(), 1);
    }
}
