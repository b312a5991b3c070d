//! All sources as one: later ones win, key by key, and every value keeps its place.

use std::fmt;

use config::{Config, ConfigError, Map, Source, Value, ValueKind};
use dancecard_core::Result;

use crate::entry::Entry;
use crate::fault::{at, fault};
use crate::node::{Kind, Node, join};
use crate::places::Places;

/// The one key of what is given to the library, since it reads dots in keys of the first level as paths.
const ALL: &str = "all";

/// What all sources say together. Its `Debug` has no values: some are secret.
#[derive(Clone)]
pub(crate) struct Merged {
    root: Value,
    places: Places,
}

impl Merged {
    /// Of these sources, the weakest first.
    pub(crate) fn new(sources: Vec<Node>) -> Result<Self> {
        let mut places = Places::default();
        let mut builder = Config::builder();
        for (rank, node) in sources.into_iter().enumerate() {
            let node = plain(node)?;
            places.note(&node, rank);
            builder = builder.add_source(Layer(node.to_value()));
        }
        let merged = builder.build().and_then(|config| config.get::<Value>(ALL));
        let root = merged.map_err(|_| fault("the sources can't be merged"))?;
        Ok(Self { root, places })
    }

    /// What stands at a path of keys, with dots between. Null counts as nothing.
    pub(crate) fn get(&self, path: &str) -> Option<Entry> {
        let (value, places) = self.find(path)?;
        entry(path.to_owned(), value, places)
    }

    fn find(&self, path: &str) -> Option<(&Value, Option<&Places>)> {
        let mut found = (&self.root, Some(&self.places));
        for key in path.split('.').filter(|_| !path.is_empty()) {
            let ValueKind::Table(table) = &found.0.kind else { return None };
            found = (table.get(key)?, found.1.and_then(|places| places.entry(key)));
        }
        Some(found)
    }

    /// As [`Merged::within`], where nothing but a table may stand.
    ///
    /// # Errors
    /// For what is no table.
    pub(crate) fn table(&self, path: &str) -> Result<Vec<Entry>> {
        match self.get(path).filter(|entry| !path.is_empty() && !entry.is_table()) {
            Some(entry) => Err(entry.refuse("must be a table of keys")),
            None => Ok(self.within(path)),
        }
    }

    /// What stands in the table at this path, by name. An empty path is everything.
    pub(crate) fn within(&self, path: &str) -> Vec<Entry> {
        let Some((Value { kind: ValueKind::Table(table), .. }, places)) = self.find(path) else {
            return Vec::new();
        };
        let place = |name: &str| places.and_then(|places| places.entry(name));
        let mut entries: Vec<_> =
            table.iter().filter_map(|(name, value)| entry(join(path, name), value, place(name))).collect();
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        entries
    }
}

fn entry(path: String, value: &Value, places: Option<&Places>) -> Option<Entry> {
    let place = places.map(Places::place).cloned().unwrap_or_default();
    let rank = places.map_or(0, Places::rank);
    (value.kind != ValueKind::Nil).then(|| Entry { path, value: value.clone(), place, rank })
}

impl fmt::Debug for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merged").field("places", &self.places).finish_non_exhaustive()
    }
}

/// The same, with `session: redis` as `session: { engine: redis }`, and the names of engines in lower case: so files and
/// variables can each say a part.
fn plain(mut root: Node) -> Result<Node> {
    if let Some(session) = root.get_mut("session")
        && matches!(&session.kind, Kind::Scalar(kind) if *kind != ValueKind::Nil)
    {
        let engine = ("engine".to_owned(), session.clone());
        session.kind = Kind::Table(vec![engine]);
    }
    let sections = root.get_mut("engines").and_then(|engines| engines.get_mut("session"));
    if let Some(entries) = sections.and_then(Node::entries_mut) {
        entries.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        once_each(entries)?;
    }
    Ok(root)
}

/// Two spellings of one name in one source would be one section too many.
fn once_each(sections: &[(String, Node)]) -> Result<()> {
    for (place, (name, section)) in sections.iter().enumerate() {
        if let Some((_, first)) = sections[..place].iter().find(|(other, _)| other == name) {
            let path = join("engines.session", name);
            let sentence = format!("is there already, at {}; keep one", first.place);
            return Err(at(&section.place, &path, &sentence));
        }
    }
    Ok(())
}

/// A source in the terms of the library.
#[derive(Debug, Clone)]
struct Layer(Value);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(Map::from_iter([(ALL.to_owned(), self.0.clone())]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn merged(texts: &[&str]) -> Merged {
        let sources =
            texts.iter().enumerate().map(|(n, text)| yaml::read(&format!("{n}.yml"), text).unwrap());
        Merged::new(sources.collect()).unwrap()
    }

    fn told(merged: &Merged, path: &str) -> Option<(String, String)> {
        let entry = merged.get(path)?;
        Some((entry.text().unwrap(), entry.place.to_string()))
    }

    #[test]
    fn the_later_wins_key_by_key_and_places_follow() {
        let both = merged(&[
            "session: redis\nengines:\n  session:\n    Redis:\n      prefix: a\n      database: 1\n",
            "session:\n  idle: 1h\nengines:\n  session:\n    redis:\n      prefix: b\n",
        ]);
        let expect = |path, value: &str, place: &str| {
            assert_eq!(told(&both, path), Some((value.into(), place.into())), "{path}");
        };
        expect("session.engine", "redis", "0.yml:1");
        expect("session.idle", "1h", "1.yml:2");
        expect("engines.session.redis.prefix", "b", "1.yml:6");
        expect("engines.session.redis.database", "1", "0.yml:6");
        assert_eq!(both.get("engines.session.Redis").map(|entry| entry.path), None);
    }

    #[test]
    fn a_section_has_one_spelling() {
        let text = "engines:\n  session:\n    Redis: { prefix: a }\n    redis: { prefix: b }\n";
        let error = Merged::new(vec![yaml::read("0.yml", text).unwrap()]).unwrap_err().to_string();
        assert!(error.contains("0.yml:4: engines.session.redis: is there already, at 0.yml:3"), "{error}");
    }

    #[test]
    fn null_takes_back_and_odd_keys_stay_keys() {
        let both = merged(&["a: 1\n'b.c': 2\n'd[9999999999]': 3\n", "a: ~\n"]);
        assert_eq!(both.get("a").map(|entry| entry.path), None);
        let names: Vec<_> = both.within("").into_iter().map(|entry| entry.path).collect();
        assert_eq!(names, ["b.c", "d[9999999999]"]);
    }

    #[test]
    fn a_table_takes_the_place_of_a_value() {
        let both = merged(&["logger: console\n", "logger:\n  file: x\n"]);
        assert_eq!(told(&both, "logger.file"), Some(("x".into(), "1.yml:2".into())));
    }
}
