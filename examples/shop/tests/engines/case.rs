//! One engine: the sample that chooses it, what it can do, and where it is.

use std::any::Any;

use anyhow::{Context, Result};
use dancecard_servers::Absent;

use crate::flow::Flow;
use crate::program::Program;
use crate::visitor::Visitor;

/// What the shop says of engines without a list.
pub(crate) const NO_LIST: &str =
    "can't list the sessions of one user: other devices can't be shown or signed out";
const NO_MERGE: &str = "keeps the last of several changes at the same time: others may be lost";
const NO_END: &str = "can't end a session: a copy of the cookie stays good until its time is up";
const NO_STAY: &str = "keeps sessions in memory only: they end when that goes";

/// An engine.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// The sample, a file in `config/`.
    pub(crate) sample: &'static str,
    /// What the engine calls itself.
    pub(crate) engine: &'static str,
    pub(crate) abilities: Abilities,
    /// Whether its server could be started.
    pub(crate) check: fn() -> Result<(), Absent>,
    /// Starts its server.
    pub(crate) start: fn() -> Result<Server, Absent>,
}

/// What visitors can rely on.
#[derive(Clone, Copy)]
pub(crate) struct Abilities {
    /// It lists the sessions of one user, so that they can be ended.
    pub(crate) lists: bool,
    /// Of changes at the same time none is lost.
    pub(crate) merges: bool,
    /// A sign-out holds against copies of the cookie.
    pub(crate) ends: bool,
    /// Sessions are there when the program is started again.
    pub(crate) stays: bool,
    /// It keeps them for good, and not in memory only.
    pub(crate) lasts: bool,
}

/// An engine that can do everything.
pub(crate) const ALL: Abilities =
    Abilities { lists: true, merges: true, ends: true, stays: true, lasts: true };

/// Variables that say where it is, and what keeps it there.
#[derive(Default)]
pub(crate) struct Server {
    variables: Vec<(&'static str, String)>,
    _running: Option<Box<dyn Any>>,
}

impl Server {
    /// What is in `running`, and found at the URL that the variable gives.
    pub(crate) fn at(variable: &'static str, url: String, running: impl Any) -> Self {
        Self { variables: vec![(variable, url)], _running: Some(Box::new(running)) }
    }

    /// With another variable.
    pub(crate) fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.variables.push((variable, value.to_owned()));
        self
    }
}

impl Abilities {
    /// What it can't do, in the shop's words and order.
    pub(crate) fn limits(self) -> impl Iterator<Item = &'static str> {
        let limits =
            [(self.lists, NO_LIST), (self.merges, NO_MERGE), (self.ends, NO_END), (self.lasts, NO_STAY)];
        limits.into_iter().filter_map(|(can, limit)| (!can).then_some(limit))
    }
}

impl Case {
    /// Its name in the list of tests.
    pub(crate) fn name(&self) -> &'static str {
        self.sample.split('.').next().unwrap_or_default()
    }

    /// Plays the script on the shop with this engine.
    pub(crate) fn play(self) -> Result<()> {
        let server = (self.start)()?;
        let folder = tempfile::tempdir()?;
        let open = || Program::start(folder.path(), self.sample, &server.variables);
        let shop = open()?;
        let desk = Visitor::new("Mozilla/5.0 (X11; Linux x86_64) Firefox/143.0", shop.address);
        let flow = Flow { engine: self.engine, abilities: self.abilities, desk };
        flow.before_closing().with_context(|| shop.log())?;
        drop(shop);
        let shop = open()?;
        flow.after_opening(shop.address).with_context(|| shop.log())
    }
}
