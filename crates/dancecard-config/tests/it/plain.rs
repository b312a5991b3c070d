//! A serializer of one's own.

use dancecard_core::{Changes, Codec, CodecTag, Error, ErrorKind, JsonCodec, Result};

/// An application's own form: JSON behind a letter.
#[derive(Debug)]
pub(crate) struct Plain;

impl Codec for Plain {
    fn tag(&self) -> CodecTag {
        CodecTag::FIRST_OWN
    }

    fn open(&self, stored: &[u8]) -> Result<Option<Vec<u8>>> {
        let damaged = || Error::new(ErrorKind::Corrupt, "decode");
        let text = stored.strip_prefix(b"p").ok_or_else(damaged)?;
        Ok(Some(JsonCodec.open(text)?.unwrap_or_else(|| text.to_vec())))
    }

    fn encode(&self, stored: Option<&[u8]>, changes: Changes<'_>) -> Result<Option<Vec<u8>>> {
        let base = stored.map(|stored| self.open(stored)).transpose()?.flatten();
        let encoded = JsonCodec.encode(base.as_deref(), changes)?;
        Ok(encoded.map(|text| [b"p".as_slice(), &text].concat()))
    }
}
