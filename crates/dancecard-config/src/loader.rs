//! From files and variables to a configuration.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind as IoKind;
use std::path::{Path, PathBuf};

use dancecard_core::Result;

use crate::configuration::Config;
use crate::engines::Engines;
use crate::fault::fault;
use crate::merged::Merged;
use crate::node::Node;
use crate::{limits, misspelt, toml, variables, yaml};

const PREFIX: &str = "DANCECARD_";
/// What other frameworks call the environment.
const ELSEWHERE: [&str; 2] = ["DANCER_ENVIRONMENT", "PLACK_ENV"];
const DEVELOPMENT: &str = "development";
const ENDINGS: [&str; 3] = ["yml", "yaml", "toml"];

/// Reads a configuration: a file, then that of the environment, then variables. What comes later wins, key by key.
///
/// The file is YAML, or TOML if its name ends in `.toml`. The environment's file is `environments/NAME.yml`, `.yaml` or
/// `.toml` beside it, if there is one. The name is in the variable `DANCECARD_ENVIRONMENT`, `DANCER_ENVIRONMENT` or
/// `PLACK_ENV`, else it is `development`. Variables are those that begin with `DANCECARD_`; two underscores go one level
/// down: `DANCECARD_ENGINES__SESSION__REDIS__PREFIX`. One whose name begins like a setting's, or is nearly one, and is none, is
/// an error, unless a file has its key; others are the application's.
///
/// ```
/// use dancecard_config::{Engines, Loader};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("config.yml");
/// std::fs::write(&file, "session: memory\n")?;
/// let config = Loader::new(&file)
///     .with_variables([("DANCECARD_SESSION__IDLE", "10 minutes")])
///     .load(&Engines::new())?;
/// assert!(config.to_string().contains("session.idle"));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Loader {
    path: PathBuf,
    environment: Option<String>,
    prefix: String,
    variables: Variables,
}

/// Variables by name. `Debug` has names only.
struct Variables(BTreeMap<OsString, OsString>);

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Loader {
    /// Of this file and the process's environment.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let variables = Variables(std::env::vars_os().collect());
        Self { path: path.into(), environment: None, prefix: PREFIX.to_owned(), variables }
    }

    /// Sets the environment's name, whatever the variables say.
    #[must_use]
    pub fn with_environment(mut self, name: impl Into<String>) -> Self {
        self.environment = Some(name.into());
        self
    }

    /// Sets how variables begin. Default `DANCECARD_`.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Takes these variables in place of the process's.
    #[must_use]
    pub fn with_variables<K: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.variables = Variables(variables.collect());
        self
    }

    /// Reads and checks everything; asks nothing of an engine.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config) for a file that can't be read, and for everything in it
    /// that can't be used. The message names file, line, key and remedy, and no value.
    pub fn load(&self, engines: &Engines) -> Result<Config> {
        let environment = self.environment()?;
        let mut sources = vec![parse(&self.path, &read(&self.path)?)?];
        sources.extend(self.beside(&environment)?);
        sources.push(self.variables(&sources)?);
        Config::of(Merged::new(sources)?, environment, engines)
    }

    fn environment(&self) -> Result<String> {
        let own = format!("{}ENVIRONMENT", self.prefix);
        let mut named = None;
        for variable in std::iter::once(own.as_str()).chain(ELSEWHERE) {
            named = named.or(self.variable(variable)?);
        }
        let name = self.environment.clone().or(named).unwrap_or_else(|| DEVELOPMENT.to_owned());
        let fits = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        match !name.is_empty() && name.chars().all(fits) {
            true => Ok(name),
            false => Err(fault("the environment's name must be letters, digits, `-` and `_`")),
        }
    }

    fn variable(&self, name: &str) -> Result<Option<String>> {
        let value = self.variables.0.get(std::ffi::OsStr::new(name)).filter(|value| !value.is_empty());
        value.map(|value| value.to_str().map(str::to_owned).ok_or_else(|| not_text(name))).transpose()
    }

    /// The file of the environment.
    fn beside(&self, environment: &str) -> Result<Option<Node>> {
        let folder = self.path.parent().unwrap_or(Path::new("")).join("environments");
        let files = ENDINGS.map(|ending| folder.join(format!("{environment}.{ending}")));
        let mut there = Vec::new();
        for path in &files {
            // One that can't be looked at may well be there, and is not passed over.
            let is_there = path.try_exists().map_err(|cause| unreadable(path, cause))?;
            there.extend(Some(path).filter(|_| is_there));
        }
        let mut there = there.into_iter();
        let Some(path) = there.next() else { return Ok(None) };
        match there.next() {
            Some(second) => {
                let pair = format!("{} and {}", path.display(), second.display());
                Err(fault(format!("{pair}: there are two files of one environment; keep one")))
            }
            None => parse(path, &read(path)?).map(Some),
        }
    }

    fn variables(&self, files: &[Node]) -> Result<Node> {
        let own = format!("{}ENVIRONMENT", self.prefix);
        let mut texts = Vec::new();
        for (name, value) in &self.variables.0 {
            let Some(name) = name.to_str().filter(|name| **name != own) else { continue };
            let Some(rest) = name.strip_prefix(&self.prefix) else { continue };
            misspelt::check(&self.prefix, rest, |path| files.iter().any(|file| file.begins(path)))?;
            let value = value.to_str().ok_or_else(|| not_text(name))?;
            texts.push((name, value));
        }
        variables::read(&self.prefix, texts.into_iter())
    }
}

fn not_text(variable: &str) -> dancecard_core::Error {
    fault(format!("{variable}: its value is not UTF-8"))
}

fn read(path: &Path) -> Result<String> {
    limits::read(path).map_err(|cause| unreadable(path, cause))
}

fn unreadable(path: &Path, cause: std::io::Error) -> dancecard_core::Error {
    let why = match cause.kind() {
        IoKind::NotFound => "there is no such file",
        IoKind::InvalidData => "it is not UTF-8",
        IoKind::FileTooLarge => "it is larger than a megabyte",
        _ => "it can't be read",
    };
    fault(format!("{}: {why}", path.display())).with_source(cause)
}

fn parse(path: &Path, text: &str) -> Result<Node> {
    let file = path.display().to_string();
    let is_toml = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"));
    if is_toml { toml::read(&file, text) } else { yaml::read(&file, text) }
}
