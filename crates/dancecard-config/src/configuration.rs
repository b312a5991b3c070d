//! A configuration that was read and checked.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use dancecard_core::{CachedStore, Policy, Result, SessionManager, SharedStore, Store as _};
use dancecard_http::{SessionHttp, Transport};
use serde::de::DeserializeOwned;

use crate::chosen::Chosen;
use crate::dancer;
use crate::engines::Engines;
use crate::line::{Columns, Line};
use crate::loader::Loader;
use crate::merged::Merged;
use crate::misspelt;
use crate::reader::Reader;
use crate::settings::{self, Settings};
use crate::unconfigured::Unconfigured;

const REMEDY: &str =
    "no session engine is chosen: write `session: memory`, or another engine's name, into the configuration";

/// A configuration that was read and checked. A clone is another handle on the same one.
///
/// Its `Display` lists every setting, what it is, and where that comes from: a line of a file, a variable, or the default.
/// Secrets are masked. Behind that it has the [warnings](Config::warnings).
///
/// ```
/// use dancecard_config::{Config, Engines};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("config.yml");
/// std::fs::write(&file, "session: { engine: memory, idle: 15m, cookie: { name: id } }\n")?;
/// let config = Config::load(&file, &Engines::new())?;
/// let manager = config.manager()?;
/// assert_eq!(manager.capabilities().durable, false);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Config(Arc<Inner>);

struct Inner {
    merged: Arc<Merged>,
    environment: String,
    settings: Settings,
    chosen: Option<Chosen>,
    /// Opened once, so that all managers share it.
    store: Mutex<Option<SharedStore>>,
    lines: Vec<Line>,
    warnings: Vec<String>,
}

impl Config {
    /// Reads a file, that of the environment beside it, and variables: see [`Loader`].
    ///
    /// # Errors
    /// Those of [`Loader::load`].
    pub fn load(path: impl Into<PathBuf>, engines: &Engines) -> Result<Self> {
        Loader::new(path).load(engines)
    }

    pub(crate) fn of(merged: Merged, environment: String, engines: &Engines) -> Result<Self> {
        let merged = Arc::new(merged);
        misspelt::check_keys(&merged)?;
        dancer::check_redis(&merged)?;
        engines.check_names(&merged)?;
        let chosen = merged.get("session.engine").map(|entry| engines.resolve(&merged, entry)).transpose()?;
        engines.check_sections(&merged)?;
        let mut reader = Reader::new(&merged, chosen.as_ref());
        engine_line(&mut reader, chosen.as_ref());
        let settings = settings::read(&mut reader, &engines.1)?;
        let (mut lines, warnings) = reader.into_notes();
        lines.extend(chosen.iter().flat_map(Chosen::lines));
        let inner = Inner { merged, environment, settings, chosen, store: Mutex::default(), lines, warnings };
        Ok(Self(Arc::new(inner)))
    }

    /// The name of the environment.
    pub fn environment(&self) -> &str {
        &self.0.environment
    }

    /// The engine, which is made with the first call. It connects when it is first used.
    ///
    /// Where the configuration chooses none, it is one that refuses to be used, and says what to write.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config) for settings that the engine refuses.
    pub fn store(&self) -> Result<SharedStore> {
        let mut store = self.0.store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = &*store {
            return Ok(store.clone());
        }
        let opened = self.open()?;
        *store = Some(opened.clone());
        Ok(opened)
    }

    fn open(&self) -> Result<SharedStore> {
        let Some(chosen) = &self.0.chosen else {
            return Ok(SharedStore::new(Unconfigured { remedy: REMEDY.to_owned() }));
        };
        let store = chosen.open()?;
        self.check_near_cache(&store)?;
        self.check_max_sessions(&store)?;
        Ok(match self.0.settings.near_cache {
            Some(near) => SharedStore::new(
                CachedStore::new(store).with_max_bytes(near.max_bytes).with_max_age(near.max_age),
            ),
            None => store,
        })
    }

    /// A near cache keeps what a server has; where the client has it, there is nothing to keep.
    fn check_near_cache(&self, store: &SharedStore) -> Result<()> {
        match self.0.merged.get("session.near_cache") {
            Some(entry) if self.0.settings.near_cache.is_some() && store.client_side().is_some() => {
                Err(entry.refuse("sessions that the client carries are not cached: remove it"))
            }
            _ => Ok(()),
        }
    }

    /// A limit that the engine can't count up to would fail each sign-in.
    fn check_max_sessions(&self, store: &SharedStore) -> Result<()> {
        match self.0.merged.get("session.max_sessions") {
            Some(entry) if !store.capabilities().principal_index.is_supported() => {
                let engine = store.engine();
                Err(entry.refuse(&format!(
                    "the engine `{engine}` can't count the sessions of one user: remove it"
                )))
            }
            _ => Ok(()),
        }
    }

    /// A manager of the sessions in the engine.
    ///
    /// # Errors
    /// Those of [`Config::store`].
    pub fn manager(&self) -> Result<SessionManager> {
        let Settings { policy, namespace, codecs, .. } = &self.0.settings;
        let manager = codecs.apply(SessionManager::new(self.store()?).with_policy(policy.clone()));
        Ok(if namespace.is_empty() { manager } else { manager.with_namespace(namespace) })
    }

    /// Sessions over HTTP: what a framework's layer is made over.
    ///
    /// # Errors
    /// Those of [`Config::store`].
    pub fn http(&self) -> Result<SessionHttp> {
        self.http_over(self.manager()?)
    }

    /// As [`Config::http`], over [`Config::manager`] with something added in code, an observer for example.
    ///
    /// # Errors
    /// Those of [`SessionHttp::with_transport`].
    pub fn http_over(&self, manager: SessionManager) -> Result<SessionHttp> {
        let http = SessionHttp::new(manager).with_transport(self.transport())?;
        Ok(if self.0.settings.device_facts { http.with_device_facts() } else { http })
    }

    /// The rules of sessions.
    pub fn policy(&self) -> Policy {
        self.0.settings.policy.clone()
    }

    /// How the token travels.
    pub fn transport(&self) -> Transport {
        self.0.settings.transport.clone()
    }

    /// What was asked for and is less safe than it could be, a sentence each, with its place and key. They stand at the end of
    /// what is printed too.
    pub fn warnings(&self) -> &[String] {
        &self.0.warnings
    }

    /// A setting of the application's own, at the top of the configuration. `None` if it is not there.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config) for a value of another type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.0.merged.get(key).map(|entry| entry.read()).transpose()
    }
}

fn engine_line(reader: &mut Reader<'_>, chosen: Option<&Chosen>) {
    let entry = chosen.map(|chosen| chosen.given.chosen().clone());
    let name = chosen.map_or("none", |chosen| chosen.name.as_str());
    reader.note("session.engine", name, entry.as_ref());
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "environment: {}", self.0.environment)?;
        Columns(&self.0.lines).fmt(f)?;
        self.0.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("environment", &self.0.environment)
            .field("engine", &self.0.chosen.as_ref().map(|chosen| &chosen.name))
            .finish_non_exhaustive()
    }
}
