//! What engines keep: a payload they don't understand, and the few facts about it that they may need.

use std::fmt;
use std::sync::Arc;

use crate::bytes::ShortBytes;
use crate::clock::Timestamp;
use crate::id::RecordKey;

mod meta;
mod weight;

pub use meta::Meta;
pub(crate) use weight::weight;

/// Who a session belongs to, in the application's own terms (a user id, for example).
///
/// Engines index it. `Debug` is redacted, since it may be a name or an address.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal(Arc<str>);

impl Principal {
    /// A principal of that name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for Principal {
    fn from(name: T) -> Self {
        Self::new(name)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Principal(..)")
    }
}

/// Which codec wrote a payload; stored with each record, so that the codec can be changed while sessions live.
///
/// Numbers below [`CodecTag::FIRST_OWN`] are this project's. An application's own codec takes one of those from there on,
/// and keeps it: a number that stood for one form must never stand for another while records of it live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CodecTag(pub u8);

impl CodecTag {
    /// JSON text followed by a directory of its keys ([`JsonCodec`](crate::JsonCodec)).
    pub const JSON: Self = Self(1);
    /// A MessagePack map (`MessagePackCodec` of `dancecard-codec`).
    pub const MESSAGE_PACK: Self = Self(2);
    /// YAML text (`YamlCodec` of `dancecard-codec`).
    pub const YAML: Self = Self(3);
    /// The form of another codec, compressed where that helps (`Compressed` of `dancecard-codec`).
    pub const COMPRESSED: Self = Self(4);
    /// The form of another codec, encrypted (`Encrypted` of `dancecard-codec`).
    pub const ENCRYPTED: Self = Self(5);
    /// The first number for codecs of applications: 128 to 255 are theirs.
    pub const FIRST_OWN: Self = Self(128);
}

/// A session as it is handed to an engine.
#[derive(Clone)]
pub struct Record {
    /// The facts about it.
    pub meta: Meta,
    /// The data, in the form that the codec gave it. Its capacity equals its length.
    pub payload: Vec<u8>,
}

impl Record {
    /// A record of these parts.
    pub fn new(meta: Meta, payload: Vec<u8>) -> Self {
        Self { meta, payload }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("meta", &self.meta).field("bytes", &self.payload.len()).finish()
    }
}

/// A record in an engine's own form. An engine that keeps records in memory implements it, and shares, never copies.
pub trait Stored: Send + Sync + 'static {
    /// The facts as they were written; a later touch shows in [`Versioned::expires_at`] only.
    fn meta(&self) -> &Meta;
    /// The payload, byte for byte as it was written.
    fn payload(&self) -> &[u8];
    /// How many bytes this form holds besides the facts, for a [cache's bound](Versioned::weight): the payload's, unless
    /// it holds more, such as the reply that the payload came in.
    fn held(&self) -> usize {
        self.payload().len()
    }
}

impl Stored for Record {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// A record as an engine hands it out, with the version that a conditional write needs. Cheap to clone.
#[derive(Clone)]
pub struct Versioned {
    stored: Arc<dyn Stored>,
    version: Version,
    expires_at: Timestamp,
}

impl Versioned {
    /// A loaded record.
    pub fn new(record: Record, version: Version) -> Self {
        let expires_at = record.meta.expires_at();
        Self { stored: Arc::new(record), version, expires_at }
    }

    /// A record that the engine shares, with the expiry that it has now.
    pub fn shared(stored: Arc<dyn Stored>, version: Version, expires_at: Timestamp) -> Self {
        Self { stored, version, expires_at }
    }

    /// The version to update at.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// When the engine may drop it, touches included.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    pub(crate) fn with_expires_at(mut self, at: Timestamp) -> Self {
        self.expires_at = at;
        self
    }

    /// The facts, with the present expiry.
    pub fn meta(&self) -> Meta {
        self.stored.meta().clone().with_expires_at(self.expires_at)
    }

    /// The facts as they were written, without a copy; `expires_at` in them may be out of date.
    pub fn written_meta(&self) -> &Meta {
        self.stored.meta()
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        self.stored.payload()
    }

    /// Whether the session is over at `now`, by either limit.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at || now >= self.stored.meta().absolute_at()
    }
}

impl fmt::Debug for Versioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versioned").field("meta", &self.meta()).field("bytes", &self.payload().len()).finish()
    }
}

/// An engine's opaque mark of one state of one record. Two states of a key never share one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Version(ShortBytes);

impl Version {
    /// A version that is a number.
    pub fn from_u64(number: u64) -> Self {
        Self(ShortBytes::new(&number.to_le_bytes()))
    }

    /// A version that is text or a hash, an ETag for example.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(ShortBytes::new(bytes))
    }

    /// The number, if it was made from one.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_bytes().try_into().ok().map(u64::from_le_bytes)
    }

    /// The bytes it was made from.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Version(..)")
    }
}

/// A line of a listing: everything about a session but its data.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What the session is stored under; it names the session to [`SessionManager::end`](crate::SessionManager::end).
    pub key: RecordKey,
    /// Which state of the record was listed.
    pub version: Version,
    /// The facts, with the present expiry.
    pub meta: Meta,
}
