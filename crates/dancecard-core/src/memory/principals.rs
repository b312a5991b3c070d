//! Which sessions belong to whom.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;

use crate::id::RecordKey;
use crate::record::Principal;

/// So many keys are looked through one by one; nearly everybody has fewer sessions.
const FEW: usize = 8;

/// Principal to keys. Locked inside a shard's lock, never the other way round.
#[derive(Default)]
pub(super) struct PrincipalIndex(Mutex<HashMap<Principal, Keys>>);

/// One account may sign in again and again, and nobody else is to wait for that.
enum Keys {
    Few(Vec<RecordKey>),
    /// Boxed, since there is one of these for each principal, and nearly all of them are few.
    #[allow(clippy::box_collection)]
    Many(Box<BTreeSet<RecordKey>>),
}

impl Keys {
    fn insert(&mut self, key: &RecordKey) {
        match self {
            Self::Few(keys) if keys.contains(key) => {}
            Self::Few(keys) if keys.len() < FEW => keys.push(key.clone()),
            Self::Few(keys) => *self = Self::Many(Box::new(keys.drain(..).chain([key.clone()]).collect())),
            Self::Many(keys) => drop(keys.insert(key.clone())),
        }
    }

    fn remove(&mut self, key: &RecordKey) {
        match self {
            Self::Few(keys) => keys.retain(|other| other != key),
            Self::Many(keys) => drop(keys.remove(key)),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Few(keys) => keys.is_empty(),
            Self::Many(keys) => keys.is_empty(),
        }
    }

    fn all(&self) -> Vec<RecordKey> {
        match self {
            Self::Few(keys) => keys.clone(),
            Self::Many(keys) => keys.iter().cloned().collect(),
        }
    }
}

impl PrincipalIndex {
    pub(super) fn insert(&self, who: Principal, key: &RecordKey) {
        self.0.lock().entry(who).or_insert_with(|| Keys::Few(Vec::new())).insert(key);
    }

    pub(super) fn remove(&self, who: &Principal, key: &RecordKey) {
        let mut index = self.0.lock();
        let Some(keys) = index.get_mut(who) else { return };
        keys.remove(key);
        if keys.is_empty() {
            index.remove(who);
        }
    }

    pub(super) fn keys(&self, who: &Principal) -> Vec<RecordKey> {
        self.0.lock().get(who).map(Keys::all).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> RecordKey {
        RecordKey::new(&number.to_le_bytes().repeat(8))
    }

    fn holds(index: &PrincipalIndex, who: &Principal, expected: impl Iterator<Item = u32>) {
        let (mut found, mut expected) = (index.keys(who), expected.map(key).collect::<Vec<_>>());
        found.sort_unstable();
        expected.sort_unstable();
        assert!(found == expected, "{} keys, expected {}", found.len(), expected.len());
    }

    #[test]
    fn each_key_is_there_once_however_many_there_are() {
        let (index, ada) = (PrincipalIndex::default(), Principal::from("ada"));
        for count in [1, 7, 8, 9, 10, 100] {
            (0..count).chain(0..count).for_each(|number| index.insert(ada.clone(), &key(number)));
            holds(&index, &ada, 0..count);
            (0..count).rev().step_by(2).for_each(|number| index.remove(&ada, &key(number)));
            holds(&index, &ada, (0..count).rev().skip(1).step_by(2));
            (0..count).for_each(|number| index.remove(&ada, &key(number)));
            assert!(index.0.lock().is_empty());
        }
    }

    /// Looking through them one by one would take minutes, and everybody else would wait.
    #[test]
    fn an_account_with_a_hundred_thousand_sessions_is_no_slower() {
        let (index, ada) = (PrincipalIndex::default(), Principal::from("ada"));
        (0..100_000).for_each(|number| index.insert(ada.clone(), &key(number)));
        holds(&index, &ada, 0..100_000);
        (0..100_000).rev().for_each(|number| index.remove(&ada, &key(number)));
        holds(&index, &ada, 0..0);
    }
}
