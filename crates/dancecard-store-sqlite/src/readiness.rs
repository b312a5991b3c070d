//! Whether the file is there and up to date, found out at the first use.

use std::sync::{Mutex, MutexGuard, PoisonError};

use dancecard_core::Result;
use rusqlite::Connection;

use crate::config::Config;
use crate::connect;

/// Of all threads the first looks, and the others wait for it. What keeps it from being ready is told to whoever asked,
/// and looked at again by the next.
#[derive(Debug)]
pub(crate) struct Readiness {
    config: Config,
    is_ready: Mutex<bool>,
}

impl Readiness {
    pub(crate) fn new(config: &Config) -> Self {
        Self { config: config.clone(), is_ready: Mutex::new(false) }
    }

    /// The connection that writes.
    ///
    /// # Errors
    /// Why the file can't be opened, or made.
    pub(crate) fn writer(&self) -> Result<Connection> {
        let mut is_ready = self.lock();
        let connection = connect::writer(&self.config)?;
        *is_ready = true;
        Ok(connection)
    }

    /// A connection that reads.
    ///
    /// # Errors
    /// Why the file can't be opened, or made.
    pub(crate) fn reader(&self) -> Result<Connection> {
        let mut is_ready = self.lock();
        // Closed after the one that reads is there, so that it is not the last one, which tidies up the log.
        let _made = if *is_ready { None } else { Some(connect::writer(&self.config)?) };
        *is_ready = true;
        connect::reader(&self.config)
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.is_ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
