//! What shall go wrong, and when.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use dancecard_core::{Operation, RecordKey, Versioned};
use parking_lot::Mutex;

use super::gate::Gate;
use crate::counting::{Calls, Counter};
use crate::random::Random;

/// What befalls one call.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub enum Fault {
    /// It fails with `Unavailable` and `Retry::Safe`; the store under it is not called.
    FailBefore,
    /// It takes effect, and then fails with `Unavailable` and `Retry::Unknown`. A listing ends with the error.
    FailAfter,
    /// A write or a replace fails with `Conflict`; the store under it is not called.
    Conflict,
    /// It waits at the gate, and then happens.
    HoldBefore(Gate),
    /// It happens, and its answer waits at the gate.
    HoldAfter(Gate),
    /// A load answers what the last load of the same key through this store answered, or nothing if there was none:
    /// a replica that lags behind.
    StaleRead,
    /// A load answers the first half of the payload.
    TruncatedPayload,
}

impl Fault {
    /// Whether it can befall such a call.
    pub fn befalls(&self, operation: Operation) -> bool {
        match self {
            Self::FailBefore | Self::FailAfter | Self::HoldBefore(_) => true,
            Self::HoldAfter(_) => operation != Operation::List,
            Self::Conflict => matches!(operation, Operation::Write | Operation::Replace),
            Self::StaleRead | Self::TruncatedPayload => operation == Operation::Load,
        }
    }
}

/// The script of a [`FaultStore`](super::FaultStore). A clone writes in the same script.
#[derive(Clone, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Default)]
struct Shared {
    counter: Counter,
    script: Mutex<Script>,
    seen: Mutex<HashMap<RecordKey, Option<Versioned>>>,
}

#[derive(Default)]
struct Script {
    lines: HashMap<Operation, VecDeque<Option<Fault>>>,
    chance: Option<(Random, u16)>,
    struck: Vec<(Operation, Fault)>,
}

impl Faults {
    /// Adds a fault for the next call of an operation that has none yet.
    ///
    /// # Panics
    /// When such a fault can't befall that operation ([`Fault::befalls`]): the test would not test what it says.
    pub fn next(&self, operation: Operation, fault: Fault) {
        assert!(fault.befalls(operation), "{fault:?} can't befall a {}", operation.name());
        self.line(operation, Some(fault));
    }

    /// Lets the next call of an operation, after those in the script, pass.
    pub fn pass(&self, operation: Operation) {
        self.line(operation, None);
    }

    /// From now on, calls that have no line in the script fail at random, `share` of a thousand: before, after, or
    /// with a conflict where there can be one. The same seed and the same calls give the same faults.
    pub fn at_random(&self, seed: u64, share: u16) {
        self.0.script.lock().chance = Some((Random::new(seed), share));
    }

    /// Forgets the rest of the script, and the random faults.
    pub fn clear(&self) {
        let mut script = self.0.script.lock();
        script.lines.clear();
        script.chance = None;
    }

    /// How many lines of the script no call has come to. A test that ends with some left did not test what it says.
    pub fn left(&self) -> usize {
        self.0.script.lock().lines.values().map(VecDeque::len).sum()
    }

    /// What befell which calls, in order.
    pub fn struck(&self) -> Vec<(Operation, Fault)> {
        self.0.script.lock().struck.clone()
    }

    /// All calls so far, the failed ones included.
    pub fn calls(&self) -> Calls {
        self.0.counter.calls()
    }

    fn line(&self, operation: Operation, line: Option<Fault>) {
        self.0.script.lock().lines.entry(operation).or_default().push_back(line);
    }

    /// Counts a call and says what befalls it.
    pub(super) fn strike(&self, operation: Operation) -> Option<Fault> {
        self.0.counter.count(operation);
        let mut script = self.0.script.lock();
        let line = script.lines.get_mut(&operation).and_then(VecDeque::pop_front);
        let fault = line.unwrap_or_else(|| script.by_chance(operation))?;
        script.struck.push((operation, fault.clone()));
        Some(fault)
    }

    pub(super) fn remember(&self, key: &RecordKey, found: Option<&Versioned>) {
        self.0.seen.lock().insert(key.clone(), found.cloned());
    }

    pub(super) fn remembered(&self, key: &RecordKey) -> Option<Versioned> {
        self.0.seen.lock().get(key).cloned().flatten()
    }
}

impl Script {
    fn by_chance(&mut self, operation: Operation) -> Option<Fault> {
        let (random, share) = self.chance.as_mut()?;
        let offer = [Fault::FailBefore, Fault::FailAfter, Fault::Conflict];
        let possible: Vec<_> = offer.into_iter().filter(|fault| fault.befalls(operation)).collect();
        if random.chance(*share) { random.pick(&possible).cloned() } else { None }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults")
            .field("left", &self.left())
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}
