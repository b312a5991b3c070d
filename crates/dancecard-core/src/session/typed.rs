//! One key with one type.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Session;
use crate::error::Result;

/// A view of one key of a session, with the type that it holds.
///
/// ```
/// # use dancecard_core::{MemoryStore, SessionManager};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// # let session = SessionManager::new(MemoryStore::new()).open([]);
/// let cart = session.typed::<Vec<String>>("cart");
/// cart.update(|items| items.push("shoes".into()))?;
/// assert_eq!(cart.get().await?, ["shoes"]);
/// # Ok(()) }
/// ```
pub struct Typed<T> {
    session: Session,
    key: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T> Typed<T> {
    pub(super) fn new(session: Session, key: &'static str) -> Self {
        Self { session, key, value: PhantomData }
    }

    /// Removes the value.
    ///
    /// # Errors
    /// [`ErrorKind::Sealed`](crate::ErrorKind::Sealed).
    pub fn remove(&self) -> Result<()> {
        self.session.remove(self.key)
    }
}

impl<T: Serialize + DeserializeOwned + Default + 'static> Typed<T> {
    /// The value, or the default where there is none.
    ///
    /// # Errors
    /// Those of [`Session::get`].
    pub async fn get(&self) -> Result<T> {
        Ok(self.session.get(self.key).await?.unwrap_or_default())
    }

    /// Sets the value.
    ///
    /// # Errors
    /// Those of [`Session::set`].
    pub fn set(&self, value: &T) -> Result<()> {
        self.session.set(self.key, value)
    }

    /// Changes the value where it is stored; see [`Session::update`].
    ///
    /// # Errors
    /// Those of [`Session::update`].
    pub fn update(&self, f: impl Fn(&mut T) + Send + Sync + 'static) -> Result<()> {
        self.session.update(self.key, f)
    }

    /// The value, which is removed.
    ///
    /// # Errors
    /// Those of [`Session::take`].
    pub async fn take(&self) -> Result<Option<T>> {
        self.session.take(self.key).await
    }
}

impl<T> Clone for Typed<T> {
    fn clone(&self) -> Self {
        Self::new(self.session.clone(), self.key)
    }
}

impl<T> fmt::Debug for Typed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed").field("key", &self.key).finish_non_exhaustive()
    }
}
