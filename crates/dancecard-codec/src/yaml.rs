//! YAML.

use std::borrow::Cow;

use dancecard_core::{Changes, Codec, CodecTag, DocumentWriter, Error, ErrorKind, JsonCodec, Result};

use crate::corrupt;
use crate::json;
use crate::node::{DEPTH, Node};

mod node;

/// A YAML mapping of the session's keys: the form that is easiest to read and edit.
///
/// Every value of JSON comes back as it was. Words that a reader of YAML 1.1 or 1.2 would take for something else are
/// quoted. What YAML can't say exactly (numbers beyond 64 bits, what lies deeper than 48 lists or maps) stands as JSON text
/// under the single key `$json`. A change writes the whole text anew, so comments are lost with it.
///
/// Anchors, aliases, merge keys and several documents are not read: nothing in a session needs them, and they are how a
/// small text becomes a large one.
///
/// ```
/// use dancecard_codec::YamlCodec;
/// use dancecard_core::{MemoryStore, SessionManager};
///
/// let manager = SessionManager::new(MemoryStore::new()).with_codec(YamlCodec);
/// ```
///
/// # Cost
/// Opening a payload parses all of it, once for each request that reads, and a write parses what it wrote to see that it
/// says the same: time in proportion to the bytes, many times what the other forms take. However it was made, a byte of it
/// takes at most 64 bytes of memory on the way.
#[derive(Debug, Clone, Copy, Default)]
pub struct YamlCodec;

impl Codec for YamlCodec {
    fn tag(&self) -> CodecTag {
        CodecTag::YAML
    }

    fn open(&self, stored: &[u8]) -> Result<Option<Vec<u8>>> {
        document(read(stored)?, stored.len()).map(Some)
    }

    fn encode(&self, stored: Option<&[u8]>, changes: Changes<'_>) -> Result<Option<Vec<u8>>> {
        let base = stored.map(|stored| document(read(stored)?, stored.len())).transpose()?;
        let Some(opened) = JsonCodec.encode(base.as_deref(), changes)? else { return Ok(None) };
        written(JsonCodec.text(&opened)?).map(Some)
    }

    fn members<'a>(&self, opened: &'a [u8]) -> Result<Vec<(String, Cow<'a, [u8]>)>> {
        JsonCodec.members(opened)
    }
}

/// The YAML that says what a JSON object says, in the most readable form that says it exactly.
fn written(text: &[u8]) -> Result<Vec<u8>> {
    // What a handler set is JSON. What is not was stored by another codec, and damaged there.
    let damaged = || corrupt("a stored value is not JSON");
    let text = std::str::from_utf8(text).map_err(|_| damaged())?;
    let node = json::parse(text).ok_or_else(damaged)?;
    let exact = |node: &Node<'_>| {
        let yaml = serde_saphyr::to_string(node).ok()?;
        says(&yaml, text).then(|| yaml.into_bytes())
    };
    exact(&node).or_else(|| exact(&Node::Json(text.into()))).ok_or_else(unwritable)
}

fn says(yaml: &str, text: &str) -> bool {
    let (read, meant) = (read(yaml.as_bytes()).ok(), json::parse(text));
    read.zip(meant).is_some_and(|(read, meant)| json_of(&read) == json_of(&meant))
}

fn json_of(node: &Node<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    match node {
        // The whole session as JSON text: what that says counts, not how it is spaced.
        Node::Json(whole) => json::parse(whole).iter().for_each(|node| json::write(node, &mut text)),
        node => json::write(node, &mut text),
    }
    text
}

fn unwritable() -> Error {
    Error::new(ErrorKind::Value, "encode").with_detail("not to be said in YAML")
}

fn document(node: Node<'_>, stored: usize) -> Result<Vec<u8>> {
    match node {
        Node::Map(members) => {
            let mut document = DocumentWriter::with_capacity(stored);
            members.iter().for_each(|(key, value)| json::write(value, document.member(key)));
            document.finish()
        }
        Node::Json(text) => Ok(JsonCodec.open(text.as_bytes())?.unwrap_or_else(|| text.into_owned().into())),
        _ => Err(corrupt("YAML, and not a mapping of keys")),
    }
}

/// A text of so many bytes has no more parts than bytes.
fn read(stored: &[u8]) -> Result<Node<'static>> {
    let text = std::str::from_utf8(stored).map_err(|_| corrupt("not UTF-8"))?;
    let limit = stored.len().saturating_add(64);
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: limit,
            max_nodes: limit,
            max_total_scalar_bytes: limit,
            max_aliases: 0,
            max_anchors: 0,
            max_merge_keys: 0,
            max_depth: DEPTH + 8,
            max_documents: 1,
        },
        with_snippet: false,
        strict_booleans: true,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map(|at| format!(", line {} column {}", at.line(), at.column()));
        let what = "not YAML of what JSON can say";
        corrupt(what).with_detail(format!("{what}{}", place.unwrap_or_default()))
    })
}
