//! The facts about a record.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{CodecTag, Principal};
use crate::clock::Timestamp;
use crate::id::RecordKey;

/// The facts kept beside a payload. Small and cheap to clone; what most sessions lack lives behind one pointer.
///
/// Two limits are kept apart on purpose: `expires_at` moves with activity and is all that an engine looks at;
/// `absolute_at` never moves, and core alone enforces it.
#[derive(Clone, PartialEq, Eq)]
pub struct Meta {
    created_at: Timestamp,
    expires_at: Timestamp,
    absolute_at: Timestamp,
    renewed_at: Timestamp,
    idle_secs: u32,
    codec: CodecTag,
    retired: bool,
    rare: Option<Arc<Rare>>,
}

#[derive(Clone, PartialEq, Eq, Default)]
struct Rare {
    principal: Option<Principal>,
    user_agent: Option<Box<str>>,
    address: Option<Box<str>>,
    successor: Option<RecordKey>,
}

impl Meta {
    /// A session created at `now` that may be dropped at `expires_at`, with no other limit.
    pub fn new(now: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            created_at: now,
            expires_at,
            absolute_at: Timestamp::MAX,
            renewed_at: now,
            idle_secs: 0,
            codec: CodecTag::JSON,
            retired: false,
            rare: None,
        }
    }

    /// When the session began. Rotation keeps it.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// When the engine may drop the record, unless it is touched before.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// When the session ends however active it is; [`Timestamp::MAX`] without such a limit.
    pub fn absolute_at(&self) -> Timestamp {
        self.absolute_at
    }

    /// When the session got its present id.
    pub fn renewed_at(&self) -> Timestamp {
        self.renewed_at
    }

    /// How long the session may stay unused, in whole seconds; `None` without such a limit.
    pub fn idle(&self) -> Option<Duration> {
        (self.idle_secs > 0).then(|| Duration::from_secs(self.idle_secs.into()))
    }

    /// The codec of the payload.
    pub fn codec(&self) -> CodecTag {
        self.codec
    }

    /// Whether this is the marker that a rotated or ended session leaves behind for a moment.
    pub fn is_retired(&self) -> bool {
        self.retired
    }

    /// When the session was last seen in use: exact with an idle limit (to the touch threshold), else its beginning.
    pub fn last_seen(&self) -> Timestamp {
        self.idle().map_or(self.created_at, |idle| self.expires_at.saturating_sub(idle))
    }

    /// Who the session belongs to.
    pub fn principal(&self) -> Option<&Principal> {
        self.rare.as_ref()?.principal.as_ref()
    }

    /// The browser that began the session, as it called itself, if the adapter was told to record it.
    pub fn user_agent(&self) -> Option<&str> {
        self.rare.as_ref()?.user_agent.as_deref()
    }

    /// The network address that began the session, if the adapter was told to record it.
    pub fn address(&self) -> Option<&str> {
        self.rare.as_ref()?.address.as_deref()
    }

    /// Where a retired session went on, if it did.
    pub fn successor(&self) -> Option<&RecordKey> {
        self.rare.as_ref()?.successor.as_ref()
    }

    /// Whether the session is over at `now`, by either limit.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at || now >= self.absolute_at
    }

    /// Sets the moment of creation.
    #[must_use]
    pub fn with_created_at(mut self, at: Timestamp) -> Self {
        self.created_at = at;
        self
    }

    /// Sets when the engine may drop the record.
    #[must_use]
    pub fn with_expires_at(mut self, at: Timestamp) -> Self {
        self.expires_at = at;
        self
    }

    /// Sets the limit that activity doesn't move.
    #[must_use]
    pub fn with_absolute_at(mut self, at: Timestamp) -> Self {
        self.absolute_at = at;
        self
    }

    /// Sets when the present id was made.
    #[must_use]
    pub fn with_renewed_at(mut self, at: Timestamp) -> Self {
        self.renewed_at = at;
        self
    }

    /// Sets how long the session may stay unused, rounded up to whole seconds.
    #[must_use]
    pub fn with_idle(mut self, idle: Option<Duration>) -> Self {
        let whole = |idle: Duration| idle.as_secs().saturating_add(u64::from(idle.subsec_nanos() > 0));
        self.idle_secs = idle.map_or(0, |idle| u32::try_from(whole(idle)).unwrap_or(u32::MAX));
        self
    }

    /// Sets the codec of the payload.
    #[must_use]
    pub fn with_codec(mut self, codec: CodecTag) -> Self {
        self.codec = codec;
        self
    }

    /// Marks the record as left behind, and says where the session went on.
    #[must_use]
    pub fn into_retired(mut self, successor: Option<RecordKey>) -> Self {
        self.retired = true;
        self.rare = successor.map(|key| Arc::new(Rare { successor: Some(key), ..Rare::default() }));
        self
    }

    /// The same facts with another successor.
    pub(crate) fn with_successor(mut self, successor: RecordKey) -> Self {
        self.rare_mut().successor = Some(successor);
        self
    }

    /// Sets whose session it is.
    #[must_use]
    pub fn with_principal(mut self, principal: Option<Principal>) -> Self {
        if self.principal() != principal.as_ref() {
            self.rare_mut().principal = principal;
        }
        self
    }

    /// Sets the facts of a device list.
    #[must_use]
    pub fn with_device(mut self, user_agent: Option<&str>, address: Option<&str>) -> Self {
        if self.user_agent() != user_agent || self.address() != address {
            let rare = self.rare_mut();
            rare.user_agent = user_agent.map(Into::into);
            rare.address = address.map(Into::into);
        }
        self
    }

    fn rare_mut(&mut self) -> &mut Rare {
        Arc::make_mut(self.rare.get_or_insert_default())
    }
}

/// Shows times and flags; neither principal nor device.
impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta")
            .field("created_at", &self.created_at)
            .field("expires_at", &self.expires_at)
            .field("absolute_at", &self.absolute_at)
            .field("renewed_at", &self.renewed_at)
            .field("idle_secs", &self.idle_secs)
            .field("codec", &self.codec)
            .field("retired", &self.retired)
            .finish_non_exhaustive()
    }
}
