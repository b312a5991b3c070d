//! Where versions come from.

use std::sync::atomic::{AtomicU64, Ordering};

use dancecard_core::{ErrorKind, Result};

use crate::error;

/// A source of numbers that no record has had before.
///
/// Numbers are made here and not by the server, so that none is lost with it: a server that comes back from a crash
/// without its last commits, or from a backup, would hand out a second time what a client may still hold. Each
/// engine object begins at a random one of 2^64 and counts on. For two of them to give one record the same number
/// they must meet there and in it.
#[derive(Debug)]
pub(crate) struct Versions(AtomicU64);

impl Versions {
    /// # Errors
    /// [`ErrorKind::Random`].
    pub(crate) fn new() -> Result<Self> {
        let begin = getrandom::u64();
        let begin = begin.map_err(|cause| error::new(ErrorKind::Random, "connect").with_source(cause))?;
        Ok(Self(AtomicU64::new(begin)))
    }

    /// The next one, as a document holds it.
    pub(crate) fn next(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ_within_one_source_and_between_two() {
        let sources = [Versions::new().unwrap(), Versions::new().unwrap()];
        let numbers: std::collections::HashSet<_> =
            (0..2000).map(|number| sources[number % 2].next()).collect();
        assert_eq!(numbers.len(), 2000);
    }

    #[test]
    fn the_largest_is_followed_by_the_smallest() {
        let versions = Versions(AtomicU64::new(u64::MAX));
        assert_eq!((versions.next(), versions.next()), (-1, 0));
    }
}
