//! MessagePack.

use std::borrow::Cow;
use std::collections::HashMap;

use dancecard_core::{Changes, Codec, CodecTag, DocumentWriter, Error, ErrorKind, JsonCodec, Result};

use crate::corrupt;
use crate::json;

mod read;
mod write;

use read::Input;

/// The extension type of JSON text: what MessagePack has no word for, exactly as it was.
const JSON_TEXT: i8 = 74;

/// A MessagePack map of the session's keys: the form that takes the least room, usually a fifth less than JSON text.
///
/// Every value of JSON comes back as it was, numbers digit by digit. Those that MessagePack can't say (beyond 64 bits, or
/// spelled as no serializer would) are kept as JSON text in an extension of type 74, and so is what lies deeper than 48
/// lists or maps. A change copies the members that it leaves alone byte for byte.
///
/// Any other program's MessagePack is read too, if it is a map with texts as keys and holds what JSON can say. The bytes are
/// set out in the specification, `docs/spec/codecs.md`.
///
/// ```
/// use dancecard_codec::MessagePackCodec;
/// use dancecard_core::{MemoryStore, SessionManager};
///
/// let manager = SessionManager::new(MemoryStore::new()).with_codec(MessagePackCodec);
/// ```
///
/// # Cost
/// Opening a payload turns all of it into JSON text, once for each request that reads: time in proportion to its bytes. However
/// it was made, a byte of it becomes at most nine, and takes at most 24 bytes of memory on the way.
#[derive(Debug, Clone, Copy, Default)]
pub struct MessagePackCodec;

impl Codec for MessagePackCodec {
    fn tag(&self) -> CodecTag {
        CodecTag::MESSAGE_PACK
    }

    fn open(&self, stored: &[u8]) -> Result<Option<Vec<u8>>> {
        document(stored).ok_or_else(damaged)?.finish().map(Some)
    }

    fn encode(&self, stored: Option<&[u8]>, changes: Changes<'_>) -> Result<Option<Vec<u8>>> {
        let base =
            stored.filter(|_| !changes.clears()).map_or(Some(Vec::new()), members).ok_or_else(damaged)?;
        let mut merged = Merged { members: Vec::with_capacity(base.len()), changed: false };
        merged.fill(base, changes)?;
        if stored.is_some() && !merged.changed && !changes.clears() {
            return Ok(None);
        }
        let payload = merged.build()?;
        // What was cleared may have been set again to what it was.
        Ok((Some(payload.as_slice()) != stored).then_some(payload))
    }

    fn members<'a>(&self, opened: &'a [u8]) -> Result<Vec<(String, Cow<'a, [u8]>)>> {
        JsonCodec.members(opened)
    }
}

fn damaged() -> Error {
    corrupt("not a MessagePack map of what JSON can say")
}

fn document(stored: &[u8]) -> Option<DocumentWriter> {
    let mut input = Input::new(stored);
    let mut document = DocumentWriter::with_capacity(stored.len().saturating_add(stored.len() / 4));
    for _ in 0..input.map()? {
        let key = input.text()?;
        input.write_json(document.member(key))?;
    }
    input.is_at_end().then_some(document)
}

/// The keys of a payload, each with its value as it is written.
fn members(stored: &[u8]) -> Option<Vec<(&str, &[u8])>> {
    let mut input = Input::new(stored);
    let count = input.map()?;
    let members: Option<Vec<_>> = (0..count).map(|_| Some((input.text()?, input.pass()?))).collect();
    members.filter(|_| input.is_at_end())
}

/// Members with changes made to them, not written down yet, and whether they changed anything.
struct Merged<'a> {
    members: Vec<(Cow<'a, str>, Cow<'a, [u8]>)>,
    changed: bool,
}

/// A change on its way into the members.
struct New {
    place: usize,
    value: Option<Vec<u8>>,
    is_met: bool,
}

impl<'a> Merged<'a> {
    fn fill(&mut self, base: Vec<(&'a str, &'a [u8])>, changes: Changes<'a>) -> Result<()> {
        let mut new = HashMap::new();
        for (place, change) in changes.iter().enumerate() {
            let value = change.value().map(packed).transpose()?;
            new.insert(change.key(), New { place, value, is_met: false });
        }
        for (key, value) in base {
            match new.get_mut(key) {
                Some(new) => self.change(key, value, new),
                None => self.members.push((Cow::Borrowed(key), Cow::Borrowed(value))),
            }
        }
        self.append(new.into_iter().filter(|(_, new)| !new.is_met));
        Ok(())
    }

    fn change(&mut self, key: &'a str, old: &[u8], new: &mut New) {
        self.changed |= new.value.as_deref() != Some(old);
        // Taken, so that of a key that stood twice one is left.
        self.members.extend(new.value.take().map(|value| (Cow::Borrowed(key), Cow::Owned(value))));
        new.is_met = true;
    }

    fn append(&mut self, new: impl Iterator<Item = (Cow<'a, str>, New)>) {
        let mut added: Vec<_> = new.filter_map(|(key, new)| Some((new.place, key, new.value?))).collect();
        added.sort_unstable_by_key(|(place, ..)| *place);
        self.changed |= !added.is_empty();
        self.members.extend(added.into_iter().map(|(_, key, value)| (key, Cow::Owned(value))));
    }

    fn build(&self) -> Result<Vec<u8>> {
        let bytes: usize = self.members.iter().map(|(key, value)| key.len() + value.len() + 5).sum();
        let mut out = Vec::with_capacity(bytes + 5);
        write::map(self.members.len(), &mut out);
        for (key, value) in &self.members {
            write::text(key, &mut out);
            out.extend_from_slice(value);
        }
        if u32::try_from(out.len()).is_err() {
            return Err(Error::new(ErrorKind::TooLarge, "encode"));
        }
        out.shrink_to_fit();
        Ok(out)
    }
}

/// What a handler set is JSON. What is not was stored by another codec, and damaged there.
fn packed(text: &[u8]) -> Result<Vec<u8>> {
    let node = std::str::from_utf8(text).ok().and_then(json::parse);
    let node = node.ok_or_else(|| corrupt("a stored value is not JSON"))?;
    let mut out = Vec::with_capacity(text.len());
    write::node(&node, &mut out);
    Ok(out)
}
