//! One value of the configuration: what it is, where it stands, and how it is read.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use config::{Value, ValueKind};
use dancecard_core::{Error, Result};
use serde::de::DeserializeOwned;

use crate::de::One;
use crate::duration::parse_duration;
use crate::fault::{at, quoted};
use crate::node::join;
use crate::place::Place;

/// One value of the configuration. Its `Debug` does not show it: it may be a secret.
#[derive(Clone)]
pub struct Entry {
    pub(crate) path: String,
    pub(crate) value: Value,
    pub(crate) place: Place,
    /// Which source said it: a later one is stronger.
    pub(crate) rank: usize,
}

impl Entry {
    /// The last key of its path.
    pub fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }

    /// Its keys, with dots between.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where it stands.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// An error about it that names place, key and what is wrong. The sentence must not repeat the value.
    pub fn refuse(&self, sentence: &str) -> Error {
        at(&self.place, &self.path, sentence)
    }

    /// It as text.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config) for a list or a table.
    pub fn text(&self) -> Result<String> {
        scalar(&self.value).ok_or_else(|| self.refuse("must be one value, not a list or a table"))
    }

    /// It as several texts: a list, or one text with commas.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config) for what holds more than texts.
    pub fn texts(&self) -> Result<Vec<String>> {
        let wrong = || self.refuse("must be a list of texts, or one text with commas");
        match &self.value.kind {
            ValueKind::Array(items) => items.iter().map(scalar).collect::<Option<_>>().ok_or_else(wrong),
            _ => Ok(split(&scalar(&self.value).ok_or_else(wrong)?)),
        }
    }

    /// It as a number.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config).
    pub fn number<T: FromStr>(&self) -> Result<T> {
        let number = self.text()?.trim().parse();
        number.map_err(|_| self.refuse("must be a number that is not negative"))
    }

    /// It as a switch: `true`, `yes`, `on` or `1`, or the opposite.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config).
    pub fn switch(&self) -> Result<bool> {
        switch(&self.text()?).ok_or_else(|| self.refuse("must be `true` or `false`"))
    }

    /// It as one of several words, in any case.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config), which names the words.
    pub fn choice<T: Clone>(&self, words: &[(&str, T)]) -> Result<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim()));
        found.map(|(_, meaning)| meaning.clone()).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.refuse(&format!("must be one of {}", quoted(&words)))
        })
    }

    /// It as a length of time, by the rules of [`parse_duration`].
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config).
    pub fn duration(&self) -> Result<Duration> {
        parse_duration(&self.text()?).map_err(|rule| self.refuse(rule))
    }

    /// It as any type.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(One(&self.value)).map_err(|wrong| {
            let path = if wrong.key.is_empty() { self.path.clone() } else { join(&self.path, &wrong.key) };
            at(&self.place, &path, &wrong.message)
        })
    }

    pub(crate) fn is_table(&self) -> bool {
        matches!(self.value.kind, ValueKind::Table(_))
    }

    /// The same under another name.
    pub(crate) fn with_text(&self, text: impl Into<String>) -> Self {
        Self { value: Value::new(None, ValueKind::String(text.into())), ..self.clone() }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("path", &self.path).field("place", &self.place).finish_non_exhaustive()
    }
}

/// A value that is neither a list nor a table.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::String(text) => Some(text.clone()),
        ValueKind::Boolean(on) => Some(on.to_string()),
        ValueKind::I64(number) => Some(number.to_string()),
        ValueKind::U64(number) => Some(number.to_string()),
        ValueKind::I128(number) => Some(number.to_string()),
        ValueKind::U128(number) => Some(number.to_string()),
        ValueKind::Float(number) => Some(number.to_string()),
        ValueKind::Nil | ValueKind::Table(_) | ValueKind::Array(_) => None,
    }
}

/// The parts of a text with commas.
pub(crate) fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

pub(crate) fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}
