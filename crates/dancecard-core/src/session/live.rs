//! A session as a long connection sees it.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Place, Session};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::id::RecordKey;
use crate::manager::{SessionManager, Tokens};
use crate::plan::Presence;
use crate::record::Meta;

/// Stays with a session after the response: for streams, server-sent events and websockets.
///
/// It can read and write, each time with a handle of its own, and it can tell whether the session still lives. It has no
/// response to send an id with, so it can't sign in, change the id, or start a session.
///
/// ```
/// # use dancecard_core::{MemoryStore, SessionManager};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// # let manager = SessionManager::new(MemoryStore::new());
/// # let session = manager.open([]);
/// session.set("user", "ada")?;
/// session.save().await?;
/// let live = session.live()?;
///
/// // Later, while the connection lasts:
/// let now = live.open();
/// now.update("seen", |count: &mut u32| *count += 1)?;
/// now.save().await?;
/// assert!(live.is_alive().await?);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct LiveSession {
    manager: SessionManager,
    key: Arc<Mutex<RecordKey>>,
}

impl LiveSession {
    pub(super) fn new(manager: SessionManager, key: RecordKey) -> Self {
        Self { manager, key: Arc::new(Mutex::new(key)) }
    }

    /// A fresh handle on the session as it is now. Store its changes with [`Session::save`].
    pub fn open(&self) -> Session {
        Session::new(self.manager.clone(), Tokens::default(), Place::Bound(self.key.lock().clone()))
    }

    /// The facts of the session, or `None` when it has ended: signed out, revoked, expired, or given a new id because
    /// rights changed. A periodic renewal of the id does not end it, as long as it is asked within the grace.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): then it is not known.
    pub async fn check(&self) -> Result<Option<Meta>> {
        let session = self.open();
        let meta = session.meta().await?;
        if session.shared.state().presence() == Presence::Unknown {
            return Err(Error::new(ErrorKind::Unavailable, "check").with_retry(Retry::Safe));
        }
        if let Some(key) = session.shared.state().key() {
            self.key.lock().clone_from(key);
        }
        Ok(meta)
    }

    /// Whether the session has not ended; one `load`.
    ///
    /// # Errors
    /// Those of [`LiveSession::check`].
    pub async fn is_alive(&self) -> Result<bool> {
        Ok(self.check().await?.is_some())
    }
}

impl fmt::Debug for LiveSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSession").finish_non_exhaustive()
    }
}
