//! Where everything stands that the sources say.

use std::collections::BTreeMap;

use crate::node::{Kind, Node};
use crate::place::Place;

/// Where one thing stands, and what is in it: a tree, since paths in full would be as long as all keys above, over again
/// for each value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    place: Place,
    /// Which source said it: a later one is stronger.
    rank: usize,
    within: BTreeMap<String, Places>,
}

impl Places {
    /// Notes those of another source, which are the ones that count from now on.
    pub(crate) fn note(&mut self, node: &Node, rank: usize) {
        let Kind::Table(entries) = &node.kind else { return };
        for (name, node) in entries {
            let within = self.within.entry(name.clone()).or_default();
            (within.place, within.rank) = (node.place.clone(), rank);
            within.note(node, rank);
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn rank(&self) -> usize {
        self.rank
    }

    /// Those of an entry.
    pub(crate) fn entry(&self, name: &str) -> Option<&Self> {
        self.within.get(name)
    }
}
