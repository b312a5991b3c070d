//! From the tokens of a client to its record.

use std::borrow::Cow;

use super::{SessionManager, Tokens};
use crate::error::Result;
use crate::id::RecordKey;
use crate::observe::EventKind;
use crate::policy::FailurePolicy;
use crate::record::Versioned;
use crate::session::{Place, Present};
use crate::store::Store;

/// A chain of renewals within one grace is at most this long; a longer one is a loop.
const MAX_HOPS: usize = 8;

impl SessionManager {
    /// Finds the record that a request is about. The first candidate that lives counts.
    pub(crate) async fn locate(&self, tokens: &Tokens, bound: Option<&RecordKey>) -> Result<Place> {
        if let Some(key) = bound {
            return self
                .locate_key(key)
                .await
                .map(|found| if let Place::Absent = found { Place::Gone } else { found });
        }
        if !self.0.is_usable {
            // Whatever the client sent: it is to be said that there is no engine.
            return self.locate_key(&RecordKey::new(&[0; 32])).await;
        }
        (0..tokens.refused()).for_each(|_| self.tell(EventKind::Malformed, None));
        let mut place = Place::Absent;
        for token in tokens.candidates() {
            let Some(key) = self.key_of(token) else {
                self.tell(EventKind::Malformed, None);
                continue;
            };
            match self.locate_key(&key).await? {
                Place::Absent => {}
                Place::Gone => place = Place::Gone,
                found => return Ok(found),
            }
        }
        Ok(place)
    }

    /// What is to be found under a key, or where it went on.
    pub(crate) async fn locate_key(&self, key: &RecordKey) -> Result<Place> {
        match self.follow(key).await {
            Ok(Found::Live(key, versioned)) => self.present(key, versioned),
            Ok(Found::Retired) => Ok(Place::Gone),
            Ok(Found::Nothing) => Ok(Place::Absent),
            Err(error) => {
                self.tell_failure(Some(key), &error);
                let goes_on = error.is_unavailable() && self.0.policy.failure == FailurePolicy::Anonymous;
                if goes_on { Ok(Place::Unknown) } else { Err(error) }
            }
        }
    }

    async fn follow(&self, key: &RecordKey) -> Result<Found> {
        let mut key = Cow::Borrowed(key);
        for hop in 0..MAX_HOPS {
            let Some(versioned) = self.0.store.load(&key).await? else {
                if hop == 0 {
                    self.tell(EventKind::Rejected, Some(&key));
                }
                return Ok(if hop == 0 { Found::Nothing } else { Found::Retired });
            };
            match self.judge(&key, &versioned) {
                Verdict::Alive => return Ok(Found::Live(key.into_owned(), versioned)),
                Verdict::Expired => return Ok(Found::Nothing),
                Verdict::Retired => return Ok(Found::Retired),
                Verdict::WentOn(successor) => key = Cow::Owned(successor),
            }
        }
        Ok(Found::Retired)
    }

    /// Core alone, with its one clock, decides whether a session is alive.
    fn judge(&self, key: &RecordKey, versioned: &Versioned) -> Verdict {
        let (now, meta) = (self.now(), versioned.written_meta());
        if meta.is_retired() {
            // The grace of a renewal is the absolute limit of the marker that it leaves.
            let successor = meta.successor().filter(|_| now < meta.absolute_at()).cloned();
            let Some(successor) = successor else { return Verdict::Retired };
            self.tell(EventKind::GraceUsed, Some(key));
            return Verdict::WentOn(successor);
        }
        if versioned.is_expired(now) {
            self.tell(EventKind::Expired, Some(key));
            return Verdict::Expired;
        }
        self.tell(EventKind::Loaded, Some(key));
        Verdict::Alive
    }

    pub(super) fn present(&self, key: RecordKey, versioned: Versioned) -> Result<Place> {
        let codec = self.codec(versioned.written_meta().codec())?;
        let opened = codec.open(versioned.payload()).map_err(|error| self.placed(error));
        let opened = opened.inspect_err(|error| self.tell_failure(Some(&key), error))?;
        Ok(Place::Present(Present { key, versioned, opened: opened.map(Into::into) }))
    }
}

enum Found {
    Live(RecordKey, Versioned),
    Retired,
    Nothing,
}

enum Verdict {
    Alive,
    Expired,
    Retired,
    WentOn(RecordKey),
}
