//! How a session's data is written down.

use std::borrow::Cow;
use std::fmt;

use crate::delta::Changes;
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
}

/// JSON text with a directory of its keys: readable in a dump, and read without being parsed.
///
/// A payload that is plain JSON text, written by hand or by something else, is read too.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonCodec;

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
        if stored.is_some() && changes_nothing(base, changes)? {
            return Ok(None);
        }
        merge(base, changes).map(Some)
    }
}

fn changes_nothing(base: Document<'_>, changes: Changes<'_>) -> Result<bool> {
    if changes.clears() && !base.is_empty() {
        return Ok(merge(base, changes)? == merge(base, crate::delta::Delta::default().changes())?);
    }
    for change in changes.iter() {
        let found = base.find_same(change.hash(), change.quoted_key())?;
        if found.map(|member| member.value()) != change.value() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn merge<'a>(base: Document<'a>, changes: Changes<'a>) -> Result<Vec<u8>> {
    let base = if changes.clears() { Document::expect(document::EMPTY)? } else { base };
    let mut merged = Builder::default();
    let mut met = 0;
    for member in base.members() {
        let member = member?;
        match changes.iter().find(|change| change.hash() == member.hash && is_same(change, &member)) {
            None => merged.push(member.hash, member.text),
            Some(change) => {
                met += 1;
                change.member().into_iter().for_each(|text| merged.push(member.hash, text));
            }
        }
    }
    if met < changes.iter().count() {
        append_new(&mut merged, base, changes)?;
    }
    merged.build()
}

fn append_new<'a>(merged: &mut Builder<'a>, base: Document<'_>, changes: Changes<'a>) -> Result<()> {
    for change in changes.iter() {
        if base.find_same(change.hash(), change.quoted_key())?.is_none() {
            change.member().into_iter().for_each(|text| merged.push(change.hash(), text));
        }
    }
    Ok(())
}

fn is_same(change: &crate::delta::Change<'_>, member: &document::Member<'_>) -> bool {
    document::same_name(change.quoted_key(), member.quoted_key())
}
