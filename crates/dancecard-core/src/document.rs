//! A session's data as it is held: the text of a JSON object, followed by a directory of its top-level keys.
//!
//! ```text
//! {"cart":[1,2],"user":"ada"}   the object, compact, members in the order of the directory
//! n x (hash u32, offset u32)    hash of each key, and where its opening quote is; little endian
//! n u32, length of the text u32
//! ```
//!
//! With it one value is found without looking at the rest, and a change copies the other members byte for byte. A
//! text without a directory is not mistaken for one: its last byte is `}`, which would be a length of two gigabytes.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::error::{Error, ErrorKind, Result};

mod writer;

pub use writer::DocumentWriter;

/// The empty session.
pub(crate) const EMPTY: &[u8] = b"{}\0\0\0\0\x02\0\0\0";

/// FNV-1a, 32 bits. Equal hashes are told apart by the key itself.
pub(crate) fn hash(key: &[u8]) -> u32 {
    key.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// A view of a document whose directory is where it should be.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a> {
    text: &'a [u8],
    directory: &'a [[u8; 8]],
}

/// One member: the hash of its key, and its text, `"key":value`.
#[derive(Clone, Copy)]
pub(crate) struct Member<'a> {
    pub(crate) hash: u32,
    pub(crate) text: &'a [u8],
    key_end: usize,
}

impl<'a> Document<'a> {
    /// `None` when there is no directory: the payload is not ours, or not a document at all.
    pub(crate) fn of(payload: &'a [u8]) -> Option<Self> {
        let (rest, tail) = payload.split_last_chunk::<8>()?;
        let (count, length) = (number(tail, 0), number(tail, 4));
        let (text, directory) = rest.split_at_checked(length)?;
        let (directory, loose) = directory.as_chunks::<8>();
        let framed = text.first() == Some(&b'{') && text.last() == Some(&b'}');
        (framed && loose.is_empty() && directory.len() == count).then_some(Self { text, directory })
    }

    /// Like [`Document::of`], for a payload that is known to be one.
    pub(crate) fn expect(payload: &'a [u8]) -> Result<Self> {
        Self::of(payload).ok_or_else(corrupt)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.directory.is_empty()
    }

    pub(crate) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The value of a key, as JSON text.
    pub(crate) fn find(&self, key: &str) -> Result<Option<&'a [u8]>> {
        self.find_hashed(hash(key.as_bytes()), |member| member.is_named(key))
            .map(|found| found.map(|m| m.value()))
    }

    /// The member with the same key as another member or a change.
    pub(crate) fn find_same(&self, hash: u32, quoted: &[u8]) -> Result<Option<Member<'a>>> {
        self.find_hashed(hash, |member| same_name(member.quoted_key(), quoted))
    }

    fn find_hashed(&self, hash: u32, is_it: impl Fn(&Member<'a>) -> bool) -> Result<Option<Member<'a>>> {
        let wanted = hash.to_le_bytes();
        for (index, entry) in self.directory.iter().enumerate() {
            if entry[..4] == wanted {
                let member = self.member(index).ok_or_else(corrupt)?;
                if is_it(&member) {
                    return Ok(Some(member));
                }
            }
        }
        Ok(None)
    }

    /// All members in order.
    pub(crate) fn members(&self) -> impl Iterator<Item = Result<Member<'a>>> {
        let document = *self;
        (0..self.directory.len()).map(move |index| document.member(index).ok_or_else(corrupt))
    }

    fn member(&self, index: usize) -> Option<Member<'a>> {
        let entry = self.directory.get(index)?;
        // Behind a member comes a comma and the next one, or the closing brace.
        let end =
            self.directory.get(index + 1).map_or(self.text.len(), |next| number(next, 4)).checked_sub(1)?;
        let text = self.text.get(number(entry, 4)..end)?;
        if !matches!(self.text.get(end)?, b',' | b'}') {
            return None;
        }
        Member::of(u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]), text)
    }
}

impl<'a> Member<'a> {
    fn of(hash: u32, text: &'a [u8]) -> Option<Self> {
        let key_end = quoted_length(text)?;
        (text.get(key_end) == Some(&b':') && text.len() > key_end + 1).then_some(Self { hash, text, key_end })
    }

    /// The key with its quotes, escaped.
    pub(crate) fn quoted_key(&self) -> &'a [u8] {
        self.text.get(..self.key_end).unwrap_or_default()
    }

    /// The value, as JSON text.
    pub(crate) fn value(&self) -> &'a [u8] {
        self.text.get(self.key_end + 1..).unwrap_or_default()
    }

    /// The key.
    pub(crate) fn key(&self) -> Result<Cow<'a, str>> {
        unquote(self.quoted_key()).ok_or_else(corrupt)
    }

    fn is_named(&self, key: &str) -> bool {
        is_named(self.quoted_key(), key)
    }
}

/// Length of the JSON string at the beginning of `text`, quotes included.
fn quoted_length(text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'"') {
        return None;
    }
    let mut escaped = false;
    for (index, byte) in text.iter().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return Some(index + 1),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

/// Whether a quoted JSON string spells `key`.
pub(crate) fn is_named(quoted: &[u8], key: &str) -> bool {
    match quoted {
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => inner == key.as_bytes(),
        _ => unquote(quoted).is_some_and(|name| name == key),
    }
}

pub(crate) fn same_name(a: &[u8], b: &[u8]) -> bool {
    a == b || (a.contains(&b'\\') || b.contains(&b'\\')) && unquote(a).is_some_and(|name| is_named(b, &name))
}

pub(crate) fn unquote(quoted: &[u8]) -> Option<Cow<'_, str>> {
    match quoted {
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => {
            std::str::from_utf8(inner).ok().map(Cow::Borrowed)
        }
        _ => serde_json::from_slice(quoted).ok().map(Cow::Owned),
    }
}

fn number(bytes: &[u8; 8], at: usize) -> usize {
    let word = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    u32::from_le_bytes(word) as usize
}

pub(crate) fn corrupt() -> Error {
    Error::new(ErrorKind::Corrupt, "decode")
}

/// The error of a value that JSON has no form for, a map whose keys are not text for example.
pub(crate) fn unrepresentable(operation: &'static str, error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::Value, operation).with_source(Redacted::of(error))
}

/// Puts members together to a document, in one allocation of exactly the right size.
#[derive(Default)]
pub(crate) struct Builder<'a> {
    members: SmallVec<[(u32, &'a [u8]); 16]>,
    bytes: usize,
}

impl<'a> Builder<'a> {
    pub(crate) fn push(&mut self, hash: u32, member: &'a [u8]) {
        self.bytes += member.len();
        self.members.push((hash, member));
    }

    /// # Errors
    /// [`ErrorKind::TooLarge`] above four gigabytes, where offsets would no longer fit.
    pub(crate) fn build(&self) -> Result<Vec<u8>> {
        let count = self.members.len();
        let length = 2 + self.bytes + count.saturating_sub(1);
        let text_length =
            u32::try_from(length).map_err(|_| Error::new(ErrorKind::TooLarge, "encode"))?.to_le_bytes();
        let mut out = Vec::with_capacity(length + 8 * count + 8);
        out.push(b'{');
        for (index, (_, member)) in self.members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(member);
        }
        out.push(b'}');
        let mut offset: u32 = 1;
        for (hash, member) in &self.members {
            out.extend_from_slice(&hash.to_le_bytes());
            out.extend_from_slice(&offset.to_le_bytes());
            offset += member.len() as u32 + 1;
        }
        out.extend_from_slice(&(count as u32).to_le_bytes());
        out.extend_from_slice(&text_length);
        Ok(out)
    }
}

/// Reads the text of any JSON object, and gives it a directory. Of a key that stands twice, the last counts.
pub(crate) fn adopt(text: &[u8]) -> Result<Vec<u8>> {
    let mut input = serde_json::Deserializer::from_slice(text);
    let Members(found) =
        Members::deserialize(&mut input).map_err(|e| corrupt().with_source(Redacted::of(&e)))?;
    input.end().map_err(|e| corrupt().with_source(Redacted::of(&e)))?;
    let texts: Vec<(u32, Vec<u8>)> = found.iter().map(|(key, value)| member_text(key, value)).collect();
    let mut later = HashSet::with_capacity(found.len());
    let mut counts: Vec<bool> = found.iter().rev().map(|(key, _)| later.insert(key)).collect();
    counts.reverse();
    let mut builder = Builder::default();
    for ((hash, member), _) in texts.iter().zip(counts).filter(|(_, counts)| *counts) {
        builder.push(*hash, member);
    }
    builder.build()
}

fn member_text(key: &str, value: &RawValue) -> (u32, Vec<u8>) {
    let mut text = quote(key);
    text.push(b':');
    text.extend_from_slice(value.get().as_bytes());
    (hash(key.as_bytes()), text)
}

/// A key as a JSON string.
pub(crate) fn quote(key: &str) -> Vec<u8> {
    let mut text = Vec::with_capacity(key.len() + 2);
    quote_into(&mut text, key);
    text
}

/// Writes a key as a JSON string.
pub(crate) fn quote_into(out: &mut Vec<u8>, key: &str) {
    if key.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(key.as_bytes());
        out.push(b'"');
    } else {
        // Writing a string into memory has no way to fail.
        serde_json::to_writer(out, key).unwrap_or_default();
    }
}

/// What a parser said, without the text that it quotes.
#[derive(Debug)]
pub(crate) struct Redacted(String);

impl Redacted {
    pub(crate) fn of(error: &serde_json::Error) -> Self {
        Self(format!("{:?} at line {} column {}", error.classify(), error.line(), error.column()))
    }
}

impl std::fmt::Display for Redacted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Redacted {}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(document: &[u8]) -> Vec<(String, String)> {
        let document = Document::expect(document).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        document
            .members()
            .map(|m| m.unwrap())
            .map(|m| (m.key().unwrap().into_owned(), text(m.value())))
            .collect()
    }

    #[test]
    fn the_empty_document_is_what_the_builder_makes() {
        assert_eq!(Builder::default().build().unwrap(), EMPTY);
        assert!(Document::expect(EMPTY).unwrap().is_empty());
    }

    #[test]
    fn text_alone_is_not_taken_for_a_document() {
        assert!(Document::of(br#"{"a":1}"#).is_none());
        assert!(Document::of(b"").is_none());
        assert!(Document::of(b"{}").is_none());
    }

    #[test]
    fn foreign_text_is_adopted() {
        let document = adopt(b" { \"a\" : [1, 2] ,\n \"b\\u0041\" : \"x\", \"a\": null } ").unwrap();
        assert_eq!(values(&document), [("bA".into(), "\"x\"".into()), ("a".into(), "null".into())]);
    }

    #[test]
    fn what_is_not_an_object_is_corrupt() {
        for text in ["", "[]", "1", "{\"a\":1", "{\"a\":}", "{} {}", "{\"a\":1}}", "\u{0}"] {
            assert_eq!(adopt(text.as_bytes()).unwrap_err().kind(), ErrorKind::Corrupt, "{text:?}");
        }
    }

    #[test]
    fn deep_nesting_is_passed_over_without_recursion_and_refused_when_read() {
        let text = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let document = adopt(text.as_bytes()).ok().unwrap();
        let value = Document::expect(&document).unwrap().find("a").unwrap().unwrap();
        assert!(serde_json::from_slice::<serde_json::Value>(value).is_err());
    }

    proptest! {
        #[test]
        fn every_key_is_found(keys in proptest::collection::btree_set(any::<String>(), 0..40)) {
            let text = serde_json::to_vec(&keys.iter().map(|k| (k, k.len())).collect::<std::collections::BTreeMap<_, _>>());
            let document = adopt(&text.unwrap()).unwrap();
            let view = Document::expect(&document).unwrap();
            for key in &keys {
                let value = view.find(key).unwrap().unwrap();
                let expected = key.len().to_string();
                prop_assert_eq!(value, expected.as_bytes());
            }
            prop_assert_eq!(view.find("no key of that name").unwrap(), None);
        }

        #[test]
        fn damage_never_panics(at in 0usize..200, value: u8, key in "[a-c]") {
            let mut document = adopt(br#"{"a":1,"b":{"c":[true,null]},"c":"text"}"#).unwrap();
            let at = at % document.len();
            document[at] = value;
            if let Some(view) = Document::of(&document) {
                let _ = view.find(&key);
                view.members().for_each(|member| drop(member.and_then(|m| m.key().map(drop))));
            }
        }

        #[test]
        fn any_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Document::of(&bytes).map(|view| view.find("a").map(drop));
            let _ = adopt(&bytes);
        }
    }
}
