//! One line of what a configuration prints.

use std::fmt;

use config::{Value, ValueKind};

use crate::entry::scalar;
use crate::mask::{HIDDEN, is_secret, mask};
use crate::place::Place;

/// A key, what it is set to, and where that comes from. Secrets are masked when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) place: Place,
}

impl Line {
    pub(crate) fn new(key: impl Into<String>, value: impl Into<String>, place: Place) -> Self {
        Self { key: key.into(), value: value.into(), place }
    }

    /// Of a value that may be, or hold, a secret.
    pub(crate) fn of(key: &str, value: &Value, place: Place) -> Self {
        let name = key.rsplit('.').next().unwrap_or(key);
        Self::new(key, shown(name, value), place)
    }
}

fn shown(name: &str, value: &Value) -> String {
    let inner = |item: &Value| shown(name, item);
    match &value.kind {
        ValueKind::Nil => "none".to_owned(),
        ValueKind::Array(items) => format!("[{}]", items.iter().map(inner).collect::<Vec<_>>().join(", ")),
        ValueKind::Table(table) => {
            let mut parts: Vec<_> =
                table.iter().map(|(name, item)| format!("{name}: {}", shown(name, item))).collect();
            parts.sort_unstable();
            format!("{{{}}}", parts.join(", "))
        }
        _ if is_secret(name) => HIDDEN.to_owned(),
        _ => mask(&scalar(value).unwrap_or_default()),
    }
}

/// Lines with their parts below each other.
pub(crate) struct Columns<'a>(pub(crate) &'a [Line]);

impl fmt::Display for Columns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |part: fn(&Line) -> &str| {
            self.0.iter().map(|line| part(line).chars().count()).filter(|n| *n < 40).max().unwrap_or_default()
        };
        let (keys, values) = (width(|line| &line.key), width(|line| &line.value));
        self.0.iter().try_for_each(|Line { key, value, place }| {
            writeln!(f, "{key:keys$} = {value:values$}  ({place})")
        })
    }
}
