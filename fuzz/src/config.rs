//! Configurations: files in one of two languages, laid over each other, and variables.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use dancecard::config::{Config, Engines, Loader, engines};
use dancecard::{Error, ErrorKind, Result};
use tempfile::TempDir;

/// Between the parts of an input: the letters of its languages, a file, the environment's file, variables.
const NEXT: char = '\u{c}';
/// What is a value wherever it stands in these inputs, and must be in no error.
const SECRET: &str = "c4nary";
const PREFIX: &str = "DANCECARD_";
/// A configuration prints each setting, with its place.
const LONGEST: usize = 1 << 24;

/// An input, taken apart.
struct Parts<'a> {
    ending: &'static str,
    other_ending: &'static str,
    file: &'a str,
    other: Option<&'a str>,
    variables: Vec<(String, String)>,
}

impl<'a> Parts<'a> {
    fn of(input: &'a str) -> Option<Self> {
        let mut parts = input.split(NEXT);
        let mut letters = parts.next()?.chars();
        let mut ending = || if letters.next() == Some('t') { "toml" } else { "yml" };
        let (ending, other_ending) = (ending(), ending());
        let file = parts.next()?;
        let other = parts.next().filter(|text| !text.is_empty());
        let lines = parts.next().unwrap_or_default().lines();
        let pair = |line: &str| {
            let (name, value) = line.split_once('=')?;
            Some((format!("{PREFIX}{name}"), value.to_owned()))
        };
        let variables = lines.filter_map(pair).collect();
        Some(Self { ending, other_ending, file, other, variables })
    }

    /// Whether what must not be told stands only where values stand.
    fn has_secrets_only_as_values(&self) -> bool {
        let is_harmless = |line: &str| match line.split_once(SECRET) {
            None => true,
            Some((before, after)) => {
                let words = |c: char| c.is_ascii_alphanumeric() || "_ ".contains(c);
                let key = before.strip_suffix(": ").or(before.strip_suffix("= '"));
                key.is_some_and(|key| key.chars().all(words)) && matches!(after, "" | "'")
            }
        };
        let is_plain =
            |text: &str| !text.contains(['"', '?', '|', '>', '[', '{']) && text.lines().all(is_harmless);
        let mut names = self.variables.iter().map(|(name, _)| name);
        [Some(self.file), self.other].into_iter().flatten().all(is_plain)
            && names.all(|name| !name.contains(SECRET))
    }
}

/// Loads a configuration. It is refused by an error that says where, and no secret; or it prints itself, the same each time,
/// and makes what it describes, or says what is wrong with it.
pub fn load(input: &str) {
    let Some(parts) = Parts::of(input) else { return };
    let config = match on_disk(&parts, parts.other.map(|text| (text, parts.other_ending))) {
        Ok(config) => config,
        Err(error) => {
            let again = on_disk(&parts, parts.other.map(|text| (text, parts.other_ending)));
            assert_eq!(again.expect_err("refused once").detail(), error.detail());
            return check(&parts, &error);
        }
    };
    let printed = format!("{config}\n{config:?}");
    assert!(printed.len() < LONGEST);
    for made in [config.store().map(drop), config.manager().map(drop), config.http().map(drop)] {
        made.err().iter().for_each(|error| check(&parts, error));
    }
    if parts.other.is_none() {
        // Laid over itself it says what it said.
        let doubled = on_disk(&parts, Some((parts.file, parts.ending))).expect("the same, twice");
        assert_eq!(without_places(&doubled), without_places(&config));
    }
}

fn check(parts: &Parts<'_>, error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Config);
    let mut text = format!("{error} {error:?}");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let _ = write!(text, "{inner} {inner:?}");
        cause = inner.source();
    }
    assert!(error.detail().is_some_and(|detail| !detail.is_empty()));
    assert!(!parts.has_secrets_only_as_values() || !text.contains(SECRET), "{text}");
}

fn without_places(config: &Config) -> Vec<String> {
    config
        .to_string()
        .lines()
        .filter_map(|line| Some(line.rsplit_once("  (")?.0.trim_end().to_owned()))
        .collect()
}

fn on_disk(parts: &Parts<'_>, other: Option<(&str, &str)>) -> Result<Config> {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    static ENGINES: OnceLock<Engines> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| folder().expect("a folder")).path();
    let path = folder.join(format!("config.{}", parts.ending));
    write(&path, parts.file);
    let environment = folder.join("environments");
    for ending in ["yml", "toml"] {
        let path = environment.join(format!("fuzz.{ending}"));
        match other {
            Some((text, own)) if own == ending => write(&path, text),
            _ => drop(fs::remove_file(path)),
        }
    }
    let variables = parts.variables.iter().map(|(name, value)| (name, value));
    let loader = Loader::new(path).with_environment("fuzz").with_variables(variables);
    loader.load(ENGINES.get_or_init(engines))
}

/// In memory, where the machine has such a place.
fn folder() -> std::io::Result<TempDir> {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
    fs::create_dir(folder.path().join("environments"))?;
    Ok(folder)
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("room for a file");
}
