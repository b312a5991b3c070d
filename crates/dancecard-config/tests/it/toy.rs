//! An engine of one's own, and files to choose it in.

use std::fs;
use std::path::Path;

use dancecard_config::{Config, Engines, Loader};
use dancecard_core::{EngineUrl, Error, ErrorKind, MemoryStore, PrefixedStore, Result, Setting, SharedStore};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

/// Files in a folder that goes with this.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn load(&self, variables: &[(&str, &str)]) -> Result<Config> {
        Loader::new(self.path().join("config.yml")).with_variables(variables.iter().copied()).load(&engines())
    }
}

/// A configuration of this text.
pub(crate) fn load(text: &str) -> Result<Config> {
    Files::new(&[("config.yml", text)]).load(&[])
}

/// What is wrong with this text: from the name of the file on.
pub(crate) fn fault(text: &str) -> String {
    let error = load(text).map(drop).expect_err(text);
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    tail(&error)
}

pub(crate) fn tail(error: &Error) -> String {
    let detail = error.detail().unwrap();
    detail.find("config.yml").map_or(detail, |at| &detail[at..]).to_owned()
}

/// The value that a configuration prints for a key, and where it says that it is from.
pub(crate) fn printed(config: &Config, key: &str) -> (String, String) {
    let text = config.to_string();
    let line = text.lines().find(|line| line.split(" = ").next().unwrap().trim() == key);
    let line = line.unwrap_or_else(|| panic!("no {key} in:\n{text}"));
    let (value, place) = line.split_once(" = ").unwrap().1.rsplit_once("  (").unwrap();
    let place = place.trim_end_matches(')');
    (value.trim().to_owned(), place.rsplit('/').next().unwrap().to_owned())
}

pub(crate) fn value(config: &Config, key: &str) -> String {
    printed(config, key).0
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Toy {
    pub(crate) prefix: String,
    pub(crate) nodes: Vec<String>,
    pub(crate) timeout_ms: u64,
    #[serde(skip_serializing)]
    pub(crate) password: Option<String>,
    pub(crate) tls: Option<bool>,
}

impl Default for Toy {
    fn default() -> Self {
        Self { prefix: "toy:".into(), nodes: vec!["a".into()], timeout_ms: 100, password: None, tls: None }
    }
}

impl Toy {
    fn from_url(url: &str) -> Result<Self> {
        let url = EngineUrl::parse("toy", url)?;
        let mut toy = Self { nodes: vec![url.location().trim_start_matches('/').into()], ..Self::default() };
        url.settings().try_for_each(|setting| toy.set(&setting))?;
        Ok(toy)
    }

    fn set(&mut self, setting: &Setting<'_>) -> Result<()> {
        match setting.name() {
            "prefix" => self.prefix = setting.text().into(),
            "timeout_ms" => self.timeout_ms = setting.number()?,
            "password" => self.password = Some(setting.text().into()),
            "nodes" => self.nodes = setting.text().split(',').map(str::to_owned).collect(),
            _ => return Err(setting.unknown(&["prefix", "timeout_ms"])),
        }
        Ok(())
    }

    fn open(self) -> Result<SharedStore> {
        if self.timeout_ms == 0 {
            let detail = "timeout_ms must be 1 to 3600000";
            return Err(Error::new(ErrorKind::Config, "configure").with_engine("toy").with_detail(detail));
        }
        Ok(SharedStore::new(MemoryStore::new()))
    }
}

/// What is over another engine.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Stage {
    name: String,
}

impl Default for Stage {
    fn default() -> Self {
        Self { name: "stage".into() }
    }
}

impl Stage {
    fn from_url(url: &str) -> Result<Self> {
        let url = EngineUrl::parse("stage", url)?;
        let mut stage = Self::default();
        for setting in url.settings() {
            match setting.name() {
                "name" => stage.name = setting.text().into(),
                _ => return Err(setting.unknown(&["name"])),
            }
        }
        Ok(stage)
    }
}

pub(crate) fn engines() -> Engines {
    let mut engines = Engines::new();
    engines
        .register("toy", &["puppet"], Toy::open)
        .with_url(&["toy", "toys"], Toy::from_url)
        .with_foreign(&["toy_server"], |given| given.rename("toy_server", "nodes"));
    engines.register("redis", &[], Toy::open);
    engines.stand_for("doll", &["toy"], &["doll_size"], |given| {
        let size = given.take("doll_size").ok_or_else(|| given.chosen().refuse("needs `doll_size`"))?;
        given.put_text("prefix", format!("doll-{}:", size.number::<u32>()?), &size)?;
        Ok("toy")
    });
    engines
        .register_over("stage", &[], "floor", |stage: Stage, floor| {
            let floor = floor.unwrap_or_else(|| SharedStore::new(MemoryStore::new()));
            Ok(SharedStore::new(PrefixedStore::new(floor, &stage.name)?))
        })
        .with_url(&["stage"], Stage::from_url);
    engines.missing("postgres", &["pg", "postgresql"], "postgres");
    engines
}
