//! Where versions come from.

use std::sync::atomic::{AtomicU64, Ordering};

use dancecard_core::{ErrorKind, Result};

use crate::error;

/// An odd number without pattern, so that adding it goes through all numbers.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source of numbers that no record ever had.
///
/// The server keeps no counter: it would be lost with the server's memory, and cost a second key in each write. The
/// numbers are a walk through all 2^64 of them in an order without pattern, from a random place. A process never meets
/// one twice. That another process, or this one after its next start, gives a key a version that the key had before
/// takes two random 64-bit numbers to be the same.
#[derive(Debug)]
pub(crate) struct Versions(AtomicU64);

impl Versions {
    /// # Errors
    /// [`ErrorKind::Random`] when the system gives no randomness.
    pub(crate) fn new() -> Result<Self> {
        let start = getrandom::u64();
        let start = start.map_err(|cause| error::new(ErrorKind::Random, "configure").with_source(cause))?;
        Ok(Self(AtomicU64::new(start)))
    }

    pub(crate) fn next(&self) -> u64 {
        mix(self.0.fetch_add(STRIDE, Ordering::Relaxed))
    }
}

/// One to one, so different places give different numbers (the mixing step of splitmix64).
fn mix(place: u64) -> u64 {
    let bits = (place ^ place >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_million_versions_of_two_sources_differ() {
        let (one, other) = (Versions::new().unwrap(), Versions::new().unwrap());
        let mut seen = HashSet::new();
        for _ in 0..500_000 {
            assert!(seen.insert(one.next()) && seen.insert(other.next()));
        }
    }

    #[test]
    fn the_walk_meets_everything_once() {
        // The same walk over 16 bits, in full: adding an odd number visits all of them.
        let places: HashSet<u16> = (0..=u16::MAX).map(|n| n.wrapping_mul(STRIDE as u16)).collect();
        assert_eq!(places.len(), 1 << 16);
    }
}
