//! One of the engines that a configuration can choose from.

use std::fmt;
use std::sync::Arc;

use dancecard_core::Result;

use crate::given::Given;
use crate::merged::Merged;
use crate::opener::Opener;

/// An engine under its names.
#[derive(Clone)]
pub(crate) struct Engine {
    /// Its own first.
    pub(crate) names: Vec<String>,
    pub(crate) schemes: Vec<String>,
    /// Keys of another framework that its section can have.
    pub(crate) foreign: &'static [&'static str],
    pub(crate) adapt: Option<fn(&mut Given) -> Result<()>>,
    /// The key that chooses the engine under it.
    pub(crate) over: Option<&'static str>,
    pub(crate) way: Way,
}

#[derive(Clone)]
pub(crate) enum Way {
    Opens(Arc<dyn Opener>),
    Missing { feature: String },
    StandsFor { others: &'static [&'static str], resolve: fn(&mut Given) -> Result<&'static str> },
}

impl Engine {
    pub(crate) fn new(names: Vec<String>, way: Way) -> Self {
        Self { names, schemes: Vec::new(), foreign: &[], adapt: None, over: None, way }
    }

    /// What it is called here.
    pub(crate) fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// The path of the section that sets it up: under any of its names, but once.
    pub(crate) fn section(&self, merged: &Merged, named: &str) -> Result<String> {
        let path = |name: &str| format!("engines.session.{name}");
        let mut there = self.names.iter().filter_map(|name| merged.get(&path(name)));
        let Some(section) = there.next() else {
            let named = named.to_ascii_lowercase();
            return Ok(path(if self.names.contains(&named) { &named } else { self.name() }));
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

    pub(crate) fn opener(&self, given: &Given) -> Result<Arc<dyn Opener>> {
        match &self.way {
            Way::Opens(opener) => Ok(opener.clone()),
            Way::Missing { feature } => Err(given.chosen().refuse(&format!(
                "the engine `{}` is not in this build: build dancecard with the feature `{feature}`",
                self.name()
            ))),
            Way::StandsFor { .. } => Err(given.chosen().refuse("stands for a name that stands for another")),
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.names).finish()
    }
}
