//! Sessions that are the same in every run, so that instructions can be counted. Random keys grow the engine's tables at
//! other moments, and leave the allocator other holes to look through.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use dancecard_core::{
    Clock, IdGenerator, Result, SessionId, SessionManager, SystemClock, SystemIds, Timestamp,
};

/// The manager with ids that are counted, at one moment that does not pass. What ids and time cost is still paid.
pub fn repeatable(manager: SessionManager) -> SessionManager {
    manager.with_ids(CountedIds::default()).with_clock(StillClock)
}

#[derive(Debug, Default)]
struct CountedIds(AtomicU64);

impl IdGenerator for CountedIds {
    fn generate(&self) -> Result<SessionId> {
        black_box(SystemIds.generate()?);
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        Ok(SessionId::from_bytes(bytes))
    }
}

#[derive(Debug)]
struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        black_box(SystemClock.now());
        Timestamp::from_millis(1_800_000_000_000)
    }
}
