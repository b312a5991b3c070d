//! What happens to sessions, for logs, metrics and audits.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::id::RecordKey;

/// Something that happened to a session.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A new session was stored.
    Created,
    /// A session was read from the engine.
    Loaded,
    /// The client sent a token that is malformed, or one too many.
    Malformed,
    /// The client sent a well-formed token that stands for nothing. Many of them from one place are an attack.
    Rejected,
    /// A session got a new id because rights changed.
    Rotated,
    /// A session got a new id because its old one had been in use for long.
    Renewed,
    /// A request with the old id was let through during the grace after a renewal.
    GraceUsed,
    /// A write found that another had come between.
    Conflict,
    /// A write that had found a conflict was made on top of the other.
    Merged,
    /// A write was dropped, because its session had ended or got another id in the meantime.
    LateWriteDropped,
    /// A session was found past one of its limits.
    Expired,
    /// The expiry of a session was moved.
    Touched,
    /// A session was ended, by its owner or by someone with the right to.
    Destroyed,
    /// A sign-in was undone, because all sessions of the principal were ended while it ran, or there were too many.
    SignInUndone,
    /// The engine failed.
    StoreError,
    /// A hook failed, panicked, or took too long, and was passed over.
    HookFailed,
}

impl EventKind {
    /// All of them, for a table or a set of counters.
    pub const ALL: [Self; 16] = [
        Self::Created,
        Self::Loaded,
        Self::Malformed,
        Self::Rejected,
        Self::Rotated,
        Self::Renewed,
        Self::GraceUsed,
        Self::Conflict,
        Self::Merged,
        Self::LateWriteDropped,
        Self::Expired,
        Self::Touched,
        Self::Destroyed,
        Self::SignInUndone,
        Self::StoreError,
        Self::HookFailed,
    ];

    /// The name in snake case, as logs and metrics show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Loaded => "loaded",
            Self::Malformed => "malformed",
            Self::Rejected => "rejected",
            Self::Rotated => "rotated",
            Self::Renewed => "renewed",
            Self::GraceUsed => "grace_used",
            Self::Conflict => "conflict",
            Self::Merged => "merged",
            Self::LateWriteDropped => "late_write_dropped",
            Self::Expired => "expired",
            Self::Touched => "touched",
            Self::Destroyed => "destroyed",
            Self::SignInUndone => "sign_in_undone",
            Self::StoreError => "store_error",
            Self::HookFailed => "hook_failed",
        }
    }
}

/// An event with what belongs to it.
#[non_exhaustive]
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// What happened.
    pub kind: EventKind,
    /// Which session it happened to, where there was one.
    pub session: Option<Fingerprint>,
    /// The engine's name.
    pub engine: &'static str,
    /// What failed, in a [`EventKind::StoreError`] or a [`EventKind::HookFailed`].
    pub error: Option<&'a Error>,
}

/// Is told what happens. It must be quick: it runs inside the request, and never under a lock of the engine. If it
/// panics, that stops nothing.
///
/// ```
/// use dancecard_core::{Event, EventKind, MemoryStore, Observer, SessionManager};
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// #[derive(Debug, Default)]
/// struct Conflicts(AtomicU64);
///
/// impl Observer for Conflicts {
///     fn on(&self, event: &Event<'_>) {
///         if event.kind == EventKind::Conflict {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let manager = SessionManager::new(MemoryStore::new()).with_observer(Conflicts::default());
/// ```
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Something happened.
    fn on(&self, event: &Event<'_>);
}

/// Stands for a session in logs: the same for the same session within one key, useless to find or to forge it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 4]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The key of fingerprints. Random per process unless set, so that logs of two processes can be joined only on purpose.
#[derive(Clone)]
pub(crate) struct FingerprintKey([u8; 32]);

impl FingerprintKey {
    pub(crate) fn random() -> Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|e| Error::new(ErrorKind::Random, "fingerprint key").with_source(e))?;
        Ok(Self(key))
    }

    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// SHA-256 over the secret, fixed-length key and the record key, cut to 32 bits: too short to be extended.
    pub(crate) fn of(&self, key: &RecordKey) -> Fingerprint {
        let digest: [u8; 32] =
            Sha256::new().chain_update(self.0).chain_update(key.as_bytes()).finalize().into();
        Fingerprint([digest[0], digest[1], digest[2], digest[3]])
    }
}
