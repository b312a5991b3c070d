//! Where writers queue after their first conflict.

use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use tokio::sync::{Mutex, MutexGuard};

use crate::id::RecordKey;

const LANES: usize = 64;

/// One queue per group of keys, within this process. A writer that lost once waits here until it is alone with the
/// writers of other processes, so that the number of attempts stays bounded however many requests there are.
pub(super) struct Lanes(Box<[Mutex<()>]>);

impl Lanes {
    pub(super) async fn enter(&self, key: &RecordKey) -> Option<MutexGuard<'_, ()>> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
        match self.0.get(hash as usize % LANES) {
            Some(lane) => Some(lane.lock().await),
            None => None,
        }
    }
}

impl Default for Lanes {
    fn default() -> Self {
        Self((0..LANES).map(|_| Mutex::const_new(())).collect())
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lanes")
    }
}
