//! The text files of the repository, and the Rust among them parsed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::tidy::Finding;

/// Every text file, by its path from the root with forward slashes.
pub(crate) struct Sources {
    texts: BTreeMap<String, String>,
    rust: BTreeMap<String, syn::Result<syn::File>>,
}

impl Sources {
    /// Reads the repository, without what git is told to ignore. Needs no git.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let ignored = Ignored::parse(&fs::read_to_string(root.join(".gitignore")).unwrap_or_default());
        let mut texts = BTreeMap::new();
        walk(root, "", &ignored, &mut texts)?;
        Ok(Self::new(texts))
    }

    fn new(texts: BTreeMap<String, String>) -> Self {
        let rust = texts.iter().filter(|(path, _)| path.ends_with(".rs"));
        let rust = rust.map(|(path, text)| (path.clone(), syn::parse_file(text))).collect();
        Self { texts, rust }
    }

    #[cfg(test)]
    pub(crate) fn sample(files: &[(&str, &str)]) -> Self {
        Self::new(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    /// All text files.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// One file's text.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// All Rust files that parse.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &syn::File)> {
        self.rust.iter().filter_map(|(path, file)| Some((path.as_str(), file.as_ref().ok()?)))
    }

    /// Whether there is a file of this path, or a folder with files in it.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let inside = format!("{path}/");
        path.is_empty()
            || self.texts.contains_key(path)
            || self.texts.range(inside.clone()..).next().is_some_and(|(next, _)| next.starts_with(&inside))
    }

    /// The names of the folders directly under `crates/`.
    pub(crate) fn crates(&self) -> impl Iterator<Item = &str> {
        let manifests =
            self.texts.keys().filter_map(|path| path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"));
        manifests.filter(|name| !name.contains('/'))
    }
}

fn walk(root: &Path, folder: &str, ignored: &Ignored, texts: &mut BTreeMap<String, String>) -> Result<()> {
    let entries = fs::read_dir(root.join(folder)).with_context(|| format!("can't read {folder:?}"))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type()?;
        if ignored.covers(&path, &name) {
            continue;
        }
        if kind.is_dir() {
            walk(root, &path, ignored, texts)?;
        } else if kind.is_file() {
            texts.insert(path, text_of(&fs::read(entry.path())?));
        }
    }
    Ok(())
}

/// Files that are no text have a place in the repository, but nothing to check.
fn text_of(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map(str::to_owned).unwrap_or_default()
}

/// What `.gitignore` at the root leaves out: `/path`, or a name with at most one star.
struct Ignored {
    paths: Vec<String>,
    names: Vec<(String, Option<String>)>,
}

impl Ignored {
    fn parse(text: &str) -> Self {
        let lines = text.lines().map(|line| line.trim().trim_end_matches('/'));
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (paths, names): (Vec<&str>, Vec<&str>) =
            lines.chain([".git"]).partition(|line| line.starts_with('/'));
        let split = |name: &&str| match name.split_once('*') {
            Some((start, end)) => (start.to_owned(), Some(end.to_owned())),
            None => ((*name).to_owned(), None),
        };
        Self {
            paths: paths.iter().map(|path| path[1..].to_owned()).collect(),
            names: names.iter().map(split).collect(),
        }
    }

    fn covers(&self, path: &str, name: &str) -> bool {
        let fits = |(start, end): &(String, Option<String>)| match end {
            Some(end) => name.strip_prefix(start.as_str()).is_some_and(|rest| rest.ends_with(end.as_str())),
            None => name == start,
        };
        self.paths.iter().any(|ignored| ignored == path) || self.names.iter().any(fits)
    }
}

/// Rust files that don't parse: nothing else can be said about them.
pub(crate) fn unreadable(sources: &Sources) -> Vec<Finding> {
    let bad = sources.rust.iter().filter_map(|(path, file)| Some((path, file.as_ref().err()?)));
    bad.map(|(path, error)| Finding::fault(path, format!("does not parse: {error}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_ignores_is_left_out() {
        let ignored = Ignored::parse("/target\n/fuzz/corpus/\n# note\n*.profraw\ncallgrind.out.*\n");
        let covered = |path: &str| ignored.covers(path, path.rsplit('/').next().unwrap());
        for path in [".git", "target", "fuzz/corpus", "a/b.profraw", "callgrind.out.12"] {
            assert!(covered(path), "{path}");
        }
        for path in ["src/target", "fuzz", "profraw", ".github", "callgrind.rs"] {
            assert!(!covered(path), "{path}");
        }
    }

    #[test]
    fn files_and_their_folders_are_contained() {
        let sources = Sources::sample(&[("docs/a.md", ""), ("docs-more/b.md", "")]);
        for path in ["docs/a.md", "docs", "docs/", ""] {
            assert!(sources.contains(path), "{path}");
        }
        for path in ["doc", "docs/a", "docs/a.md/b"] {
            assert!(!sources.contains(path), "{path}");
        }
    }

    #[test]
    fn broken_rust_is_a_fault() {
        let sources = Sources::sample(&[("src/bad.rs", "fn ("), ("src/good.rs", "fn f() {}")]);
        assert_eq!(unreadable(&sources).len(), 1);
        assert_eq!(sources.rust().count(), 1);
    }

    #[test]
    fn this_repository_is_read() {
        let sources = Sources::read(&crate::process::root().unwrap()).unwrap();
        assert!(
            sources
                .text("xtask/src/tidy/sources.rs")
                .is_some_and(|text| text.contains("this_repository_is_read"))
        );
        assert!(sources.text(".cargo/config.toml").is_some());
        assert!(sources.texts().all(|(path, _)| !path.starts_with("target/") && !path.starts_with(".git/")));
    }
}
