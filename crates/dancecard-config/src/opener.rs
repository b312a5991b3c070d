//! From what is given to an engine's own type, and to the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::{Source, Value};
use dancecard_core::{Result, SharedStore};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fields;
use crate::given::Given;

/// Opens engines of one kind.
pub(crate) trait Opener: Send + Sync {
    /// The keys that it knows. `None` if it takes any.
    fn fields(&self) -> Option<&'static [&'static str]>;
    /// Drops what a URL of a stronger source says as well.
    fn settle(&self, given: &mut Given);
    /// What holds when nothing is said.
    fn defaults(&self) -> BTreeMap<String, Value>;
    /// What holds.
    fn values(&self, given: &Given) -> Result<BTreeMap<String, Value>>;
    /// Refuses values of another type than the engine takes.
    fn check_types(&self, given: &Given) -> Result<()>;
    /// An engine, over another one perhaps. Does no I/O.
    fn open(&self, given: &Given, below: Option<SharedStore>) -> Result<SharedStore>;
}

pub(crate) type Open<C> = Arc<dyn Fn(C, Option<SharedStore>) -> Result<SharedStore> + Send + Sync>;

/// An opener of what is set up by `C`.
pub(crate) struct Typed<C> {
    pub(crate) open: Open<C>,
    pub(crate) from_url: Option<fn(&str) -> Result<C>>,
}

impl<C: DeserializeOwned> Typed<C> {
    fn read(&self, given: &Given) -> Result<C> {
        let Some(url) = given.url() else {
            return C::deserialize(given.table().into_deserializer()).map_err(|wrong| given.refuse(&wrong));
        };
        let from_url =
            self.from_url.ok_or_else(|| url.refuse("this engine takes no URL: give its settings as keys"))?;
        from_url(&given.full_url(url)?).map_err(|error| given.blame(error))
    }
}

impl<C: Serialize + DeserializeOwned + Default> Opener for Typed<C> {
    fn fields(&self) -> Option<&'static [&'static str]> {
        fields::of::<C>()
    }

    /// A URL that can't be read is told of with all that stands beside it.
    fn settle(&self, given: &mut Given) {
        let text = given.url().and_then(|url| url.text().ok());
        let Some(Ok(alone)) = text.zip(self.from_url).map(|(text, from_url)| from_url(&text)) else { return };
        let (alone, defaults) = (written(&alone), self.defaults());
        let kind = |values: &BTreeMap<String, Value>, name: &str| values.get(name).map(|v| v.kind.clone());
        given.yield_to_url(|name| kind(&alone, name) != kind(&defaults, name));
    }

    fn defaults(&self) -> BTreeMap<String, Value> {
        written(&C::default())
    }

    fn values(&self, given: &Given) -> Result<BTreeMap<String, Value>> {
        self.read(given).map(|config| written(&config))
    }

    /// What is missing may yet be said elsewhere.
    fn check_types(&self, given: &Given) -> Result<()> {
        match C::deserialize(given.table().into_deserializer()) {
            Err(wrong) if !wrong.is_missing => Err(given.refuse(&wrong)),
            _ => Ok(()),
        }
    }

    fn open(&self, given: &Given, below: Option<SharedStore>) -> Result<SharedStore> {
        (self.open)(self.read(given)?, below).map_err(|error| given.blame(error))
    }
}

/// What a type shows of itself. What can't be shown is left out.
fn written<C: Serialize>(config: &C) -> BTreeMap<String, Value> {
    let table = config::Config::try_from(config).and_then(|config| config.collect());
    table.map(|table| table.into_iter().collect()).unwrap_or_default()
}
