//! The locks that processes share: one file for each shard, locked while something in the shard is changed.
//!
//! The system lets go of a lock when its process ends, however it ends. Each lock is of a handle of its own, so it holds
//! between two engines of one process too.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const FIRST_NAP: Duration = Duration::from_micros(50);
const LONGEST_NAP: Duration = Duration::from_millis(2);

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Why there is no lock.
#[derive(Debug)]
pub(crate) enum NoLock {
    /// Somebody else had it all the time.
    Busy,
    /// The system refused.
    Failed(io::Error),
}

impl Lock {
    /// Waits for a lock, at most until the deadline. The system knows no such wait, so it is asked again and again.
    pub(crate) fn take(path: &Path, deadline: Instant) -> Result<Self, NoLock> {
        let file = crate::disk::open_lock(path).map_err(NoLock::Failed)?;
        let mut nap = FIRST_NAP;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(cause)) => return Err(NoLock::Failed(cause)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return Err(NoLock::Busy),
                Err(TryLockError::WouldBlock) => thread::sleep(nap),
            }
            nap = (nap * 2).min(LONGEST_NAP);
        }
    }
}
