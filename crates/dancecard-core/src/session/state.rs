//! What a session handle knows, behind its lock.

use std::borrow::Cow;
use std::sync::Arc;

use super::Status;
use crate::clock::Timestamp;
use crate::delta::{Delta, Known};
use crate::error::Result;
use crate::id::{RecordKey, Token};
use crate::manager::{Committed, Outcome, SessionManager, TokenAction};
use crate::plan::{Facts, Intent, Plan, Presence, plan};
use crate::policy::Lifetime;
use crate::record::{Meta, Principal, Version, Versioned};

pub(crate) struct State {
    pub(crate) place: Place,
    pub(crate) delta: Delta,
    pub(crate) intent: Intent,
    pub(crate) principal: Option<Principal>,
    /// What the sign-in that is under way must not be overtaken by.
    pub(crate) guard: Option<Arc<Guard>>,
    pub(crate) lifetime: Option<Lifetime>,
    pub(crate) outgoing: Outgoing,
    pub(crate) device: Option<Box<Device>>,
    /// Goes up with everything that is asked for beside data, so that a save knows what came after its decision.
    pub(crate) wishes: u32,
    /// A write was sent; still set when a commit begins if nobody knows what became of the one before.
    pub(crate) in_hand: bool,
    /// The response is being decided: nothing more can be asked for.
    pub(crate) sealed: bool,
    /// The response was decided: nothing more is committed, and reads go on with what the handler saw.
    pub(crate) decided: bool,
    /// Where the commit of the response put the session, and the facts that it stored.
    pub(crate) stored: Option<(RecordKey, Meta)>,
    /// The application does not want a new id now, though it may be time for one.
    keeps_id: bool,
    /// The key that a handle of a long connection began with. It has no response to come that could carry an id.
    live_key: Option<RecordKey>,
}

/// Which "end all" was the last one for a principal when a sign-in began.
pub(crate) struct Guard {
    pub(crate) who: Principal,
    pub(crate) generation: Option<Version>,
    pub(crate) since: Timestamp,
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

#[derive(Clone)]
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
            guard: None,
            lifetime: None,
            outgoing: Outgoing::Keep,
            device: None,
            wishes: 0,
            in_hand: false,
            sealed: false,
            decided: false,
            stored: None,
            keeps_id: false,
            live_key: match &place {
                Place::Bound(key) => Some(key.clone()),
                _ => None,
            },
            place,
        }
    }

    /// The stronger intent wins; after `destroy`, everything else belongs to the session that follows.
    pub(super) fn intend(&mut self, intent: Intent) {
        self.wishes += 1;
        self.intent = match (self.intent, intent) {
            (Intent::Destroy, _) => Intent::Destroy,
            (Intent::SignIn, Intent::Cycle) => Intent::SignIn,
            (_, intent) => intent,
        };
    }

    pub(super) fn sign_in(&mut self, who: Principal) {
        self.intend(Intent::SignIn);
        self.principal = Some(who);
    }

    /// Whether it is known which "end all" was the last one for whoever signs in here.
    pub(crate) fn is_guarded(&self) -> bool {
        self.principal.is_none() || self.guard.as_ref().map(|guard| &guard.who) == self.principal.as_ref()
    }

    pub(super) fn set_lifetime(&mut self, lifetime: Lifetime) {
        self.wishes += 1;
        self.lifetime = Some(lifetime);
    }

    pub(crate) fn destroy(&mut self) {
        self.forget_changes();
        self.intent = Intent::Destroy;
    }

    /// After a response that failed, not even the expiry is moved.
    pub(super) fn abandon(&mut self) {
        if self.decided {
            return;
        }
        self.sealed = true;
        let is_to_end = self.intent == Intent::Destroy;
        self.forget_changes();
        if is_to_end {
            self.intent = Intent::Destroy;
        }
        self.decided = !is_to_end;
    }

    /// It may be time for a new id, but there will be none in this request.
    pub(crate) fn keep_id(&mut self) {
        self.keeps_id = true;
    }

    fn forget_changes(&mut self) {
        self.delta = Delta::default();
        self.forget_wishes();
    }

    fn forget_wishes(&mut self) {
        self.wishes += 1;
        self.intent = Intent::Keep;
        self.principal = None;
        self.lifetime = None;
    }

    /// From a decision until its outcome is known, what it took into account is in hand.
    pub(crate) fn take_in_hand(&mut self) {
        self.in_hand = true;
        self.delta.freeze();
    }

    /// The decision came to nothing; what it took into account waits for the next one.
    pub(crate) fn put_back(&mut self) {
        self.in_hand = false;
        self.delta.thaw();
    }

    /// What was in hand is stored. `wishes` is how many there were when it was decided.
    pub(crate) fn forget_what_was_in_hand(&mut self, wishes: u32) {
        self.delta.drop_frozen();
        if self.wishes == wishes {
            if self.principal.is_some() {
                // An announcement is for one sign-in; what is saved before that does not use it up.
                self.guard = None;
            }
            self.forget_wishes();
        }
    }

    /// The session has ended by its own wish; what else was asked for begins another.
    pub(crate) fn leave_ended(&mut self) {
        self.outgoing = Outgoing::Forget;
        self.place = Place::Absent;
        if self.intent == Intent::Destroy {
            self.intent = if self.principal.is_some() { Intent::SignIn } else { Intent::Keep };
        }
    }

    /// A sign-in was undone. The client keeps what it has: by now that may be the cookie of a later one.
    pub(crate) fn leave_undone(&mut self) {
        self.outgoing = Outgoing::Keep;
        self.place = Place::Gone;
        self.forget_changes();
    }

    /// A sign-in was refused before anything was done for it.
    pub(crate) fn leave_refused(&mut self) {
        self.forget_changes();
    }

    /// Another request got in first, and this is what it left. If it was a new id, the one that this request was about
    /// to send is out of date.
    pub(crate) fn go_to(&mut self, place: Place, from: &RecordKey) {
        let stays = matches!(&place, Place::Present(present) if present.key == *from);
        if !stays {
            self.outgoing = Outgoing::Keep;
        }
        self.place = place;
    }

    /// The record under this key has moved on to a new id. If it was not this request that moved it, the client keeps what
    /// it was told by the one that did.
    pub(crate) fn moved_on_from(&mut self, key: &RecordKey) {
        if self.key() == Some(key) {
            self.outgoing = Outgoing::Keep;
        }
    }

    /// The expiry was moved.
    pub(crate) fn expire_at(&mut self, at: Timestamp) {
        if let Place::Present(present) = &mut self.place {
            present.versioned = present.versioned.clone().with_expires_at(at);
        }
    }

    /// There is a response to come that can carry an id.
    pub(crate) fn has_response(&self) -> bool {
        self.live_key.is_none()
    }

    /// What is stored is known as far as the next decision needs it.
    pub(crate) fn is_read(&self) -> bool {
        match self.presence() {
            Presence::Unloaded | Presence::Unknown => false,
            Presence::NoToken => true,
            // What was written after `destroy` is looked at once that is done.
            Presence::Present | Presence::Absent | Presence::Gone => self.intent != Intent::Destroy,
        }
    }

    pub(crate) fn present(&self) -> Option<&Present> {
        match &self.place {
            Place::Present(present) => Some(present),
            _ => None,
        }
    }

    /// Where the loaded record is, and the version that it had.
    pub(crate) fn found(&self) -> Option<(RecordKey, Version)> {
        self.present().map(|present| (present.key.clone(), present.versioned.version().clone()))
    }

    /// The key of the stored record, where it is known.
    pub(crate) fn key(&self) -> Option<&RecordKey> {
        match (&self.stored, &self.place) {
            (Some((key, _)), _) | (None, Place::Bound(key)) => Some(key),
            (None, Place::Present(present)) => Some(&present.key),
            _ => None,
        }
    }

    /// The facts of the stored record, where there is one that is to stay.
    pub(super) fn meta(&self) -> Option<Meta> {
        match &self.stored {
            Some((_, meta)) => Some(meta.clone()),
            None if self.intent == Intent::Destroy => None,
            None => self.present().map(|present| present.versioned.meta()),
        }
    }

    pub(super) fn live_key(&self) -> Option<&RecordKey> {
        self.live_key.as_ref()
    }

    pub(super) fn may_be_stored(&self) -> bool {
        let is_stored = matches!(self.presence(), Presence::Present | Presence::Unloaded);
        self.stored.is_some() || is_stored && self.intent != Intent::Destroy
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
        if self.delta.is_empty() {
            return Ok(stored);
        }
        match stored {
            Some(Cow::Owned(value)) => {
                Ok(self.delta.resolve(key, Some(&value))?.map(|value| Cow::Owned(value.into_owned())))
            }
            Some(Cow::Borrowed(value)) => self.delta.resolve(key, Some(value)),
            None => self.delta.resolve(key, None),
        }
    }

    pub(super) fn keys(&self, manager: &SessionManager) -> Result<Vec<String>> {
        let keys = self.base().map_or(Ok(Vec::new()), |present| manager.keys(present))?;
        self.delta.keys_over(keys)
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

    /// What is known, given whether there is something to write. A write moves the expiry anyway, so it needs no touch.
    pub(crate) fn facts(&self, manager: &SessionManager, now: Timestamp, dirty: bool) -> Facts {
        let present =
            self.present().map(|present| (present.versioned.written_meta(), present.versioned.expires_at()));
        Facts {
            presence: self.presence(),
            intent: self.intent,
            dirty,
            renewal_due: !self.keeps_id
                && present.is_some_and(|(meta, _)| manager.policy().renewal_due(meta, now)),
            touch_due: !dirty && present.is_some_and(|(meta, at)| manager.policy().touch_due(meta, at, now)),
        }
    }

    pub(super) fn commit_now(&mut self, manager: &SessionManager) -> Option<Committed> {
        if self.decided {
            return Some(Committed::new(self.token_action(), Outcome::Unchanged));
        }
        if !self.delta.is_empty() || self.intent != Intent::Keep || self.lifetime.is_some() {
            return None;
        }
        match plan(self.facts(manager, manager.now(), false)) {
            Plan::Nothing => {}
            Plan::Forget => self.outgoing = Outgoing::Forget,
            _ => return None,
        }
        (self.sealed, self.decided) = (true, true);
        Some(Committed::new(self.token_action(), Outcome::Unchanged))
    }

    pub(crate) fn token_action(&self) -> TokenAction {
        match self.outgoing {
            Outgoing::Keep => TokenAction::Keep,
            Outgoing::Set(token, expires_at) => TokenAction::Set { token, expires_at },
            Outgoing::Forget => TokenAction::Forget,
        }
    }
}
