//! The end of sessions, against everything that others are doing to them.

use super::SessionManager;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::id::RecordKey;
use crate::observe::EventKind;
use crate::record::{Principal, Version, Versioned};
use crate::store::{Store, WriteMode};

/// Writers that get in between queue up after their first conflict, so few attempts do.
const MAX_ATTEMPTS: usize = 64;

impl SessionManager {
    /// Ends the session under a key, wherever rotation takes it meanwhile; `false` when there was none.
    ///
    /// The record is replaced, at its version, by a marker that disappears after a minute: a writer that comes later
    /// finds its version gone, and a rotation that comes between is followed to the new id.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`], or [`ErrorKind::Conflict`] when others kept getting in between: then it is not known
    /// to have ended.
    ///
    /// # Cancel safety
    /// A dropped future leaves the session alive or ended.
    #[doc(alias("revoke", "invalidate"))]
    pub async fn end(&self, key: &RecordKey) -> Result<bool> {
        self.end_from(key, None, None).await
    }

    /// Like [`SessionManager::end`], from a version that is known already, and only as long as it is the session of
    /// `who`, if that is given.
    pub(super) async fn end_from(
        &self,
        key: &RecordKey,
        version: Option<Version>,
        who: Option<&Principal>,
    ) -> Result<bool> {
        // Without conditions a version says nothing about what is there by now.
        let conditional = self.0.capabilities.conditional_write.is_supported();
        let (mut key, mut version) = (key.clone(), version.filter(|_| conditional));
        for _ in 0..MAX_ATTEMPTS {
            let at = match version.take() {
                Some(version) => version,
                None => match self.next_to_end(&key, who).await? {
                    Next::Nothing => return Ok(false),
                    Next::Removed => return Ok(self.tell_ended(&key)),
                    Next::GoTo(successor) => {
                        key = successor;
                        continue;
                    }
                    Next::Record(version) => version,
                },
            };
            let ended = self.end_at(&key, at).await;
            match self.told(Some(&key), ended) {
                Ok(()) => return Ok(self.tell_ended(&key)),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        // To remove it without a condition could remove the trace of a rotation, and leave its successor alive.
        Err(Error::new(ErrorKind::Conflict, "end").with_retry(Retry::Safe))
    }

    async fn end_at(&self, key: &RecordKey, version: Version) -> Result<()> {
        if !self.0.capabilities.conditional_write.is_supported() {
            return self.0.store.delete(key).await;
        }
        self.0.store.write(key, self.ended(self.now()), WriteMode::Update(version)).await.map(drop)
    }

    fn tell_ended(&self, key: &RecordKey) -> bool {
        self.tell(EventKind::Destroyed, Some(key));
        true
    }

    async fn next_to_end(&self, key: &RecordKey, who: Option<&Principal>) -> Result<Next> {
        match self.0.store.load(key).await {
            Ok(found) => Ok(found.map_or(Next::Nothing, |found| Next::of(found, who))),
            // What can't be read can't be judged, but it can be removed by whoever may end it unseen.
            Err(error) if error.kind() == ErrorKind::Corrupt && who.is_none() => {
                self.tell_failure(Some(key), &error);
                self.told(Some(key), self.0.store.delete(key).await).map(|()| Next::Removed)
            }
            failed => self.told(Some(key), failed).map(|_| Next::Nothing),
        }
    }
}

enum Next {
    Nothing,
    Removed,
    Record(Version),
    GoTo(RecordKey),
}

impl Next {
    fn of(found: Versioned, who: Option<&Principal>) -> Self {
        let meta = found.written_meta();
        match (meta.is_retired(), meta.successor()) {
            (false, _) if who.is_some() && who != meta.principal() => Self::Nothing,
            (false, _) => Self::Record(found.version().clone()),
            (true, Some(successor)) => Self::GoTo(successor.clone()),
            (true, None) => Self::Nothing,
        }
    }
}
