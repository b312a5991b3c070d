//! How long sessions live, and what happens at the edges.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::record::Meta;

/// How long a session lives.
///
/// The default is an hour without use and a day in all: the bounds of NIST SP 800-63B for AAL2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    idle: Option<Duration>,
    absolute: Option<Duration>,
}

impl Default for Lifetime {
    fn default() -> Self {
        Self::new(Duration::from_secs(3600), Duration::from_secs(24 * 3600))
    }
}

impl Lifetime {
    /// Ends after `idle` without use, and after `absolute` in any case. An idle limit counts in whole seconds, at least
    /// one.
    pub const fn new(idle: Duration, absolute: Duration) -> Self {
        Self { idle: Some(idle), absolute: Some(absolute) }
    }

    /// Ends only when unused for so long. Sessions of people should have an absolute limit too (ASVS 7.3.2).
    pub const fn idle(idle: Duration) -> Self {
        Self { idle: Some(idle), absolute: None }
    }

    /// Ends after so long, however it is used. Then nobody notes when it was last used; see [`Meta::last_seen`].
    pub const fn absolute(absolute: Duration) -> Self {
        Self { idle: None, absolute: Some(absolute) }
    }

    /// Writes the limits of a session that begins at `now` into its facts.
    pub(crate) fn begin(self, meta: Meta, now: Timestamp) -> Meta {
        let absolute_at = self.absolute.map_or(Timestamp::MAX, |limit| now.saturating_add(limit));
        // In the stored form no seconds are no limit.
        let idle = self.idle.map(|idle| idle.max(Duration::from_secs(1)));
        let meta = meta.with_idle(idle).with_absolute_at(absolute_at);
        let expires_at = meta.idle().map_or(absolute_at, |idle| now.saturating_add(idle));
        meta.with_expires_at(expires_at)
    }
}

/// Moves the idle limit of a session that is used at `now`.
pub(crate) fn seen(meta: Meta, now: Timestamp) -> Meta {
    match meta.idle() {
        Some(idle) => {
            let expires_at = now.saturating_add(idle).max(meta.expires_at());
            meta.with_expires_at(expires_at)
        }
        None => meta,
    }
}

/// What to do when a principal signs in once more than allowed.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtLimit {
    /// End the sessions that were signed in to first.
    #[default]
    EndOldest,
    /// End the sessions that have not been used for longest. Use is noted for the sake of the idle limit, so a session
    /// without one counts as unused since it began: give such sessions both limits, of the same length if need be.
    EndIdlest,
    /// End the new one again: the sign-in is refused.
    RefuseNew,
}

/// What a request sees when its session can't be read.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailurePolicy {
    /// Reads fail, and the adapter answers with an error.
    #[default]
    Closed,
    /// Reads find an empty session, so that pages which work for everyone go on working. Writes still fail: nothing
    /// is ever stored over a session that could not be read.
    Anonymous,
}

/// What happens when two requests set the same key to different values.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConflictPolicy {
    /// The later commit wins on that key; different keys both survive, and updates are replayed.
    #[default]
    Merge,
    /// The later commit fails with [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) whenever another came between.
    Reject,
}

/// The rules that a [`SessionManager`](crate::SessionManager) follows.
///
/// ```
/// use dancecard_core::{AtLimit, Lifetime, Policy};
/// use std::time::Duration;
///
/// let policy = Policy::default()
///     .with_lifetime(Lifetime::new(Duration::from_secs(15 * 60), Duration::from_secs(12 * 3600)))
///     .with_renewal(Duration::from_secs(10 * 60), Duration::from_secs(30))
///     .with_max_sessions(5, AtLimit::EndOldest);
/// assert_eq!(policy.max_sessions(), Some((5, AtLimit::EndOldest)));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub(crate) lifetime: Lifetime,
    pub(crate) renewal: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) touch_share: f32,
    pub(crate) max_sessions: Option<(usize, AtLimit)>,
    pub(crate) failure: FailurePolicy,
    pub(crate) conflict: ConflictPolicy,
    pub(crate) max_attempts: u32,
    pub(crate) max_payload: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lifetime: Lifetime::default(),
            renewal: None,
            grace: Duration::from_secs(30),
            touch_share: 0.1,
            max_sessions: None,
            failure: FailurePolicy::default(),
            conflict: ConflictPolicy::default(),
            max_attempts: 16,
            max_payload: 1 << 20,
        }
    }
}

impl Policy {
    /// How long new sessions live. Default: [`Lifetime::default`].
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Gives a session in use a new id after each `interval` (OWASP's renewal timeout). Requests that are under way
    /// with the old id go on for `grace`. Default: never.
    #[must_use]
    pub fn with_renewal(mut self, interval: Duration, grace: Duration) -> Self {
        (self.renewal, self.grace) = (Some(interval), grace);
        self
    }

    /// Moves the idle limit of a session that is only read once this share of it has passed (0.0: each time; 1.0:
    /// never). Default: a tenth.
    #[must_use]
    pub fn with_touch_after(mut self, share: f32) -> Self {
        self.touch_share = share.clamp(0.0, 1.0);
        self
    }

    /// How many sessions a principal may have, and what happens with one more. Costs one listing at each sign-in, and
    /// needs an engine with a principal index. Default: any number.
    #[must_use]
    pub fn with_max_sessions(mut self, limit: usize, at_limit: AtLimit) -> Self {
        self.max_sessions = Some((limit, at_limit));
        self
    }

    /// What a request sees when its session can't be read. Default: [`FailurePolicy::Closed`].
    #[must_use]
    pub fn with_failure(mut self, failure: FailurePolicy) -> Self {
        self.failure = failure;
        self
    }

    /// What happens when two requests change the same session at once. Default: [`ConflictPolicy::Merge`].
    #[must_use]
    pub fn with_conflict(mut self, conflict: ConflictPolicy) -> Self {
        self.conflict = conflict;
        self
    }

    /// How often a commit tries against other writers before it gives up. Within one process writers queue up after
    /// their first conflict, so the number bounds the other processes. Default: 16.
    #[must_use]
    pub fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// The largest payload, in bytes; more is [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) and nothing is
    /// stored. Default: 1 MiB.
    #[must_use]
    pub fn with_max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }

    /// The limit of sessions per principal, if there is one.
    pub fn max_sessions(&self) -> Option<(usize, AtLimit)> {
        self.max_sessions
    }

    /// What a request sees when its session can't be read.
    pub fn failure(&self) -> FailurePolicy {
        self.failure
    }

    pub(crate) fn touch_due(&self, meta: &Meta, expires_at: Timestamp, now: Timestamp) -> bool {
        let Some(idle) = meta.idle() else { return false };
        let passed = now.since(expires_at.saturating_sub(idle));
        let share = (passed.as_secs_f64() / idle.as_secs_f64()) as f32;
        self.touch_share < 1.0 && share > 0.0 && share >= self.touch_share
    }

    pub(crate) fn renewal_due(&self, meta: &Meta, now: Timestamp) -> bool {
        self.renewal.is_some_and(|interval| now.since(meta.renewed_at()) >= interval)
    }
}
