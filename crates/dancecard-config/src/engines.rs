//! The engines that a configuration can choose from.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use dancecard_core::{MemoryStore, Result, SharedStore};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec::Serializers;
use crate::configuration::Config;
use crate::engine::{Engine, Way};
use crate::given::Given;
use crate::merged::Merged;
use crate::opener::{Open, Typed};
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
pub struct Engines(pub(crate) Vec<Engine>, pub(crate) Serializers);

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
        self.typed(name, aliases, Arc::new(move |config, _| open(config)))
    }

    /// Adds an engine that another one may be under: the key `key` in its section chooses that, as `session` chooses the
    /// engine itself. It is a name or a URL, and set up in its own section; or a table with `engine` and the keys of that
    /// engine. Any that is registered will do, but none that is above it already.
    ///
    /// ```
    /// use dancecard_config::{Engines, Loader};
    /// use dancecard_core::{MemoryStore, PrefixedStore, SharedStore};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Default)]
    /// #[serde(default)]
    /// struct Floor {
    ///     prefix: String,
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut engines = Engines::new();
    /// engines.register_over("floor", &[], "over", |config: Floor, below| {
    ///     let below = below.unwrap_or_else(|| SharedStore::new(MemoryStore::new()));
    ///     Ok(SharedStore::new(PrefixedStore::new(below, &config.prefix)?))
    /// });
    /// # let folder = tempfile::tempdir()?;
    /// # let file = folder.path().join("config.yml");
    /// let text = "session: floor\nengines: { session: { floor: { prefix: low, over: { engine: memory, max_sessions: 3 } } } }\n";
    /// std::fs::write(&file, text)?;
    /// let config = Loader::new(&file).load(&engines)?;
    /// assert!(config.to_string().contains("engines.session.floor.over.max_sessions"));
    /// # let _ = config.store()?;
    /// # Ok(()) }
    /// ```
    pub fn register_over<C>(
        &mut self,
        name: &str,
        aliases: &[&str],
        key: &'static str,
        open: impl Fn(C, Option<SharedStore>) -> Result<SharedStore> + Send + Sync + 'static,
    ) -> Registration<'_, C>
    where
        C: Serialize + DeserializeOwned + Default + 'static,
    {
        let registration = self.typed(name, aliases, Arc::new(open));
        registration.engine.over = Some(key);
        registration
    }

    fn typed<C>(&mut self, name: &str, aliases: &[&str], open: Open<C>) -> Registration<'_, C>
    where
        C: Serialize + DeserializeOwned + Default + 'static,
    {
        let opener = Typed { open: open.clone(), from_url: None };
        let engine = self.add(name, aliases, Way::Opens(Arc::new(opener)));
        Registration { engine, open, kind: PhantomData }
    }

    /// Adds the name of an engine that this build does not contain, and of the feature that brings it.
    pub fn missing(&mut self, name: &str, aliases: &[&str], feature: &str) {
        let engine = self.add(name, aliases, Way::Missing { feature: feature.to_owned() });
        engine.schemes = engine.names.clone();
    }

    /// Adds a name that stands for one of the engines `others`: `resolve` returns that one's name, and makes its settings of
    /// those in the section of this name, which may have the keys `foreign` beside those of `others`.
    pub fn stand_for(
        &mut self,
        name: &str,
        others: &'static [&'static str],
        foreign: &'static [&'static str],
        resolve: fn(&mut Given) -> Result<&'static str>,
    ) {
        self.add(name, &[], Way::StandsFor { others, resolve }).foreign = foreign;
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
        self.0.insert(0, Engine::new(names, way));
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
