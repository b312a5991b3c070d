//! The engines that a configuration can choose from.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use dancecard_core::{MemoryStore, Result, SharedStore, nearest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec::Serializers;
use crate::configuration::Config;
use crate::dancer::GENERAL;
use crate::entry::Entry;
use crate::fault::quoted;
use crate::given::Given;
use crate::merged::Merged;
use crate::opener::{Open, Opener, Typed};
use crate::variables;

/// The engines that a configuration can choose from, by name. A name counts in any case.
///
/// An engine of your own is registered like any other:
///
/// ```
/// use dancecard_config::{Engines, Loader};
/// use dancecard_core::{MemoryStore, SharedStore, Store};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Default)]
/// #[serde(default)]
/// struct Attic {
///     max_sessions: usize,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut engines = Engines::new();
/// engines.register("attic", &["loft"], |config: Attic| {
///     Ok(SharedStore::new(MemoryStore::new().with_max_sessions(config.max_sessions)))
/// });
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("config.yml");
/// std::fs::write(&file, "session: Loft\nengines: { session: { loft: { max_sessions: 3 } } }\n")?;
/// let config = Loader::new(&file).load(&engines)?;
/// assert_eq!(config.store()?.engine(), "memory");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Engines(Vec<Engine>, pub(crate) Serializers);

#[derive(Clone)]
pub(crate) struct Engine {
    /// Its own first.
    names: Vec<String>,
    schemes: Vec<String>,
    foreign: &'static [&'static str],
    adapt: Option<fn(&mut Given) -> Result<()>>,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Opens(Arc<dyn Opener>),
    Missing { feature: String },
    StandsFor(fn(&mut Given) -> Result<&'static str>),
}

/// The settings of the engine in this process's memory.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Memory {
    max_sessions: Option<usize>,
}

impl Default for Engines {
    fn default() -> Self {
        Self::new()
    }
}

impl Engines {
    /// The engine in memory, which is part of the core, as `memory` and `simple`.
    pub fn new() -> Self {
        let mut engines = Self(Vec::new(), Serializers::default());
        engines.register("memory", &["simple"], |config: Memory| {
            let store = MemoryStore::new();
            Ok(SharedStore::new(match config.max_sessions {
                Some(limit) => store.with_max_sessions(limit),
                None => store,
            }))
        });
        engines
    }

    /// Adds an engine that is set up by `C`, whose fields are the keys in `engines.session.NAME`. `open` does no I/O: what
    /// it makes connects when it is first used.
    ///
    /// An engine that has one of the names already gives it up.
    pub fn register<C>(
        &mut self,
        name: &str,
        aliases: &[&str],
        open: impl Fn(C) -> Result<SharedStore> + Send + Sync + 'static,
    ) -> Registration<'_, C>
    where
        C: Serialize + DeserializeOwned + Default + 'static,
    {
        let open: Open<C> = Arc::new(open);
        let opener = Typed { open: open.clone(), from_url: None };
        let engine = self.add(name, aliases, Way::Opens(Arc::new(opener)));
        Registration { engine, open, kind: PhantomData }
    }

    /// Adds the name of an engine that this build does not contain, and of the feature that brings it.
    pub fn missing(&mut self, name: &str, aliases: &[&str], feature: &str) {
        let engine = self.add(name, aliases, Way::Missing { feature: feature.to_owned() });
        engine.schemes = engine.names.clone();
    }

    /// Adds a name that stands for another engine: `resolve` returns that one's name, and makes its settings of those in
    /// the section of this name, which may have the keys `foreign`.
    pub fn stand_for(
        &mut self,
        name: &str,
        aliases: &[&str],
        foreign: &'static [&'static str],
        resolve: fn(&mut Given) -> Result<&'static str>,
    ) {
        self.add(name, aliases, Way::StandsFor(resolve)).foreign = foreign;
    }

    fn add(&mut self, name: &str, aliases: &[&str], way: Way) -> &mut Engine {
        let mut names = Vec::new();
        for name in std::iter::once(&name).chain(aliases).map(|name| name.to_ascii_lowercase()) {
            // The scheme of an engine's URLs is often its name as well.
            if !names.contains(&name) {
                names.push(name);
            }
        }
        self.0.iter_mut().for_each(|engine| engine.names.retain(|other| !names.contains(other)));
        self.0.retain(|engine| !engine.names.is_empty());
        self.0.insert(0, Engine { names, schemes: Vec::new(), foreign: &[], adapt: None, way });
        &mut self.0[0]
    }

    /// Opens an engine by its name, with its defaults, or by a URL.
    ///
    /// ```
    /// use dancecard_config::Engines;
    /// use dancecard_core::Store;
    ///
    /// assert_eq!(Engines::new().open("memory")?.engine(), "memory");
    /// # Ok::<(), dancecard_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config) for one that is not there, and for settings that it refuses.
    pub fn open(&self, engine: &str) -> Result<SharedStore> {
        let alone = variables::read("", std::iter::once(("session", engine)))?;
        Config::of(Merged::new(vec![alone])?, String::new(), self)?.store()
    }

    fn find(&self, name: &str) -> Option<&Engine> {
        self.0.iter().find(|engine| engine.names.iter().any(|other| other == name))
    }

    fn by_scheme(&self, scheme: &str) -> Option<&Engine> {
        self.0.iter().find(|engine| engine.schemes.iter().any(|other| other == scheme))
    }

    /// The engine that an entry chooses, by name or by URL, and what is said about it.
    pub(crate) fn resolve(&self, merged: &Arc<Merged>, chosen: Entry) -> Result<Chosen> {
        let text = chosen.text()?.trim().to_owned();
        let (found, url) = match text.split_once(':') {
            Some((scheme, _)) => (self.by_scheme(&scheme.to_ascii_lowercase()), Some(chosen.clone())),
            None => (self.find(&text.to_ascii_lowercase()), None),
        };
        let engine = found.ok_or_else(|| self.nowhere(&chosen, &text))?;
        let section = engine.section(merged, &text)?;
        let mut given = Given::new(merged.clone(), section, chosen, url)?;
        GENERAL.iter().for_each(|key| drop(given.take(key)));
        let engine = self.adapted(engine, &mut given)?;
        let opener = engine.opener(&given)?;
        opener.settle(&mut given);
        if let Some(fields) = opener.fields() {
            given.check(fields, &[engine.foreign, GENERAL].concat())?;
        }
        let values = opener.values(&given)?;
        Ok(Chosen { name: engine.names[0].clone(), opener, given, values })
    }

    /// The engine that is really meant, with its own keys in `given`.
    fn adapted<'a>(&'a self, engine: &'a Engine, given: &mut Given) -> Result<&'a Engine> {
        if let Some(adapt) = engine.adapt {
            adapt(given)?;
        }
        let Way::StandsFor(resolve) = engine.way else { return Ok(engine) };
        let name = resolve(given)?;
        self.find(name).ok_or_else(|| {
            given.chosen().refuse(&format!("needs the engine `{name}`, which is not registered"))
        })
    }

    fn nowhere(&self, chosen: &Entry, text: &str) -> dancecard_core::Error {
        let names: Vec<&str> =
            self.0.iter().rev().filter_map(|engine| engine.names.first()).map(String::as_str).collect();
        let all: Vec<&str> =
            self.0.iter().flat_map(|engine| engine.names.iter().map(String::as_str)).collect();
        let lower = text.split(':').next().unwrap_or_default().to_ascii_lowercase();
        chosen.refuse(&match nearest(&lower, &all) {
            Some(near) => format!("there is no such engine; did you mean `{near}`?"),
            None => format!("there is no such engine; there are {}", quoted(&names)),
        })
    }

    /// Refuses sections of engines that nobody knows.
    pub(crate) fn check_sections(&self, merged: &Merged) -> Result<()> {
        merged.table("engines")?;
        for section in merged.table("engines.session")? {
            if self.find(section.name()).is_none() {
                return Err(self.nowhere(&section, section.name()));
            }
        }
        Ok(())
    }
}

impl Engine {
    /// The path of the section that sets it up: under any of its names, but once.
    fn section(&self, merged: &Merged, named: &str) -> Result<String> {
        let path = |name: &str| format!("engines.session.{name}");
        let mut there = self.names.iter().filter_map(|name| merged.get(&path(name)));
        let Some(section) = there.next() else {
            let named = named.to_ascii_lowercase();
            return Ok(path(if self.names.contains(&named) { &named } else { &self.names[0] }));
        };
        match there.next() {
            Some(second) => Err(second.refuse(&format!(
                "sets up the engine that `{}` at {} does; keep one",
                section.path, section.place
            ))),
            None if section.is_table() => Ok(section.path),
            None => Err(section.refuse("must be a table of keys")),
        }
    }

    fn opener(&self, given: &Given) -> Result<Arc<dyn Opener>> {
        match &self.way {
            Way::Opens(opener) => Ok(opener.clone()),
            Way::Missing { feature } => Err(given.chosen().refuse(&format!(
                "the engine `{}` is not in this build: build dancecard with the feature `{feature}`",
                self.names[0]
            ))),
            Way::StandsFor(_) => Err(given.chosen().refuse("stands for a name that stands for another")),
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.names).finish()
    }
}

/// An engine that was chosen.
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) opener: Arc<dyn Opener>,
    pub(crate) given: Given,
    pub(crate) values: std::collections::BTreeMap<String, config::Value>,
}

/// An engine that was registered, to be refined.
pub struct Registration<'a, C> {
    engine: &'a mut Engine,
    open: Open<C>,
    kind: PhantomData<C>,
}

impl<C: Serialize + DeserializeOwned + Default + 'static> Registration<'_, C> {
    /// Lets URLs of these schemes choose it, and its section have a `url`. Keys beside a URL are added to it as settings.
    pub fn with_url(self, schemes: &[&str], from_url: fn(&str) -> Result<C>) -> Self {
        self.engine.schemes = schemes.iter().map(|scheme| scheme.to_ascii_lowercase()).collect();
        self.engine.way = Way::Opens(Arc::new(Typed { open: self.open.clone(), from_url: Some(from_url) }));
        self
    }

    /// Lets its section have keys of another framework: `adapt` makes its own of them.
    pub fn with_foreign(self, keys: &'static [&'static str], adapt: fn(&mut Given) -> Result<()>) -> Self {
        self.engine.foreign = keys;
        self.engine.adapt = Some(adapt);
        self
    }
}

impl<C> fmt::Debug for Registration<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registration").field(&self.engine).finish()
    }
}
