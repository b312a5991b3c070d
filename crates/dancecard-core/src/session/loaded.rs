//! A session that was read already.

use std::ops::Deref;

use serde::de::DeserializeOwned;

use super::{Session, parse};
use crate::error::Result;
use crate::record::Principal;

/// A session whose values can be had without waiting. Everything else is as with [`Session`], to which it derefs.
///
/// ```
/// # use dancecard_core::{MemoryStore, SessionManager};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// # let session = SessionManager::new(MemoryStore::new()).open([]);
/// let session = session.load().await?;
/// session.set("theme", "dark")?;
/// assert_eq!(session.get::<String>("theme")?.as_deref(), Some("dark"));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Loaded {
    session: Session,
}

impl Loaded {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    /// The value of a key, or `None` where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Value`](crate::ErrorKind::Value) when the value is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.session.shared.read_now(key, parse)?
    }

    /// The value of a key, which is removed.
    ///
    /// # Errors
    /// As [`Loaded::get`], and [`ErrorKind::Sealed`](crate::ErrorKind::Sealed).
    pub fn take<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let found = self.get(key)?;
        if found.is_some() {
            self.session.remove(key)?;
        }
        Ok(found)
    }

    /// All keys.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt).
    pub fn keys(&self) -> Result<Vec<String>> {
        self.session.shared.state().keys(&self.session.shared.manager)
    }

    /// Who is signed in.
    pub fn principal(&self) -> Option<Principal> {
        self.session.shared.principal()
    }
}

impl Deref for Loaded {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}
