//! The records that a commit writes.

use super::SessionManager;
use crate::clock::Timestamp;
use crate::delta::Delta;
use crate::error::{Error, ErrorKind, Result};
use crate::id::RecordKey;
use crate::policy;
use crate::record::{Meta, Record};
use crate::session::{Present, State};
use crate::store::Store;

/// How long the marker of a session that ended, or got another id, stays: longer than a request that was under way.
/// While it is there, nobody is told to drop a cookie that may be the successor's by now.
const LINGER: std::time::Duration = std::time::Duration::from_secs(60);

impl SessionManager {
    /// The data of a session after its changes, or `None` when they change nothing.
    pub(super) fn merge(&self, state: &State) -> Result<Option<Vec<u8>>> {
        let payload = match state.base() {
            None => self.fresh_payload(state)?,
            Some(base) => self.changed_payload(state, base)?,
        };
        payload.map(|payload| self.check_size(payload)).transpose()
    }

    fn changed_payload(&self, state: &State, base: &Present) -> Result<Option<Vec<u8>>> {
        let flat = state.delta.flatten(|key| self.find(base, key))?;
        if base.versioned.written_meta().codec() == self.writer().tag() {
            let changed = self.writer().encode(Some(base.versioned.payload()), flat.changes());
            return changed.map_err(|error| self.placed(error));
        }
        // Another codec wrote it: everything is written anew.
        let from = self.codec(base.versioned.written_meta().codec())?;
        let recoded = flat.changes().recode(from, base.payload(), self.writer());
        recoded.map_err(|error| self.placed(error))
    }

    /// A codec that can't read what is stored does not know where that is, nor what can be done about it.
    pub(super) fn placed(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Corrupt || !error.engine().is_empty() {
            return error;
        }
        let is_explained = error.detail().is_some();
        let error = error.with_engine(self.0.store.engine());
        if is_explained {
            error
        } else {
            error.with_detail("end the session, or run the release that wrote it")
        }
    }

    fn fresh_payload(&self, state: &State) -> Result<Option<Vec<u8>>> {
        let flat = state.delta.flatten(|_| Ok(None))?;
        if flat.changes().iter().all(|change| change.value().is_none()) {
            return Ok(None);
        }
        self.writer().encode(None, flat.changes())
    }

    fn check_size(&self, payload: Vec<u8>) -> Result<Vec<u8>> {
        let limit = self.0.capabilities.max_payload.unwrap_or(usize::MAX).min(self.0.policy.max_payload);
        if payload.len() <= limit {
            return Ok(payload);
        }
        let detail = format!("{} bytes, where {limit} are allowed", payload.len());
        Err(Error::new(ErrorKind::TooLarge, "commit").with_engine(self.0.store.engine()).with_detail(detail))
    }

    /// The data of a session that is written for other reasons than its data.
    pub(super) fn payload_or_same(&self, state: &State, merged: Option<Vec<u8>>) -> Result<Vec<u8>> {
        match (merged, state.base()) {
            (Some(payload), _) => Ok(payload),
            (None, Some(base)) => Ok(base.versioned.payload().to_vec()),
            (None, None) => Ok(self.writer().encode(None, Delta::default().changes())?.unwrap_or_default()),
        }
    }

    fn codec_of(&self, state: &State, rewritten: bool) -> crate::record::CodecTag {
        let kept = state.base().filter(|_| !rewritten);
        kept.map_or(self.writer().tag(), |base| base.versioned.written_meta().codec())
    }

    /// The facts of a session that was used, and not changed.
    pub(super) fn seen(&self, state: &State, now: Timestamp) -> Meta {
        policy::seen(state.base().map_or_else(|| Meta::new(now, now), |base| base.versioned.meta()), now)
    }

    /// The record of a session that goes on.
    pub(super) fn updated(&self, state: &State, merged: Option<Vec<u8>>, now: Timestamp) -> Result<Record> {
        let codec = self.codec_of(state, merged.is_some());
        let meta = state.base().map_or_else(|| Meta::new(now, now), |base| base.versioned.meta());
        let meta = match state.lifetime {
            Some(lifetime) => lifetime.begin(meta, now),
            None => policy::seen(meta, now),
        };
        Ok(Record::new(meta.with_codec(codec), self.payload_or_same(state, merged)?))
    }

    /// The record of a session that begins: for a visitor, or at a sign-in, where the limits start again.
    pub(super) fn begun(&self, state: &State, merged: Option<Vec<u8>>, now: Timestamp) -> Result<Record> {
        let lifetime = state.lifetime.unwrap_or(self.0.policy.lifetime);
        let codec = self.codec_of(state, merged.is_some());
        let meta = lifetime.begin(Meta::new(now, now), now).with_principal(state.principal.clone());
        let meta = match &state.device {
            Some(device) => meta.with_device(device.0.as_deref(), device.1.as_deref()),
            None => meta,
        };
        Ok(Record::new(meta.with_codec(codec), self.payload_or_same(state, merged)?))
    }

    /// The marker of a session that got another id. Reads go on to the successor for the grace; an end always does.
    pub(super) fn moved(&self, successor: &RecordKey, grace: std::time::Duration, now: Timestamp) -> Record {
        let expires_at = now.saturating_add(grace.max(LINGER));
        let meta = Meta::new(now, expires_at).with_absolute_at(now.saturating_add(grace));
        Record::new(meta.into_retired(Some(successor.clone())), Vec::new())
    }

    /// The marker of a session that ended.
    pub(super) fn ended(&self, now: Timestamp) -> Record {
        Record::new(Meta::new(now, now.saturating_add(LINGER)).into_retired(None), Vec::new())
    }
}
