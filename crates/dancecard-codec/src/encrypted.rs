//! Encryption at rest.

use std::borrow::Cow;

use dancecard_core::{Changes, Codec, CodecTag, Result};
use dancecard_seal::{KeyRing, Sealer};

use crate::corrupt;
use crate::layer::{Content, Layer};

/// What keys are derived for, so that nothing else that they seal is taken for a session's data.
const PURPOSE: &str = "payload";

/// The form of another codec, encrypted under a key ring: for a store, or a backup of it, that others can read.
///
/// ```
/// use dancecard_codec::Encrypted;
/// use dancecard_core::{JsonCodec, MemoryStore, SessionManager};
/// use dancecard_seal::{Key, KeyRing};
///
/// # fn main() -> Result<(), dancecard_core::Error> {
/// # let (newest, oldest) = (Key::random()?, Key::random()?);
/// let keys = KeyRing::new([newest, oldest])?;
/// let manager = SessionManager::new(MemoryStore::new()).with_codec(Encrypted::new(JsonCodec, &keys, "shop"));
/// # Ok(()) }
/// ```
///
/// The first key of the ring encrypts, all decrypt: a session whose key is no longer the first is encrypted anew when it is
/// next written. Data of another application, with a key that the ring does not have, or changed by a single bit, is an
/// error of the kind [`Corrupt`](dancecard_core::ErrorKind::Corrupt); nothing of it is looked at.
///
/// What was encrypted in another form is read too, and changes over when it is next written: JSON, MessagePack, YAML,
/// each with or without compression, and those that [`Encrypted::with_reader`] names.
///
/// # What it does not hide
/// The facts beside the data (times, the principal, device), and the length. Nor does it tell one session's data
/// from another's of the same application: who can *write* to the store can give a session the data of another, or what
/// it was before.
///
/// # Cost
/// 46 bytes more than the form inside. A read decrypts once, a write decrypts and encrypts.
#[derive(Debug)]
pub struct Encrypted<C> {
    layer: Layer<C>,
    sealer: Sealer,
}

impl<C: Codec> Encrypted<C> {
    /// Encrypts what this codec writes, with keys of their own for each application.
    pub fn new(inside: C, keys: &KeyRing, application: &str) -> Self {
        Self { layer: with_compressed(Layer::new(inside)), sealer: keys.sealer(PURPOSE, application) }
    }

    /// Reads also what this codec wrote, before it was encrypted: for codecs of one's own that were in use before.
    #[must_use]
    pub fn with_reader(mut self, codec: impl Codec) -> Self {
        self.layer = self.layer.with_reader(codec);
        self
    }

    fn content(&self, stored: &[u8]) -> Result<Content<Cow<'static, [u8]>>> {
        let opened = self.sealer.open(&[], stored);
        let plain = opened
            .ok_or_else(|| {
                corrupt("altered, of another application, or under a key that is not in the ring: put its key back in, last")
            })?
            .plain;
        let (tag, payload) = plain.split_first().ok_or_else(|| corrupt("nothing was encrypted"))?;
        Ok(Content { tag: CodecTag(*tag), payload: Cow::Owned(payload.to_vec()) })
    }

    fn wrapped(&self, payload: &[u8]) -> Result<Vec<u8>> {
        self.sealer.seal(&[], &[&[self.layer.tag().0], payload].concat())
    }
}

#[cfg(feature = "compressed")]
fn with_compressed<C: Codec>(layer: Layer<C>) -> Layer<C> {
    layer.with_reader(crate::Compressed::new(dancecard_core::JsonCodec))
}

#[cfg(not(feature = "compressed"))]
fn with_compressed<C: Codec>(layer: Layer<C>) -> Layer<C> {
    layer
}

impl<C: Codec> Codec for Encrypted<C> {
    fn tag(&self) -> CodecTag {
        CodecTag::ENCRYPTED
    }

    fn open(&self, stored: &[u8]) -> Result<Option<Vec<u8>>> {
        self.layer.open(self.content(stored)?).map(Some)
    }

    fn encode(&self, stored: Option<&[u8]>, changes: Changes<'_>) -> Result<Option<Vec<u8>>> {
        let stored = stored.map(|stored| self.content(stored)).transpose()?;
        self.layer.encode(stored, changes)?.map(|payload| self.wrapped(&payload)).transpose()
    }

    fn find<'a>(&self, opened: &'a [u8], key: &str) -> Result<Option<Cow<'a, [u8]>>> {
        self.layer.find(opened, key)
    }

    fn keys(&self, opened: &[u8]) -> Result<Vec<String>> {
        self.layer.keys(opened)
    }

    fn members<'a>(&self, opened: &'a [u8]) -> Result<Vec<(String, Cow<'a, [u8]>)>> {
        self.layer.members(opened)
    }
}
