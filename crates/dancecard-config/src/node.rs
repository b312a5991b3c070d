//! What a source says: values, each with its place.

use config::{Map, Value, ValueKind};

use crate::place::Place;

/// A value of a source.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Scalar(ValueKind),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl Node {
    /// An empty table.
    pub(crate) fn empty() -> Self {
        Self { place: Place::Default, kind: Kind::Table(Vec::new()) }
    }

    /// The entries of a table.
    pub(crate) fn entries_mut(&mut self) -> Option<&mut Vec<(String, Node)>> {
        match &mut self.kind {
            Kind::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entry of this name in a table.
    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Node> {
        let entries = self.entries_mut()?;
        entries.iter_mut().find(|(other, _)| other == name).map(|(_, node)| node)
    }

    /// Whether it has the first key of a path; where engines are set up, the first two.
    pub(crate) fn begins(&self, path: &[String]) -> bool {
        let levels = if path.first().is_some_and(|top| top == "engines") { 2 } else { 1 };
        let mut node = Some(self);
        for key in path.iter().take(levels) {
            node = node.and_then(|node| node.entry(key));
        }
        node.is_some()
    }

    fn entry(&self, name: &str) -> Option<&Self> {
        let Kind::Table(entries) = &self.kind else { return None };
        entries.iter().find(|(other, _)| other == name).map(|(_, node)| node)
    }

    /// The value, for the library that merges. Its places are kept apart from it.
    pub(crate) fn to_value(&self) -> Value {
        let kind = match &self.kind {
            Kind::Scalar(kind) => kind.clone(),
            Kind::List(items) => ValueKind::Array(items.iter().map(Self::to_value).collect()),
            Kind::Table(entries) => ValueKind::Table(table(entries)),
        };
        Value::new(None, kind)
    }

    /// Tells `tell` the place of everything within, by its path.
    #[cfg(test)]
    pub(crate) fn places(&self, path: &str, tell: &mut impl FnMut(String, Place)) {
        if let Kind::Table(entries) = &self.kind {
            for (name, node) in entries {
                let path = join(path, name);
                node.places(&path, tell);
                tell(path, node.place.clone());
            }
        }
    }
}

fn table(entries: &[(String, Node)]) -> Map<String, Value> {
    entries.iter().map(|(name, node)| (name.clone(), node.to_value())).collect()
}

/// The path of what has this name in the table of that path.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
