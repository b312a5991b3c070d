//! From what a configuration says to the engine that it means, and to the one under that.

use std::sync::Arc;

use dancecard_core::{Error, Result, nearest};

use crate::chosen::Chosen;
use crate::dancer::GENERAL;
use crate::engine::{Engine, Way};
use crate::engines::Engines;
use crate::entry::Entry;
use crate::fault::{quoted, unknown};
use crate::given::Given;
use crate::merged::Merged;
use crate::node::join;

/// Says which engine is meant, in a table of its own.
const ENGINE: &str = "engine";
const URL: &str = "url";

impl Engines {
    /// The engine that an entry chooses, by name or by URL, and what is said about it.
    pub(crate) fn resolve(&self, merged: &Arc<Merged>, chosen: Entry) -> Result<Chosen> {
        Resolver { engines: self, merged, above: Vec::new() }.named(chosen)
    }

    fn find(&self, name: &str) -> Option<&Engine> {
        self.0.iter().find(|engine| engine.names.iter().any(|other| other == name))
    }

    fn by_scheme(&self, scheme: &str) -> Option<&Engine> {
        self.0.iter().find(|engine| engine.schemes.iter().any(|other| other == scheme))
    }

    /// The engine that an entry names, and the entry if that is a URL.
    fn of(&self, chosen: &Entry) -> Result<(&Engine, Option<Entry>)> {
        let text = chosen.text()?.trim().to_ascii_lowercase();
        let (found, url) = match text.split_once(':') {
            Some((scheme, _)) => (self.by_scheme(scheme), Some(chosen.clone())),
            None => (self.find(&text), None),
        };
        found.map(|engine| (engine, url)).ok_or_else(|| self.nowhere(chosen, &text))
    }

    fn nowhere(&self, chosen: &Entry, text: &str) -> Error {
        let names: Vec<&str> = self.0.iter().rev().map(Engine::name).collect();
        let all: Vec<&str> =
            self.0.iter().flat_map(|engine| engine.names.iter().map(String::as_str)).collect();
        let lower = text.split(':').next().unwrap_or_default().to_ascii_lowercase();
        chosen.refuse(&match nearest(&lower, &all) {
            Some(near) => format!("there is no such engine; did you mean `{near}`?"),
            None => format!("there is no such engine; there are {}", quoted(&names)),
        })
    }

    /// Refuses sections of engines that nobody knows.
    pub(crate) fn check_names(&self, merged: &Merged) -> Result<()> {
        merged.table("engines")?;
        match merged.table("engines.session")?.iter().find(|section| self.find(section.name()).is_none()) {
            Some(section) => Err(self.nowhere(section, section.name())),
            None => Ok(()),
        }
    }

    /// Refuses keys that an engine does not know, and values of another type than it takes, in every section: which engine is
    /// chosen may be another one tomorrow. What the build does not contain is not known by its keys.
    pub(crate) fn check_sections(&self, merged: &Arc<Merged>) -> Result<()> {
        for section in merged.table("engines.session")? {
            let Some(engine) = self.find(section.name()) else { continue };
            let entries = merged.table(&section.path)?;
            if let Some(known) = self.known(engine)
                && let Some(entry) = entries.iter().find(|entry| !known.contains(&entry.name()))
            {
                return Err(entry.refuse(&unknown(entry.name(), &known)));
            }
            if let Way::Opens(opener) = &engine.way {
                let fields = opener.fields().unwrap_or_default();
                opener.check_types(&Given::of_fields(merged.clone(), section, fields))?;
            }
        }
        Ok(())
    }

    /// The keys that the section of an engine can have; `None` if that is not known, or any.
    fn known(&self, engine: &Engine) -> Option<Vec<&'static str>> {
        let mut known = match &engine.way {
            Way::Opens(opener) => opener.fields()?.to_vec(),
            Way::Missing { .. } => return None,
            Way::StandsFor { others, .. } => {
                let keys = others.iter().map(|other| self.known(self.find(other)?));
                keys.collect::<Option<Vec<_>>>()?.concat()
            }
        };
        known.extend(engine.foreign.iter().chain(&engine.over).chain(GENERAL).chain(&[URL]));
        Some(known)
    }
}

/// Finds engines in one configuration.
struct Resolver<'a> {
    engines: &'a Engines,
    merged: &'a Arc<Merged>,
    /// The names of those that are being resolved.
    above: Vec<&'a str>,
}

impl<'a> Resolver<'a> {
    /// The engine that a name or a URL means. Its section is the one of its name.
    fn named(&mut self, chosen: Entry) -> Result<Chosen> {
        let (engine, url) = self.engines.of(&chosen)?;
        let section = engine.section(self.merged, chosen.text()?.trim())?;
        let mut given = Given::new(self.merged.clone(), section, chosen, url)?;
        GENERAL.iter().for_each(|key| drop(given.take(key)));
        self.settled(engine, given, GENERAL, None)
    }

    /// The engine under another: by a name or a URL, or by a table that says both which it is and how it is set up.
    fn below(&mut self, entry: Entry, path: String) -> Result<Chosen> {
        if !entry.is_table() {
            return self.named(entry);
        }
        let inner = |key: &str| self.merged.get(&join(&entry.path, key));
        let chosen = inner(ENGINE)
            .or_else(|| inner(URL))
            .ok_or_else(|| entry.refuse("needs `engine`, the name of the one that is meant, or `url`"))?;
        if chosen.name() == ENGINE && self.merged.within(&entry.path).len() == 1 {
            return self.named(chosen);
        }
        let (engine, url) = self.engines.of(&chosen)?;
        let url = url.filter(|url| url.name() == ENGINE);
        let mut given = Given::new(self.merged.clone(), entry.path.clone(), chosen, url)?;
        given.take(ENGINE);
        self.settled(engine, given, &[], Some(path))
    }

    /// The engine that is really meant, with its own keys only. `path` is where they stand, if not in the section of its name.
    fn settled(
        &mut self,
        engine: &'a Engine,
        mut given: Given,
        general: &[&str],
        path: Option<String>,
    ) -> Result<Chosen> {
        let named = engine;
        let engine = self.adapted(named, &mut given)?;
        let opener = engine.opener(&given)?;
        let path = path.unwrap_or_else(|| format!("engines.session.{}", engine.name()));
        let below = self.under(engine, &mut given, &path)?;
        opener.settle(&mut given);
        if let Some(fields) = opener.fields() {
            let over: Vec<&str> = engine.over.into_iter().collect();
            given.check(fields, &[named.foreign, engine.foreign, &over, general].concat())?;
        }
        let values = opener.values(&given)?;
        Ok(Chosen { name: engine.name().to_owned(), path, opener, given, values, below })
    }

    /// The engine that is really meant, with its own keys in `given`.
    fn adapted(&self, engine: &'a Engine, given: &mut Given) -> Result<&'a Engine> {
        if let Some(adapt) = engine.adapt {
            adapt(given)?;
        }
        let Way::StandsFor { resolve, .. } = engine.way else { return Ok(engine) };
        let name = resolve(given)?;
        self.engines.find(name).ok_or_else(|| {
            given.chosen().refuse(&format!("needs the engine `{name}`, which is not registered"))
        })
    }

    /// The engine under one that was chosen, if there is to be one.
    fn under(
        &mut self,
        engine: &'a Engine,
        given: &mut Given,
        path: &str,
    ) -> Result<Option<(&'static str, Box<Chosen>)>> {
        if self.above.contains(&engine.name()) {
            let sentence = format!("the engine `{}` can't be under itself: choose another", engine.name());
            return Err(given.chosen().refuse(&sentence));
        }
        let Some(key) = engine.over else { return Ok(None) };
        let Some(entry) = given.take_below(key)? else { return Ok(None) };
        self.above.push(engine.name());
        let below = self.below(entry, join(path, key))?;
        self.above.pop();
        Ok(Some((key, Box::new(below))))
    }
}
