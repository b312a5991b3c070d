//! A meter that counts.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Call, CallEnd, Meter};
use crate::wrap::Operation;

/// Counts calls by operation and end, adds up their times and bytes, and knows how many run at the moment.
///
/// It has a fixed size of at most 1200 bytes. Keep it in an [`Arc`](std::sync::Arc), and give a clone of that to the
/// [`MeteredStore`](crate::MeteredStore). The figures of one operation may be read in the midst of a call, so they may be
/// one call apart.
#[derive(Default)]
pub struct CallTotals {
    operations: [Totals; Operation::ALL.len()],
    in_flight: AtomicU64,
}

#[derive(Default)]
struct Totals {
    ends: [AtomicU64; CallEnd::ALL.len()],
    nanos: AtomicU64,
    slowest: AtomicU64,
    bytes: AtomicU64,
}

impl CallTotals {
    /// How many calls of an operation ended in this way.
    pub fn count(&self, operation: Operation, end: CallEnd) -> u64 {
        self.of(operation).and_then(|totals| totals.ends.get(end.index())).map_or(0, read)
    }

    /// How many calls of an operation have ended.
    pub fn calls(&self, operation: Operation) -> u64 {
        CallEnd::ALL.into_iter().map(|end| self.count(operation, end)).sum()
    }

    /// How long the calls of an operation took together.
    pub fn time(&self, operation: Operation) -> Duration {
        Duration::from_nanos(self.of(operation).map_or(0, |totals| read(&totals.nanos)))
    }

    /// How long the slowest call of an operation took.
    pub fn slowest(&self, operation: Operation) -> Duration {
        Duration::from_nanos(self.of(operation).map_or(0, |totals| read(&totals.slowest)))
    }

    /// How many bytes of payload the calls of an operation moved ([`Call::bytes`]).
    pub fn bytes(&self, operation: Operation) -> u64 {
        self.of(operation).map_or(0, |totals| read(&totals.bytes))
    }

    /// How many calls have begun and not ended yet, listings included.
    pub fn in_flight(&self) -> u64 {
        read(&self.in_flight)
    }

    fn of(&self, operation: Operation) -> Option<&Totals> {
        self.operations.get(operation as usize)
    }
}

fn read(figure: &AtomicU64) -> u64 {
    figure.load(Ordering::Relaxed)
}

impl Meter for CallTotals {
    fn begin(&self, _: Operation) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self, call: &Call) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let Some(totals) = self.of(call.operation) else { return };
        let nanos = u64::try_from(call.took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = totals.ends.get(call.end.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        totals.nanos.fetch_add(nanos, Ordering::Relaxed);
        totals.slowest.fetch_max(nanos, Ordering::Relaxed);
        totals.bytes.fetch_add(call.bytes as u64, Ordering::Relaxed);
    }
}

impl fmt::Debug for CallTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut calls = f.debug_map();
        for operation in Operation::ALL {
            calls.entry(&operation.name(), &self.calls(operation));
        }
        calls.finish()
    }
}
