//! Errors that name place, key and remedy, and never a value.

use std::borrow::Cow;

use dancecard_core::{Error, ErrorKind, nearest};

use crate::place::Place;

/// An error about the configuration as a whole.
pub(crate) fn fault(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Config, "configure").with_detail(message)
}

/// An error about one key. It says where it stands, unless it stands nowhere.
pub(crate) fn at(place: &Place, key: &str, message: &str) -> Error {
    match place {
        Place::Default => fault(format!("{key}: {message}")),
        place => fault(format!("{place}: {key}: {message}")),
    }
}

/// What is said of a key that nobody knows.
pub(crate) fn unknown(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("there is no such key; did you mean `{near}`?"),
        None if known.is_empty() => "there is no such key: nothing can be set here".to_owned(),
        None => format!("there is no such key; there are {}", quoted(known)),
    }
}

/// Names, each between backticks.
pub(crate) fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
