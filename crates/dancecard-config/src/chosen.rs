//! An engine that was chosen, with what is said about it, and with the one under it.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::Value;
use dancecard_core::{Result, SharedStore};

use crate::given::Given;
use crate::line::Line;
use crate::node::join;
use crate::opener::Opener;
use crate::place::Place;

/// An engine that was chosen.
pub(crate) struct Chosen {
    pub(crate) name: String,
    /// What its keys stand below when they are printed.
    pub(crate) path: String,
    pub(crate) opener: Arc<dyn Opener>,
    pub(crate) given: Given,
    pub(crate) values: BTreeMap<String, Value>,
    /// The engine under it, and the key that chose that.
    pub(crate) below: Option<(&'static str, Box<Chosen>)>,
}

impl Chosen {
    /// The engine. Does no I/O.
    pub(crate) fn open(&self) -> Result<SharedStore> {
        let below = self.below.as_ref().map(|(_, below)| below.open()).transpose()?;
        self.opener.open(&self.given, below)
    }

    /// What the engine is set to.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let url = self.given.url().map(|url| Line::of(&self.key("url"), &url.value, url.place.clone()));
        let mut lines: Vec<Line> = url.into_iter().collect();
        let given = self.given.entries().filter(|(name, _)| !self.values.contains_key(*name));
        lines.extend(given.map(|(name, entry)| Line::of(&self.key(name), &entry.value, entry.place.clone())));
        let defaults = self.opener.defaults();
        for (name, value) in &self.values {
            let is_default = defaults.get(name).is_some_and(|default| default.kind == value.kind);
            let from_url = self.given.url().filter(|_| !is_default);
            let place = self.given.get(name).or(from_url).map_or(Place::Default, |entry| entry.place.clone());
            lines.push(Line::of(&self.key(name), value, place));
        }
        lines.extend(self.below.iter().flat_map(|(key, below)| below.lines_below(self.key(key))));
        lines
    }

    fn lines_below(&self, key: String) -> Vec<Line> {
        let place = self.given.chosen().place().clone();
        let mut lines = vec![Line::new(key, &self.name, place)];
        lines.extend(self.lines());
        lines
    }

    fn key(&self, name: &str) -> String {
        join(&self.path, name)
    }
}
