//! Reads the settings of sessions one by one, under their name in each layout, and notes what holds.

use dancecard_core::Result;

use crate::chosen::Chosen;
use crate::entry::Entry;
use crate::fault::unknown;
use crate::line::Line;
use crate::merged::Merged;
use crate::node::join;
use crate::place::Place;

/// A setting under its own name, in the section of an engine (Dancer 2), and at the top (Dancer 1). Empty is nowhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) own: &'static str,
    pub(crate) section: &'static str,
    pub(crate) flat: &'static str,
}

impl Key {
    pub(crate) const fn new(own: &'static str, section: &'static str, flat: &'static str) -> Self {
        Self { own, section, flat }
    }

    /// A setting that only we have.
    pub(crate) const fn own(own: &'static str) -> Self {
        Self::new(own, "", "")
    }
}

/// What is known of the configuration so far.
pub(crate) struct Reader<'a> {
    merged: &'a Merged,
    chosen: Option<&'a Chosen>,
    lines: Vec<Line>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(merged: &'a Merged, chosen: Option<&'a Chosen>) -> Self {
        Self { merged, chosen, lines: Vec::new(), warnings: Vec::new() }
    }

    /// Whether this engine was chosen.
    pub(crate) fn is_engine(&self, name: &str) -> bool {
        self.chosen.is_some_and(|chosen| chosen.name == name)
    }

    /// The entry under the name in our own layout.
    pub(crate) fn own(&self, key: &str) -> Option<Entry> {
        self.merged.get(key)
    }

    /// The entry in the section of the engine.
    pub(crate) fn in_section(&self, name: &str) -> Option<Entry> {
        let chosen = self.chosen.filter(|_| !name.is_empty())?;
        self.merged.get(&join(chosen.given.section(), name))
    }

    /// The entry at the top.
    pub(crate) fn flat(&self, name: &str) -> Option<Entry> {
        Some(name).filter(|name| !name.is_empty()).and_then(|name| self.merged.get(name))
    }

    /// The entry under the first of its names that is there: our own, then that of Dancer 2, then that of Dancer 1.
    pub(crate) fn find(&self, key: Key) -> Option<Entry> {
        self.own(key.own).or_else(|| self.in_section(key.section)).or_else(|| self.flat(key.flat))
    }

    /// Reads a setting that has a default, and notes it.
    pub(crate) fn value<T>(
        &mut self,
        key: Key,
        default: T,
        read: impl FnOnce(&Entry) -> Result<T>,
        show: impl FnOnce(&T) -> String,
    ) -> Result<T> {
        let entry = self.find(key);
        let value = entry.as_ref().map(read).transpose()?.unwrap_or(default);
        self.note(key.own, show(&value), entry.as_ref());
        Ok(value)
    }

    /// Notes what holds for a key, and why.
    pub(crate) fn note(&mut self, key: &str, value: impl Into<String>, because: Option<&Entry>) {
        let place = because.map_or(Place::Default, |entry| entry.place().clone());
        self.lines.push(Line::new(key, value, place));
    }

    /// Notes what holds because somebody asked for it, and is less safe than it could be.
    pub(crate) fn warn(&mut self, because: &Entry, sentence: &str) {
        self.warnings.push(format!("{}: {}: {sentence}", because.place(), because.path()));
    }

    /// Refuses what is in a table and not among these, and what should be a table and is none.
    pub(crate) fn check(&self, table: &str, known: &[&str]) -> Result<()> {
        if let Some(entry) = self.merged.get(table).filter(|entry| !entry.is_table()) {
            return Err(entry.refuse("must be a table of keys"));
        }
        match self.merged.within(table).iter().find(|entry| !known.contains(&entry.name())) {
            Some(entry) => Err(entry.refuse(&unknown(entry.name(), known))),
            None => Ok(()),
        }
    }

    /// What holds, and what to be warned of.
    pub(crate) fn into_notes(self) -> (Vec<Line>, Vec<String>) {
        (self.lines, self.warnings)
    }
}

/// The word that stands for a value.
pub(crate) fn word<T: PartialEq>(words: &[(&str, T)], value: &T) -> String {
    words.iter().find(|(_, other)| other == value).map_or_else(String::new, |(word, _)| (*word).to_owned())
}
