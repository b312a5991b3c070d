//! The end of sessions, against everything that others are doing to them.

use super::SessionManager;
use crate::error::{ErrorKind, Result};
use crate::id::RecordKey;
use crate::observe::EventKind;
use crate::record::{Version, Versioned};
use crate::store::{Store, WriteMode};

/// Writers that get in between are queued up after their first conflict, so few attempts do; then the record is removed
/// without a condition, which ends the session all the same.
const MAX_ATTEMPTS: usize = 16;

impl SessionManager {
    /// Ends the session under a key, wherever rotation takes it meanwhile; `false` when there was none.
    ///
    /// The record is replaced, at its version, by a marker that disappears after a minute: a writer that comes later
    /// finds its version gone, and a rotation that comes between is followed to the new id.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: then it is not known to have ended.
    ///
    /// # Cancel safety
    /// A dropped future leaves the session alive or ended.
    #[doc(alias("revoke", "invalidate"))]
    pub async fn end(&self, key: &RecordKey) -> Result<bool> {
        self.end_from(key, None).await
    }

    /// Like [`SessionManager::end`], from a version that is known already.
    pub(super) async fn end_from(&self, key: &RecordKey, version: Option<Version>) -> Result<bool> {
        if !self.0.capabilities.conditional_write.is_supported() {
            return self.end_unconditionally(key).await;
        }
        let (mut key, mut version) = (key.clone(), version);
        for _ in 0..MAX_ATTEMPTS {
            let at = match version.take() {
                Some(version) => version,
                None => match self.next_to_end(&key).await? {
                    Next::Nothing => return Ok(false),
                    Next::GoTo(successor) => {
                        key = successor;
                        continue;
                    }
                    Next::Record(version) => version,
                },
            };
            match self.0.store.write(&key, self.ended(self.now()), WriteMode::Update(at)).await {
                Ok(_) => return Ok(self.tell_ended(&key)),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error).inspect_err(|error| self.tell_failure(Some(&key), error)),
            }
        }
        self.0.store.delete(&key).await.map(|()| self.tell_ended(&key))
    }

    async fn end_unconditionally(&self, key: &RecordKey) -> Result<bool> {
        let mut key = key.clone();
        for _ in 0..MAX_ATTEMPTS {
            let next = self.next_to_end(&key).await?;
            self.0.store.delete(&key).await.inspect_err(|error| self.tell_failure(Some(&key), error))?;
            match next {
                Next::Nothing => return Ok(false),
                Next::Record(_) => return Ok(self.tell_ended(&key)),
                Next::GoTo(successor) => key = successor,
            }
        }
        Ok(true)
    }

    fn tell_ended(&self, key: &RecordKey) -> bool {
        self.tell(EventKind::Destroyed, Some(key));
        true
    }

    async fn next_to_end(&self, key: &RecordKey) -> Result<Next> {
        match self.0.store.load(key).await {
            Ok(found) => Ok(found.map_or(Next::Nothing, Next::of)),
            // What can't be read can't be judged, but it can be removed.
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                self.tell_failure(Some(key), &error);
                self.0.store.delete(key).await.map(|()| Next::Nothing)
            }
            Err(error) => Err(error).inspect_err(|error| self.tell_failure(Some(key), error)),
        }
    }
}

enum Next {
    Nothing,
    Record(Version),
    GoTo(RecordKey),
}

impl Next {
    fn of(found: Versioned) -> Self {
        let meta = found.written_meta();
        match (meta.is_retired(), meta.successor()) {
            (false, _) => Self::Record(found.version().clone()),
            (true, Some(successor)) => Self::GoTo(successor.clone()),
            (true, None) => Self::Nothing,
        }
    }
}
