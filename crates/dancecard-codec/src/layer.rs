//! What codecs have in common that put something round the form of another.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use dancecard_core::{Changes, Codec, CodecTag, JsonCodec, Result};

use crate::SharedCodec;
use crate::corrupt;

/// The codec inside, and those that may have been there before.
///
/// What was opened ends with the tag of the codec that opened it, so that it is looked into by the same.
pub(crate) struct Layer<C> {
    inside: C,
    readers: Vec<(CodecTag, SharedCodec)>,
}

/// What lies inside of a stored payload, and which codec wrote it.
pub(crate) struct Content<B> {
    pub(crate) tag: CodecTag,
    pub(crate) payload: B,
}

impl<C: Codec> Layer<C> {
    /// Reads what every codec of this crate wrote that needs no settings.
    pub(crate) fn new(inside: C) -> Self {
        Self { inside, readers: Vec::new() }.with_reader(JsonCodec).with_message_pack().with_yaml()
    }

    #[cfg(feature = "message-pack")]
    fn with_message_pack(self) -> Self {
        self.with_reader(crate::MessagePackCodec)
    }

    #[cfg(not(feature = "message-pack"))]
    fn with_message_pack(self) -> Self {
        self
    }

    #[cfg(feature = "yaml")]
    fn with_yaml(self) -> Self {
        self.with_reader(crate::YamlCodec)
    }

    #[cfg(not(feature = "yaml"))]
    fn with_yaml(self) -> Self {
        self
    }

    /// The later one of two codecs with one tag counts.
    pub(crate) fn with_reader(mut self, codec: impl Codec) -> Self {
        self.readers.retain(|(tag, _)| *tag != codec.tag());
        self.readers.push((codec.tag(), Arc::new(codec)));
        self
    }

    pub(crate) fn tag(&self) -> CodecTag {
        self.inside.tag()
    }

    fn reader(&self, tag: CodecTag) -> Result<&dyn Codec> {
        if tag == self.inside.tag() {
            return Ok(&self.inside);
        }
        let found = self.readers.iter().find(|(other, _)| *other == tag);
        let found = found.map(|(_, codec)| codec.as_ref() as &dyn Codec);
        found.ok_or_else(|| {
            let detail =
                format!("inside is what codec {} wrote, which is not configured: name it as a reader", tag.0);
            corrupt("").with_detail(detail)
        })
    }

    pub(crate) fn open(&self, content: Content<Cow<'_, [u8]>>) -> Result<Vec<u8>> {
        let opened = self.reader(content.tag)?.open(&content.payload)?;
        let mut opened = opened.unwrap_or_else(|| content.payload.into_owned());
        opened.push(content.tag.0);
        Ok(opened)
    }

    /// What is to be put inside next; `None` when nothing changes.
    pub(crate) fn encode(
        &self,
        stored: Option<Content<Cow<'_, [u8]>>>,
        changes: Changes<'_>,
    ) -> Result<Option<Vec<u8>>> {
        match stored {
            Some(Content { tag, payload }) if tag != self.inside.tag() => {
                let from = self.reader(tag)?;
                let opened = from.open(&payload)?;
                changes.recode(from, opened.as_deref().unwrap_or(&payload), &self.inside)
            }
            stored => self.inside.encode(stored.as_ref().map(|stored| stored.payload.as_ref()), changes),
        }
    }

    pub(crate) fn find<'a>(&self, opened: &'a [u8], key: &str) -> Result<Option<Cow<'a, [u8]>>> {
        let (reader, opened) = self.split(opened)?;
        reader.find(opened, key)
    }

    pub(crate) fn keys(&self, opened: &[u8]) -> Result<Vec<String>> {
        let (reader, opened) = self.split(opened)?;
        reader.keys(opened)
    }

    pub(crate) fn members<'a>(&self, opened: &'a [u8]) -> Result<Vec<(String, Cow<'a, [u8]>)>> {
        let (reader, opened) = self.split(opened)?;
        reader.members(opened)
    }

    fn split<'a>(&self, opened: &'a [u8]) -> Result<(&dyn Codec, &'a [u8])> {
        let (tag, opened) = opened.split_last().ok_or_else(|| corrupt("it was not opened"))?;
        Ok((self.reader(CodecTag(*tag))?, opened))
    }
}

impl<C: fmt::Debug> fmt::Debug for Layer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readers: Vec<u8> = self.readers.iter().map(|(tag, _)| tag.0).collect();
        f.debug_struct("Layer").field("inside", &self.inside).field("readers", &readers).finish()
    }
}
