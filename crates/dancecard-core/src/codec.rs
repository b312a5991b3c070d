//! How a session's data is written down.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::delta::{Change, Changes, Delta};
use crate::document::{self, Builder, Document};
use crate::error::Result;
use crate::record::CodecTag;

/// Turns stored payloads into documents, and changes into stored payloads.
///
/// A codec is given the old payload together with the changes, so that it can keep what it does not understand. The
/// tag is stored with each record: a manager reads with the codec that wrote, and writes with its own.
pub trait Codec: fmt::Debug + Send + Sync + 'static {
    /// The number that stands for this codec in every record.
    fn tag(&self) -> CodecTag;

    /// Makes a loaded payload ready to be looked into. `None` when it is, as it stands.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) when the payload is not of this codec.
    fn open(&self, stored: &[u8]) -> Result<Option<Vec<u8>>>;

    /// The payload with the changes made, of exactly its length in capacity; `None` when they change nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a damaged base,
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) when the result can't be represented.
    fn encode(&self, stored: Option<&[u8]>, changes: Changes<'_>) -> Result<Option<Vec<u8>>>;

    /// The value of a key as JSON text, in a payload that was opened.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt).
    fn find<'a>(&self, opened: &'a [u8], key: &str) -> Result<Option<Cow<'a, [u8]>>> {
        Ok(Document::expect(opened)?.find(key)?.map(Cow::Borrowed))
    }

    /// The keys of a payload that was opened.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt).
    fn keys(&self, opened: &[u8]) -> Result<Vec<String>> {
        Document::expect(opened)?.members().map(|member| Ok(member?.key()?.into_owned())).collect()
    }

    /// Each key with its value as JSON text, in a payload that was opened. A codec that can do so without finding each
    /// key apart says it here.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt).
    fn members<'a>(&self, opened: &'a [u8]) -> Result<Vec<(String, Cow<'a, [u8]>)>> {
        let member = |key: String| Ok(self.find(opened, &key)?.map(|value| (key, value)));
        self.keys(opened)?.into_iter().filter_map(|key| member(key).transpose()).collect()
    }
}

/// A codec that is shared, or chosen at run time, is a codec.
impl<C: Codec + ?Sized> Codec for Arc<C> {
    fn tag(&self) -> CodecTag {
        (**self).tag()
    }

    fn open(&self, stored: &[u8]) -> Result<Option<Vec<u8>>> {
        (**self).open(stored)
    }

    fn encode(&self, stored: Option<&[u8]>, changes: Changes<'_>) -> Result<Option<Vec<u8>>> {
        (**self).encode(stored, changes)
    }

    fn find<'a>(&self, opened: &'a [u8], key: &str) -> Result<Option<Cow<'a, [u8]>>> {
        (**self).find(opened, key)
    }

    fn keys(&self, opened: &[u8]) -> Result<Vec<String>> {
        (**self).keys(opened)
    }

    fn members<'a>(&self, opened: &'a [u8]) -> Result<Vec<(String, Cow<'a, [u8]>)>> {
        (**self).members(opened)
    }
}

impl Changes<'_> {
    /// What one codec wrote, as another writes it, with the changes made; `None` when there are none. `opened` is the
    /// payload after [`Codec::open`] of the codec that wrote it.
    ///
    /// # Errors
    /// Those of [`Codec::members`] and [`Codec::encode`].
    pub fn recode(&self, from: &dyn Codec, opened: &[u8], to: &dyn Codec) -> Result<Option<Vec<u8>>> {
        if !self.clears() && self.iter().next().is_none() {
            return Ok(None);
        }
        let members = from.members(opened)?.into_iter().map(Ok);
        to.encode(None, Delta::of_members(members)?.then(self.log())?.changes())
    }
}

/// JSON text with a directory of its keys: readable in a dump, and read without being parsed.
///
/// A payload that is plain JSON text, written by hand or by something else, is read too.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonCodec;

impl JsonCodec {
    /// The text of the JSON object in a payload that was opened, without the directory behind it.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for anything that [`Codec::open`] of this codec did not give.
    pub fn text<'a>(&self, opened: &'a [u8]) -> Result<&'a [u8]> {
        Ok(Document::expect(opened)?.text())
    }
}

impl Codec for JsonCodec {
    fn tag(&self) -> CodecTag {
        CodecTag::JSON
    }

    fn open(&self, stored: &[u8]) -> Result<Option<Vec<u8>>> {
        match Document::of(stored) {
            Some(_) => Ok(None),
            None => document::adopt(stored).map(Some),
        }
    }

    fn encode(&self, stored: Option<&[u8]>, changes: Changes<'_>) -> Result<Option<Vec<u8>>> {
        let adopted;
        let payload = stored.unwrap_or(document::EMPTY);
        let base = match Document::of(payload) {
            Some(base) => base,
            None => {
                adopted = document::adopt(payload)?;
                Document::expect(&adopted)?
            }
        };
        // Filled in place: it is large, and moving it costs as much as a small merge.
        let mut merged = Merged { members: Builder::default(), changed: false };
        merged.fill(base, changes)?;
        merged.changed |= changes.clears() && !base.is_empty();
        if stored.is_some() && !merged.changed {
            return Ok(None);
        }
        let payload = merged.members.build()?;
        // What was cleared may have been set again to what it was.
        Ok((!changes.clears() || Some(payload.as_slice()) != stored).then_some(payload))
    }

    fn members<'a>(&self, opened: &'a [u8]) -> Result<Vec<(String, Cow<'a, [u8]>)>> {
        let named =
            |member: document::Member<'a>| Ok((member.key()?.into_owned(), Cow::Borrowed(member.value())));
        Document::expect(opened)?.members().map(|member| named(member?)).collect()
    }
}

/// A document with changes made to it, not written down yet, and whether they changed anything.
struct Merged<'a> {
    members: Builder<'a>,
    changed: bool,
}

impl<'a> Merged<'a> {
    fn fill(&mut self, base: Document<'a>, changes: Changes<'a>) -> Result<()> {
        let base = if changes.clears() { Document::expect(document::EMPTY)? } else { base };
        let mut met = 0;
        for member in base.members() {
            let member = member?;
            let change = changes.iter().find(|change| is_same(change, &member));
            met += usize::from(change.is_some());
            self.keep_or_change(member, change);
        }
        if met < changes.iter().count() {
            self.append_new(base, changes)?;
        }
        Ok(())
    }

    fn keep_or_change(&mut self, member: document::Member<'a>, change: Option<Change<'a>>) {
        let text = change.map_or(Some(member.text), |change| change.member());
        self.changed |= change.is_some_and(|change| change.value() != Some(member.value()));
        text.into_iter().for_each(|text| self.members.push(member.hash, text));
    }

    fn append_new(&mut self, base: Document<'_>, changes: Changes<'a>) -> Result<()> {
        for change in changes.iter() {
            let Some(text) = change.member() else { continue };
            if base.find_same(change.hash(), change.quoted_key())?.is_none() {
                self.members.push(change.hash(), text);
                self.changed = true;
            }
        }
        Ok(())
    }
}

fn is_same(change: &Change<'_>, member: &document::Member<'_>) -> bool {
    change.hash() == member.hash && document::same_name(change.quoted_key(), member.quoted_key())
}
