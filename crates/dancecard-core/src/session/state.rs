//! What a session handle knows, behind its lock.

use std::borrow::Cow;
use std::sync::Arc;

use super::Status;
use crate::clock::Timestamp;
use crate::delta::{Delta, Known};
use crate::error::Result;
use crate::id::{RecordKey, Token};
use crate::manager::{Committed, SessionManager, TokenAction};
use crate::plan::{Facts, Intent, Plan, Presence, plan};
use crate::policy::Lifetime;
use crate::record::{Principal, Versioned};

pub(crate) struct State {
    pub(crate) place: Place,
    pub(crate) delta: Delta,
    pub(crate) intent: Intent,
    pub(crate) principal: Option<Principal>,
    pub(crate) lifetime: Option<Lifetime>,
    pub(crate) outgoing: Outgoing,
    pub(crate) device: Option<Box<Device>>,
    /// A write is under way; still set when a commit begins if the one before was dropped half-way.
    pub(crate) saving: bool,
    pub(crate) sealed: bool,
    /// The response failed: not even the expiry is moved.
    abandoned: bool,
    /// There is no response to come that could carry an id.
    pub(crate) is_live_connection: bool,
}

/// User agent and address.
type Device = (Option<Box<str>>, Option<Box<str>>);

/// What is known of the stored record.
pub(crate) enum Place {
    NoToken,
    Unloaded,
    /// Not loaded, and known by its key: a handle of a long connection.
    Bound(RecordKey),
    Absent,
    Gone,
    Unknown,
    Present(Present),
}

pub(crate) struct Present {
    pub(crate) key: RecordKey,
    pub(crate) versioned: Versioned,
    /// The payload in the codec's readable form, if that differs from the stored one.
    pub(crate) opened: Option<Arc<[u8]>>,
}

impl Present {
    pub(crate) fn payload(&self) -> &[u8] {
        self.opened.as_deref().unwrap_or_else(|| self.versioned.payload())
    }
}

/// What the client is to be told about its token, as it was decided by the saves so far.
#[derive(Clone, Copy, Default)]
pub(crate) enum Outgoing {
    #[default]
    Keep,
    Set(Token, Timestamp),
    Forget,
}

impl State {
    pub(crate) fn new(place: Place) -> Self {
        Self {
            delta: Delta::default(),
            intent: Intent::Keep,
            principal: None,
            lifetime: None,
            outgoing: Outgoing::Keep,
            device: None,
            saving: false,
            sealed: false,
            abandoned: false,
            is_live_connection: matches!(place, Place::Bound(_)),
            place,
        }
    }

    /// The stronger intent wins; after `destroy`, everything else belongs to the session that follows.
    pub(super) fn intend(&mut self, intent: Intent) {
        self.intent = match (self.intent, intent) {
            (Intent::Destroy, _) => Intent::Destroy,
            (Intent::SignIn, Intent::Cycle) => Intent::SignIn,
            (_, intent) => intent,
        };
    }

    pub(super) fn destroy(&mut self) {
        self.intent = Intent::Destroy;
        self.forget_changes();
    }

    pub(super) fn abandon(&mut self) {
        self.forget_changes();
        self.sealed = true;
        if self.intent != Intent::Destroy {
            self.intent = Intent::Keep;
            self.abandoned = true;
        }
    }

    fn forget_changes(&mut self) {
        self.delta = Delta::default();
        self.principal = None;
        self.lifetime = None;
    }

    pub(crate) fn present(&self) -> Option<&Present> {
        match &self.place {
            Place::Present(present) => Some(present),
            _ => None,
        }
    }

    /// The key of the stored record, where it is known.
    pub(super) fn key(&self) -> Option<&RecordKey> {
        match &self.place {
            Place::Present(present) => Some(&present.key),
            Place::Bound(key) => Some(key),
            _ => None,
        }
    }

    pub(super) fn bound(&self) -> Option<&RecordKey> {
        match &self.place {
            Place::Bound(key) => Some(key),
            _ => None,
        }
    }

    pub(super) fn may_be_stored(&self) -> bool {
        self.intent != Intent::Destroy && matches!(self.presence(), Presence::Present | Presence::Unloaded)
    }

    pub(super) fn needs_load(&self) -> bool {
        self.presence() == Presence::Unloaded && self.intent != Intent::Destroy
    }

    pub(crate) fn presence(&self) -> Presence {
        match &self.place {
            Place::NoToken => Presence::NoToken,
            Place::Unloaded | Place::Bound(_) => Presence::Unloaded,
            Place::Absent => Presence::Absent,
            Place::Gone => Presence::Gone,
            Place::Unknown => Presence::Unknown,
            Place::Present(_) => Presence::Present,
        }
    }

    /// What this request's changes are made on: the loaded record, unless it is to be ended, or is another principal's.
    pub(crate) fn base(&self) -> Option<&Present> {
        self.present().filter(|present| self.intent != Intent::Destroy && !self.is_anothers(present))
    }

    fn is_anothers(&self, present: &Present) -> bool {
        let owner = present.versioned.written_meta().principal();
        self.principal.is_some() && owner.is_some() && self.principal.as_ref() != owner
    }

    pub(super) fn knows(&self, key: &str) -> bool {
        !self.needs_load() || self.delta.known(key) != Known::No
    }

    pub(super) fn value(&self, key: &str, manager: &SessionManager) -> Result<Option<Cow<'_, [u8]>>> {
        if let Known::Yes(value) = self.delta.known(key) {
            return Ok(value.map(Cow::Borrowed));
        }
        let stored = self.base().map_or(Ok(None), |present| manager.find(present, key))?;
        match stored {
            Some(Cow::Owned(value)) => {
                Ok(self.delta.resolve(key, Some(&value))?.map(|value| Cow::Owned(value.into_owned())))
            }
            Some(Cow::Borrowed(value)) => self.delta.resolve(key, Some(value)),
            None => self.delta.resolve(key, None),
        }
    }

    pub(super) fn keys(&self, manager: &SessionManager) -> Result<Vec<String>> {
        let mut keys = self.base().map_or(Ok(Vec::new()), |present| manager.keys(present))?;
        let flat = self.delta.flatten(None)?;
        if flat.changes().clears() {
            keys.clear();
        }
        for change in flat.changes().iter() {
            let key = change.key();
            keys.retain(|other| *other != key);
            if change.value().is_some() {
                keys.push(key.into_owned());
            }
        }
        Ok(keys)
    }

    pub(super) fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref().or_else(|| self.base()?.versioned.written_meta().principal())
    }

    pub(super) fn status(&self) -> Status {
        let clean = self.delta.is_empty() && self.intent == Intent::Keep && self.lifetime.is_none();
        match self.presence() {
            _ if self.sealed => Status::Sealed,
            _ if self.intent == Intent::Destroy => Status::Destroyed,
            _ if !clean => Status::Dirty,
            Presence::Unloaded => Status::Unloaded,
            Presence::Present => Status::Loaded,
            _ => Status::Fresh,
        }
    }

    /// The facts of a request that changed nothing.
    pub(crate) fn unchanged(&self, manager: &SessionManager, now: Timestamp) -> Facts {
        let present =
            self.present().map(|present| (present.versioned.written_meta(), present.versioned.expires_at()));
        Facts {
            presence: self.presence(),
            intent: self.intent,
            dirty: false,
            renewal_due: present.is_some_and(|(meta, _)| manager.policy().renewal_due(meta, now)),
            touch_due: present.is_some_and(|(meta, at)| manager.policy().touch_due(meta, at, now)),
        }
    }

    pub(super) fn commit_now(&mut self, manager: &SessionManager) -> Option<Committed> {
        if !self.delta.is_empty() || self.intent != Intent::Keep || self.lifetime.is_some() {
            return None;
        }
        if self.abandoned {
            return Some(Committed::new(self.token_action(), crate::manager::Outcome::Unchanged));
        }
        match plan(self.unchanged(manager, manager.now())) {
            Plan::Nothing => {}
            Plan::Forget => self.outgoing = Outgoing::Forget,
            _ => return None,
        }
        self.sealed = true;
        Some(Committed::new(self.token_action(), crate::manager::Outcome::Unchanged))
    }

    pub(crate) fn token_action(&self) -> TokenAction {
        match self.outgoing {
            Outgoing::Keep => TokenAction::Keep,
            Outgoing::Set(token, expires_at) => TokenAction::Set { token, expires_at },
            Outgoing::Forget => TokenAction::Forget,
        }
    }
}
