//! Documents from values that were kept in another form.

use std::collections::HashSet;
use std::fmt;

use super::{Builder, Member, corrupt, hash, quote_into};
use crate::error::{Error, ErrorKind, Result};

/// Puts the opened form of a payload together, for a [`Codec`](crate::Codec) whose stored form is another.
///
/// ```
/// use dancecard_core::{Codec, DocumentWriter, JsonCodec};
///
/// let mut document = DocumentWriter::with_capacity(64);
/// document.member("cart").extend_from_slice(b"[1,2]");
/// let opened = document.finish()?;
/// assert_eq!(JsonCodec.find(&opened, "cart")?.as_deref(), Some(&b"[1,2]"[..]));
/// # Ok::<(), dancecard_core::Error>(())
/// ```
pub struct DocumentWriter {
    text: Vec<u8>,
    /// Hash of the key, and where the member begins; checked to fit at the end.
    directory: Vec<(u32, u32)>,
}

impl DocumentWriter {
    /// An empty document, with room for a text of so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut text = Vec::with_capacity(bytes.saturating_add(2));
        text.push(b'{');
        Self { text, directory: Vec::new() }
    }

    /// Begins a member. Append its value, as JSON text, to what is returned, before the next one begins.
    pub fn member(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.directory.is_empty() {
            self.text.push(b',');
        }
        self.directory.push((hash(key.as_bytes()), self.text.len() as u32));
        quote_into(&mut self.text, key);
        self.text.push(b':');
        &mut self.text
    }

    /// The document. Of a key that came twice, the last counts.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] above four gigabytes, [`ErrorKind::Corrupt`] when a value has no bytes.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.text.push(b'}');
        let length = u32::try_from(self.text.len()).map_err(|_| Error::new(ErrorKind::TooLarge, "decode"))?;
        if self.has_equal_hashes() {
            return self.without_earlier();
        }
        self.text.reserve_exact(self.directory.len() * 8 + 8);
        for (hash, at) in &self.directory {
            self.text.extend_from_slice(&hash.to_le_bytes());
            self.text.extend_from_slice(&at.to_le_bytes());
        }
        self.text.extend_from_slice(&(self.directory.len() as u32).to_le_bytes());
        self.text.extend_from_slice(&length.to_le_bytes());
        Ok(self.text)
    }

    fn has_equal_hashes(&self) -> bool {
        let mut hashes: Vec<u32> = self.directory.iter().map(|(hash, _)| *hash).collect();
        hashes.sort_unstable();
        !hashes.is_sorted_by(|a, b| a < b)
    }

    fn without_earlier(&self) -> Result<Vec<u8>> {
        let (mut end, mut later, mut kept) = (self.text.len(), HashSet::new(), Vec::new());
        for (hash, at) in self.directory.iter().rev() {
            let text = self.text.get(*at as usize..end - 1).unwrap_or_default();
            let member = Member::of(*hash, text).ok_or_else(corrupt)?;
            // One way to quote a key is used for all.
            if later.insert(member.quoted_key()) {
                kept.push(member);
            }
            end = *at as usize;
        }
        let mut builder = Builder::default();
        kept.iter().rev().for_each(|member| builder.push(member.hash, member.text));
        builder.build()
    }
}

impl fmt::Debug for DocumentWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentWriter").field("members", &self.directory.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Document, EMPTY, adopt};
    use super::*;

    fn written(members: &[(&str, &str)]) -> Vec<u8> {
        let mut document = DocumentWriter::with_capacity(0);
        members.iter().for_each(|(key, value)| document.member(key).extend_from_slice(value.as_bytes()));
        document.finish().unwrap()
    }

    #[test]
    fn it_is_what_adopting_the_text_gives() {
        assert_eq!(written(&[]), EMPTY);
        let odd = [("cart", "[1,2]"), ("", "null"), ("a\"b\n", "{}"), ("\u{e9}", "\"x\"")];
        let document = written(&odd);
        let text = r#"{"cart":[1,2],"":null,"a\"b\n":{},"é":"x"}"#;
        assert_eq!(document, adopt(text.as_bytes()).unwrap());
        for (key, value) in odd {
            let found = Document::expect(&document).unwrap().find(key).unwrap();
            assert_eq!(found, Some(value.as_bytes()), "{key:?}");
        }
    }

    #[test]
    fn of_a_key_that_comes_twice_the_last_counts() {
        assert_eq!(written(&[("a", "1"), ("b", "2"), ("a", "3")]), written(&[("b", "2"), ("a", "3")]));
    }

    /// Two words with one hash are two keys.
    #[test]
    fn equal_hashes_are_told_apart() {
        let (a, b) = ("costarring", "liquid");
        assert_eq!(hash(a.as_bytes()), hash(b.as_bytes()));
        let document = written(&[(a, "1"), (b, "2")]);
        let find = |key: &str| Document::expect(&document).unwrap().find(key).unwrap();
        assert_eq!((find(a), find(b)), (Some(&b"1"[..]), Some(&b"2"[..])));
    }
}
