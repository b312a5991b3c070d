//! What a configuration says about one engine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use config::{Value, ValueKind};
use dancecard_core::{Error, ErrorKind, Result, percent_decode};

use crate::de::{Table, Wrong};
use crate::entry::Entry;
use crate::fault::{at, unknown};
use crate::merged::Merged;
use crate::misspelt::are_names;
use crate::node::join;

/// What a configuration says about one engine: the entries of its section, of which an engine that takes another
/// framework's keys makes its own.
///
/// ```
/// use dancecard_config::Given;
///
/// /// Takes `memcached_servers`, as it stands at the top of a Dancer configuration, for `servers`.
/// fn adapt(given: &mut Given) -> dancecard_core::Result<()> {
///     match given.flat("memcached_servers") {
///         Some(servers) => given.put("servers", servers),
///         None => Ok(()),
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Given {
    section: String,
    chosen: Entry,
    url: Option<Entry>,
    entries: BTreeMap<String, Entry>,
    /// What chose the engine under this one, by its key. It is no longer among the entries.
    below: Option<(&'static str, Entry)>,
    merged: Arc<Merged>,
}

impl Given {
    /// What the section says. `url` is what chose the engine, if that was a URL.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when one source says twice where the engine is, and for a name with dots.
    pub(crate) fn new(
        merged: Arc<Merged>,
        section: String,
        chosen: Entry,
        url: Option<Entry>,
    ) -> Result<Self> {
        let within = merged.within(&section);
        are_names(&section, &within)?;
        let mut entries: BTreeMap<_, _> =
            within.into_iter().map(|entry| (entry.name().to_owned(), entry)).collect();
        let url = stronger(url, entries.remove("url"))?;
        Ok(Self { section, chosen, url, entries, below: None, merged })
    }

    /// Those entries of a section that are the engine's own, whether it was chosen or not.
    pub(crate) fn of_fields(merged: Arc<Merged>, section: Entry, fields: &[&str]) -> Self {
        let own = merged.within(&section.path).into_iter().filter(|entry| fields.contains(&entry.name()));
        let entries = own.map(|entry| (entry.name().to_owned(), entry)).collect();
        Self { section: section.path.clone(), chosen: section, url: None, entries, below: None, merged }
    }

    /// An entry of the section.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// An entry of the section, which is no longer there then.
    pub fn take(&mut self, key: &str) -> Option<Entry> {
        self.entries.remove(key)
    }

    /// An entry at the top of the configuration, where older frameworks keep settings of engines.
    pub fn flat(&self, key: &str) -> Option<Entry> {
        self.merged.get(key)
    }

    /// The entries of a table at the top of the configuration; none if it is not there. An empty key is the top itself.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for what is no table, and for a name with dots in it, unless that is at the top.
    pub fn flat_table(&self, key: &str) -> Result<Vec<Entry>> {
        if key.is_empty() { self.merged.table(key) } else { self.names_in(key) }
    }

    /// The entries of a table in the section; none if it is not there.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for what is no table, and for a name with dots in it.
    pub fn table_in_section(&self, key: &str) -> Result<Vec<Entry>> {
        self.names_in(&join(&self.section, key))
    }

    fn names_in(&self, table: &str) -> Result<Vec<Entry>> {
        let entries = self.merged.table(table)?;
        are_names(table, &entries)?;
        Ok(entries)
    }

    /// Whether the engine was chosen by its name, and not by a URL that says where it is.
    pub fn is_by_name(&self) -> bool {
        self.url.is_none()
    }

    /// Says something to the engine, in the name of this entry. Where two say the same, a later source wins.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the same source says it twice.
    pub fn put(&mut self, key: &str, entry: Entry) -> Result<()> {
        match self.entries.get(key) {
            Some(other) if other.rank > entry.rank => Ok(()),
            Some(other) if other.rank == entry.rank => Err(entry.refuse(&format!(
                "says what `{}` at {} says; keep one",
                other.path(),
                other.place()
            ))),
            _ => {
                self.entries.insert(key.to_owned(), entry);
                Ok(())
            }
        }
    }

    /// As [`Given::put`], with another text than that of the entry.
    ///
    /// # Errors
    /// Those of [`Given::put`].
    pub fn put_text(&mut self, key: &str, text: impl Into<String>, because: &Entry) -> Result<()> {
        self.put(key, because.with_text(text))
    }

    /// As [`Given::put`], with a table of these entries.
    ///
    /// # Errors
    /// Those of [`Given::put`].
    pub fn put_table(&mut self, key: &str, entries: Vec<Entry>, because: &Entry) -> Result<()> {
        let table = entries.into_iter().map(|entry| (entry.name().to_owned(), entry.value)).collect();
        let value = Value::new(None, ValueKind::Table(table));
        self.put(key, Entry { value, ..because.clone() })
    }

    /// Gives an entry of the section, if it is there, the engine's own name for it.
    ///
    /// # Errors
    /// Those of [`Given::put`].
    pub fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        match self.take(from) {
            Some(entry) => self.put(to, entry),
            None => Ok(()),
        }
    }

    /// What chose the engine.
    pub fn chosen(&self) -> &Entry {
        &self.chosen
    }

    /// Takes what chooses the engine under this one: from the section, or from the URL if only that or a stronger source has it.
    ///
    /// # Errors
    /// For a URL that says it in a way that can't be read.
    pub(crate) fn take_below(&mut self, key: &'static str) -> Result<Option<Entry>> {
        let in_url = self.take_from_url(key)?;
        let found = match (self.take(key), in_url) {
            (Some(own), Some(in_url)) => Some(if in_url.rank > own.rank { in_url } else { own }),
            (own, in_url) => own.or(in_url),
        };
        self.below = found.clone().map(|entry| (key, entry));
        Ok(found)
    }

    /// Takes a setting out of the URL.
    fn take_from_url(&mut self, key: &str) -> Result<Option<Entry>> {
        let Some(url) = &self.url else { return Ok(None) };
        let text = url.text()?;
        let Some((location, query)) = text.split_once('?') else { return Ok(None) };
        let is_it = |part: &&str| part.split('=').next() == Some(key);
        let Some(found) = query.split('&').find(is_it) else { return Ok(None) };
        let rest: Vec<_> = query.split('&').filter(|part| !is_it(part)).collect();
        let found = percent_decode(found.split_once('=').map_or("", |(_, value)| value))
            .ok_or_else(|| url.refuse(&format!("the value of {key} is not percent-encoded UTF-8")))?;
        let found = Entry { path: join(&self.section, key), ..url.with_text(found) };
        self.url = Some(url.with_text(format!("{location}?{}", rest.join("&"))));
        Ok(Some(found))
    }

    pub(crate) fn url(&self) -> Option<&Entry> {
        self.url.as_ref()
    }

    pub(crate) fn section(&self) -> &str {
        &self.section
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    pub(crate) fn table(&self) -> Table {
        Table::new(self.entries.iter().map(|(name, entry)| (name.clone(), entry.value.clone())))
    }

    /// Refuses what is none of the engine's own keys.
    pub(crate) fn check(&self, fields: &[&str], foreign: &[&str]) -> Result<()> {
        let known: Vec<&str> = fields.iter().chain(foreign).chain(&["url"]).copied().collect();
        match self.entries.iter().find(|(name, _)| !fields.contains(&name.as_str())) {
            Some((name, entry)) => Err(entry.refuse(&unknown(name, &known))),
            None => Ok(()),
        }
    }

    /// Drops the entries that a URL of a stronger source `sets` as well.
    pub(crate) fn yield_to_url(&mut self, sets: impl Fn(&str) -> bool) {
        let Some(url) = &self.url else { return };
        self.entries.retain(|name, entry| entry.rank >= url.rank || !sets(name));
    }

    /// The URL with the entries as settings behind it.
    pub(crate) fn full_url(&self, url: &Entry) -> Result<String> {
        let mut text = url.text()?;
        let mut mark = if text.contains('?') { '&' } else { '?' };
        for (name, entry) in self.entries() {
            let value = match &entry.value.kind {
                ValueKind::Table(_) => {
                    return Err(entry.refuse("can't stand beside a URL: put it into the URL"));
                }
                ValueKind::Array(_) => entry.texts()?.join(","),
                _ => entry.text()?,
            };
            let _ = write!(text, "{mark}{name}={}", encoded(&value));
            mark = '&';
        }
        Ok(text)
    }

    /// The error for what can't be read.
    pub(crate) fn refuse(&self, wrong: &Wrong) -> Error {
        let first = wrong.key.split('.').next().unwrap_or_default();
        match self.entries.get(first) {
            Some(entry) if first == wrong.key => entry.refuse(&wrong.message),
            Some(entry) => {
                let path = join(&entry.path, &wrong.key[first.len() + 1..]);
                let place = self.merged.get(&path).map_or_else(|| entry.place.clone(), |inner| inner.place);
                at(&place, &path, &wrong.message)
            }
            None if wrong.is_missing => {
                let path = join(&self.section, &wrong.key);
                self.chosen.refuse(&format!("needs `{path}`: set it"))
            }
            None => self.chosen.refuse(&format!("{}: {}", wrong.key, wrong.message)),
        }
    }

    /// The engine's own error about its configuration, with the entry that it is about.
    pub(crate) fn blame(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Config {
            return error;
        }
        let detail = error.detail().unwrap_or("the configuration is not usable").to_owned();
        let is_about =
            |name: &str| detail.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name);
        let below = self.below.iter().map(|(name, entry)| (*name, entry));
        let entry = self.entries().chain(below).find(|(name, _)| is_about(name)).map(|(_, entry)| entry);
        let place = entry.or(self.url()).unwrap_or(&self.chosen);
        place.refuse(&detail).with_source(error)
    }
}

/// Of the URL that chose the engine and that in its section, the one that the stronger source says.
fn stronger(chosen: Option<Entry>, section: Option<Entry>) -> Result<Option<Entry>> {
    match (chosen, section) {
        (Some(chosen), Some(section)) if chosen.rank == section.rank => Err(section.refuse(&format!(
            "says where the engine is, as `{}` at {} does; keep one",
            chosen.path, chosen.place
        ))),
        (Some(chosen), Some(section)) => Ok(Some(if chosen.rank > section.rank { chosen } else { section })),
        (chosen, section) => Ok(section.or(chosen)),
    }
}

/// Percent-encoded, but for what needs it nowhere.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}
