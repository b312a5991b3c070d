//! From records to the bytes of files, and back.
//!
//! A person who opens a file finds the session's data in it, in the format's own form. That form must give back the
//! payload byte for byte, so it is read again before it is written; a payload that does not survive that (one of another
//! codec, or JSON that is not spelled as usual) is written as bytes.

use std::borrow::Cow;

use dancecard_core::{Codec as _, CodecTag, JsonCodec, Meta, Principal, Record, RecordKey};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::document::{Body, Document};
use crate::fault::Fault;
use crate::folder::LARGEST_FILE;
use crate::node::Node;
use crate::spread::spread;

/// Deeper data is written as bytes: who reads nested data calls himself for each level.
const DEPTH: usize = 64;

/// What files are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// JSON, with a line for each fact and each key of the session. The least work.
    #[default]
    Json,
    /// YAML, quoted so that readers of YAML 1.1 and 1.2 agree. The easiest to read and edit.
    Yaml,
    /// MessagePack, the smallest.
    MsgPack,
}

/// What a file says.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) record: Record,
    /// The key, if the file names it.
    pub(crate) key: Option<RecordKey>,
}

impl Format {
    pub(crate) const WORDS: &[(&str, Self)] =
        &[("json", Self::Json), ("yaml", Self::Yaml), ("msgpack", Self::MsgPack)];

    /// How it is called in settings, and how its files end.
    pub(crate) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, format)| *format == self).map_or("", |(word, _)| word)
    }

    /// A file that says what the record is, in the most readable form that says it exactly.
    pub(crate) fn encode(self, record: &Record, nonce: &str, key: Option<&RecordKey>) -> Option<Vec<u8>> {
        let exact = |body| {
            let bytes = self.write(record, nonce, key, body)?;
            (bytes.len() as u64 <= LARGEST_FILE).then_some(())?;
            self.says(&bytes, record, key).then_some(bytes)
        };
        let data = text_of(record).and_then(|text| exact(Body::Data(text)));
        data.or_else(|| exact(Body::Payload(record.payload.as_slice().into())))
            .or_else(|| exact(Body::Envelope(record.to_envelope().into())))
    }

    fn says(self, bytes: &[u8], record: &Record, key: Option<&RecordKey>) -> bool {
        self.decode(bytes).is_ok_and(|found| {
            found.record.payload == record.payload
                && told(&found.record.meta) == told(&record.meta)
                && found.key.as_ref() == key
        })
    }

    fn write(
        self,
        record: &Record,
        nonce: &str,
        key: Option<&RecordKey>,
        body: Body<'_, &str>,
    ) -> Option<Vec<u8>> {
        let node = |text| serde_json::from_str::<Node>(text).ok();
        match self {
            Self::Json => {
                let lines = body.map(|text| Some(spread(text)))?;
                let body = lines.borrow().map(|text| serde_json::from_str::<&RawValue>(text).ok())?;
                let mut bytes =
                    serde_json::to_vec_pretty(&Document::new(nonce, key, &record.meta, body)).ok()?;
                bytes.push(b'\n');
                Some(bytes)
            }
            Self::Yaml => {
                let document = Document::new(nonce, key, &record.meta, body.map(node)?);
                serde_saphyr::to_string(&document).ok().map(String::into_bytes)
            }
            Self::MsgPack => {
                rmp_serde::to_vec_named(&Document::new(nonce, key, &record.meta, body.map(node)?)).ok()
            }
        }
    }

    /// What the bytes of a file say.
    pub(crate) fn decode(self, bytes: &[u8]) -> Result<Decoded, Fault> {
        match self {
            Self::Json => {
                let document = serde_json::from_slice::<Document<'_, &RawValue>>(bytes)?;
                decoded(document, |data| Ok(data.get().as_bytes().into()))
            }
            Self::Yaml => decoded(read_yaml(bytes)?, text_of_node),
            Self::MsgPack => decoded(read_msgpack(bytes)?, text_of_node),
        }
    }

    /// Whose record a file is. `None` also when it does not say so readably.
    pub(crate) fn principal(self, bytes: &[u8]) -> Option<Principal> {
        let has = |word: &str| memchr::memmem::find(bytes, word.as_bytes()).is_some();
        // Most files of visitors need not be read for it.
        if !has("principal") && !has("envelope") {
            return None;
        }
        self.decode(bytes).ok()?.record.meta.principal().cloned()
    }
}

/// Facts that are told the same are the same; `Meta` itself also remembers what was taken back.
fn told(meta: &Meta) -> Vec<u8> {
    let mut told = Vec::with_capacity(64);
    meta.encode(&mut told);
    told
}

/// The text in a payload of the JSON codec: text, directory, and at the end the length of the text.
fn text_of(record: &Record) -> Option<&str> {
    let (rest, length) = record.payload.split_last_chunk::<4>()?;
    let text = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let is_object = text.first() == Some(&b'{') && text.last() == Some(&b'}');
    (is_object && record.meta.codec() == CodecTag::JSON).then(|| std::str::from_utf8(text).ok()).flatten()
}

fn text_of_node<'a>(node: Node) -> Result<Cow<'a, [u8]>, Fault> {
    serde_json::to_vec(&node).map(Cow::Owned).map_err(Fault::from)
}

fn decoded<'a, D>(
    document: Document<'a, D>,
    text: impl FnOnce(D) -> Result<Cow<'a, [u8]>, Fault>,
) -> Result<Decoded, Fault> {
    if !document.is_known() {
        return Err(Fault::new("of another release: the number behind `dancecard` is not known"));
    }
    let key = document.key().map_err(|()| Fault::new("the key is not readable"))?;
    let meta = document.meta();
    let body = document.into_body();
    let body = body.ok_or_else(|| Fault::new("of `data`, `payload` and `envelope` one must be there"))?;
    if let Body::Envelope(bytes) = body {
        let record = Record::from_envelope(&bytes).map_err(|_| Fault::new("the envelope is not readable"))?;
        return Ok(Decoded { record, key });
    }
    let meta = meta.ok_or_else(|| Fault::new("a fact is missing, or contradicts another"))?;
    let payload = match body {
        Body::Data(_) if meta.codec() != CodecTag::JSON => return Err(Fault::new("`data` of another codec")),
        Body::Data(data) => payload_of(text(data)?)?,
        Body::Payload(bytes) | Body::Envelope(bytes) => bytes.into_owned(),
    };
    Ok(Decoded { record: Record::new(meta, payload), key })
}

/// The payload that the JSON codec makes of a text.
fn payload_of(text: Cow<'_, [u8]>) -> Result<Vec<u8>, Fault> {
    match JsonCodec.open(&text) {
        Ok(Some(payload)) => Ok(payload),
        Ok(None) => Ok(text.into_owned()),
        Err(_) => Err(Fault::new("`data` has no keys")),
    }
}

/// Files are small, written by this engine or by a person: nothing in them needs what makes YAML dangerous.
fn read_yaml<'a>(bytes: &[u8]) -> Result<Document<'a, Node>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::new("not UTF-8"))?;
    let limit = bytes.len().max(1024);
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: limit,
            max_nodes: limit,
            max_total_scalar_bytes: limit,
            max_aliases: 64,
            max_anchors: 64,
            max_recorded_anchor_events: 4096,
            max_recorded_anchor_bytes: 1 << 20,
            max_merge_keys: 0,
            max_depth: DEPTH,
            max_documents: 1,
        },
        with_snippet: false,
        strict_booleans: true,
    };
    Ok(serde_saphyr::from_str_with_options(text, options)?)
}

fn read_msgpack<'a>(mut bytes: &[u8]) -> Result<Document<'a, Node>, Fault> {
    let mut input = rmp_serde::Deserializer::new(&mut bytes);
    input.set_max_depth(DEPTH);
    let document = Document::deserialize(&mut input)?;
    match bytes.is_empty() {
        true => Ok(document),
        false => Err(Fault::new("there is more behind its end")),
    }
}

#[cfg(test)]
mod tests;
