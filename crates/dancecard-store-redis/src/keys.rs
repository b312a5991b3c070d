//! What things are called on the server.

use dancecard_core::RecordKey;

use crate::form::Tag;

/// The prefix of everything that an engine stores. A record is called prefix, `s`, key; an index prefix, `p`, tag.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: Box<[u8]>,
}

impl Names {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.as_bytes().into() }
    }

    /// How long the prefix is.
    pub(crate) fn length(&self) -> i64 {
        self.prefix.len() as i64
    }

    /// What the record under a key is called. The key goes in as it is: in text it would be twice as long.
    pub(crate) fn record(&self, key: &RecordKey) -> Vec<u8> {
        self.join(b's', key.as_bytes())
    }

    /// What the index of a principal is called.
    pub(crate) fn index(&self, tag: &Tag) -> Vec<u8> {
        self.join(b'p', tag.as_bytes())
    }

    fn join(&self, letter: u8, rest: &[u8]) -> Vec<u8> {
        let mut name = Vec::with_capacity(self.prefix.len() + 1 + rest.len());
        name.extend_from_slice(&self.prefix);
        name.push(letter);
        name.extend_from_slice(rest);
        name
    }

    /// The key of the record that is called so. `None` for anything else.
    pub(crate) fn key(&self, name: &[u8]) -> Option<RecordKey> {
        name.strip_prefix(&*self.prefix)?.strip_prefix(b"s").map(RecordKey::new)
    }

    /// A pattern that fits every record's name.
    pub(crate) fn pattern(&self) -> Vec<u8> {
        let mut pattern = Vec::with_capacity(self.prefix.len() + 2);
        for byte in &self.prefix {
            if b"*?[]^-\\".contains(byte) {
                pattern.push(b'\\');
            }
            pattern.push(*byte);
        }
        pattern.extend(b"s*");
        pattern
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_keys() {
        let names = Names::new("shop:");
        let key = RecordKey::new(&[0, 255, b's']);
        assert_eq!(names.record(&key), b"shop:s\x00\xffs");
        assert_eq!(names.key(&names.record(&key)), Some(key));
        assert_eq!(names.key(&names.index(&Tag::of(&"ada".into()))), None);
        assert_eq!(names.key(b"shop"), None);
    }

    #[test]
    fn patterns_take_the_prefix_literally() {
        assert_eq!(Names::new("a*[b]?\\").pattern(), br"a\*\[b\]\?\\s*");
    }
}
