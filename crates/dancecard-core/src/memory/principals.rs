//! Which sessions belong to whom.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::id::RecordKey;
use crate::record::Principal;

/// Principal to keys. Locked inside a shard's lock, never the other way round.
#[derive(Default)]
pub(super) struct PrincipalIndex(Mutex<HashMap<Principal, Vec<RecordKey>>>);

impl PrincipalIndex {
    pub(super) fn insert(&self, who: Principal, key: &RecordKey) {
        let mut index = self.0.lock();
        let keys = index.entry(who).or_default();
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }

    pub(super) fn remove(&self, who: &Principal, key: &RecordKey) {
        let mut index = self.0.lock();
        let Some(keys) = index.get_mut(who) else { return };
        keys.retain(|other| other != key);
        if keys.is_empty() {
            index.remove(who);
        }
    }

    pub(super) fn keys(&self, who: &Principal) -> Vec<RecordKey> {
        self.0.lock().get(who).cloned().unwrap_or_default()
    }
}
