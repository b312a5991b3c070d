//! Compression.

use std::borrow::Cow;

use dancecard_core::{Changes, Codec, CodecTag, Error, ErrorKind, Result};
use lz4_flex::block;

use crate::corrupt;
use crate::layer::{Content, Layer};

const STORED: u8 = 0;
const LZ4: u8 = 1;
/// Form, tag, and the length of what was compressed.
const HEAD: usize = 6;
const THRESHOLD: usize = 1024;
const LIMIT: usize = 1 << 20;
/// What LZ4 makes of a byte at most.
const EXPANSION: usize = 255;

/// The form of another codec, compressed (LZ4) where it is long enough and compression makes it shorter.
///
/// ```
/// use dancecard_codec::{Compressed, MessagePackCodec};
/// use dancecard_core::{MemoryStore, SessionManager};
///
/// let codec = Compressed::new(MessagePackCodec).with_threshold(4096);
/// let manager = SessionManager::new(MemoryStore::new()).with_codec(codec);
/// ```
///
/// What was compressed in another form is read too, and changes over when it is next written: JSON, MessagePack, YAML, and
/// those that [`Compressed::with_reader`] names.
///
/// # Cost
/// A read decompresses into a buffer of the size that the payload states, which is compared with the limit, and with what
/// its bytes can become at most, before there is a buffer. A write decompresses once more.
///
/// # What a length tells
/// Who can see how long a compressed session is, and can put words of their own into it, may find out by trying which of
/// them it holds already. Don't compress what carries secrets in a cookie, or in a store whose sizes others watch.
#[derive(Debug)]
pub struct Compressed<C> {
    layer: Layer<C>,
    threshold: usize,
    limit: usize,
}

impl<C: Codec> Compressed<C> {
    /// Compresses what this codec writes from 1,024 bytes on, up to 1 MiB.
    pub fn new(inside: C) -> Self {
        Self { layer: Layer::new(inside), threshold: THRESHOLD, limit: LIMIT }
    }

    /// Leaves shorter payloads as they are. In bytes.
    #[must_use]
    pub fn with_threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// Refuses sessions that are longer than that before they are compressed, on both ways. In bytes; 1 MiB unless told,
    /// which is what the default policy allows a session without compression.
    #[must_use]
    pub fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Reads also what this codec wrote, before it was compressed: for codecs of one's own that were in use before.
    #[must_use]
    pub fn with_reader(mut self, codec: impl Codec) -> Self {
        self.layer = self.layer.with_reader(codec);
        self
    }

    fn content<'a>(&self, stored: &'a [u8]) -> Result<Content<Cow<'a, [u8]>>> {
        let damaged = || corrupt("not a compressed payload");
        let ([form, tag], rest) = stored.split_first_chunk::<2>().ok_or_else(damaged)?;
        let payload = match *form {
            STORED => Cow::Borrowed(rest),
            LZ4 => Cow::Owned(self.expanded(rest)?),
            _ => return Err(damaged()),
        };
        Ok(Content { tag: CodecTag(*tag), payload })
    }

    fn expanded(&self, rest: &[u8]) -> Result<Vec<u8>> {
        let damaged = || corrupt("not what was compressed");
        let (length, block) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| damaged())?;
        if length > self.limit {
            return Err(corrupt("it would be longer than the limit, decompressed"));
        }
        if length / EXPANSION > block.len() {
            return Err(damaged());
        }
        let payload = block::decompress(block, length).map_err(|_| damaged())?;
        if payload.len() == length { Ok(payload) } else { Err(damaged()) }
    }

    fn wrapped(&self, payload: &[u8]) -> Result<Vec<u8>> {
        if payload.len() > self.limit {
            let detail = format!("{} bytes to compress, where {} are allowed", payload.len(), self.limit);
            return Err(Error::new(ErrorKind::TooLarge, "encode").with_detail(detail));
        }
        let tag = self.layer.tag().0;
        if payload.len() >= self.threshold {
            let block = block::compress(payload);
            if let (true, Ok(length)) = (HEAD + block.len() < 2 + payload.len(), u32::try_from(payload.len()))
            {
                return Ok([&[LZ4, tag], &length.to_le_bytes()[..], &block].concat());
            }
        }
        Ok([&[STORED, tag], payload].concat())
    }
}

impl<C: Codec> Codec for Compressed<C> {
    fn tag(&self) -> CodecTag {
        CodecTag::COMPRESSED
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
