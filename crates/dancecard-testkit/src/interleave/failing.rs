//! When a call of the engine fails, and whether it has happened all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dancecard_core::{Error, ErrorKind, Retry};
use parking_lot::Mutex;

use super::history::Key;
use crate::Random;

/// Of a thousand calls, so many fail.
const CHANCE: u16 = 60;

/// A call, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) operation: &'static str,
    /// The record that it makes or takes away.
    pub(super) about: Option<Key>,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    /// It is not made, and the error says so.
    Refused,
    /// It is not made, and nobody knows.
    LostBefore,
    /// It is made, and nobody knows.
    LostAfter,
}

impl Attempt {
    pub(super) fn happens(&self) -> bool {
        matches!(self.fate, Fate::Done | Fate::LostAfter)
    }

    pub(super) fn is_done(&self) -> bool {
        self.fate == Fate::Done
    }

    /// What the caller is told, unless the call is done.
    pub(super) fn error(&self, engine: &'static str) -> Error {
        let retry = if self.fate == Fate::Refused { Retry::Safe } else { Retry::Unknown };
        let error = Error::new(ErrorKind::Unavailable, self.operation).with_engine(engine);
        error.with_retry(retry).with_detail("a failure that the seed decided")
    }
}

/// What decides it. A clone is another handle on the same.
#[derive(Debug, Clone)]
pub(super) struct Failing {
    random: Arc<Mutex<Random>>,
    is_on: Arc<AtomicBool>,
}

impl Failing {
    /// No call fails before it is switched on.
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Arc::new(Mutex::new(Random::named(seed, "failing"))), is_on: Arc::default() }
    }

    pub(super) fn switch(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::SeqCst);
    }

    /// A call that changes something.
    pub(super) fn changing(&self, operation: &'static str, about: Option<Key>) -> Attempt {
        const FATES: [Fate; 3] = [Fate::Refused, Fate::LostBefore, Fate::LostAfter];
        let fate = if self.strikes() { FATES[self.random.lock().below(FATES.len())] } else { Fate::Done };
        Attempt { operation, about, fate }
    }

    /// A call that changes nothing.
    pub(super) fn reading(&self, operation: &'static str) -> Attempt {
        let fate = if self.strikes() { Fate::Refused } else { Fate::Done };
        Attempt { operation, about: None, fate }
    }

    fn strikes(&self) -> bool {
        self.is_on.load(Ordering::SeqCst) && self.random.lock().chance(CHANCE)
    }
}
