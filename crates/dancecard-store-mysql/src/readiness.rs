//! Whether the table is there and up to date, found out once.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Mutex;

use crate::config::Config;
use crate::error::Failure;
use crate::link::Link;
use crate::schema;

/// Of all connections the first looks, and the others wait for it.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    is_ready: AtomicBool,
    turn: Mutex<()>,
}

impl Readiness {
    pub(crate) async fn ensure(&self, link: &mut Link, config: &Config) -> Result<(), Failure> {
        if self.is_ready.load(Ordering::Acquire) {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        if !self.is_ready.load(Ordering::Acquire) {
            schema::prepare(link, config).await?;
            self.is_ready.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Somebody took the table away.
    pub(crate) fn forget(&self) {
        self.is_ready.store(false, Ordering::Release);
    }
}
