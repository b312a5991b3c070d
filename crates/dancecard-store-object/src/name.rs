//! What objects are called: a fixed alphabet, whatever keys and principals are.

use dancecard_core::{Principal, RecordKey};
use sha2::{Digest, Sha256};

/// How many bytes of a key are spelled out: not every service takes names of more than 255 bytes.
const LONGEST_SPELLED: usize = 96;
const HASHED: char = 'h';
const HASH_DIGITS: usize = 64;

/// The name of a record, without the place where it lies: the key in hexadecimal digits, or `h` and those of its
/// SHA-256 when it is too long (or too short) to be a name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(Box<str>);

impl Name {
    pub(crate) fn of(key: &RecordKey) -> Self {
        match key.as_bytes().len() {
            1..=LONGEST_SPELLED => Self(key.to_hex().into()),
            _ => Self(format!("{HASHED}{}", hash(key.as_bytes()).to_hex()).into()),
        }
    }

    /// The name that is spelled so. `None` for objects of somebody else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_ours = match text.strip_prefix(HASHED) {
            Some(digits) => digits.len() == HASH_DIGITS && RecordKey::from_hex(digits).is_some(),
            None => text.len() <= 2 * LONGEST_SPELLED && RecordKey::from_hex(text).is_some(),
        };
        is_ours.then(|| Self(text.into()))
    }

    /// The key, unless only its hash is in the name; the object holds it then.
    pub(crate) fn key(&self) -> Option<RecordKey> {
        RecordKey::from_hex(&self.0)
    }

    /// A number that spreads names.
    pub(crate) fn lane(&self) -> usize {
        self.0.bytes().fold(7, |lane: usize, byte| lane.wrapping_mul(31).wrapping_add(byte.into()))
    }
}

/// A principal as the index knows it: the first half of its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner([u8; 16]);

impl Owner {
    pub(crate) fn of(principal: &Principal) -> Self {
        let hash = hash(principal.as_str().as_bytes());
        Self(hash.as_bytes().first_chunk().copied().unwrap_or_default())
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

fn hash(bytes: &[u8]) -> RecordKey {
    RecordKey::new(&Sha256::digest(bytes))
}

/// Where objects lie.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// Empty, or with a slash at its end.
    prefix: String,
}

impl Paths {
    pub(crate) fn new(prefix: &str) -> Self {
        let end = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
        Self { prefix: format!("{prefix}{end}") }
    }

    /// What says whose objects these are.
    pub(crate) fn mark(&self) -> String {
        format!("{}dancecard.json", self.prefix)
    }

    /// The place of all records.
    pub(crate) fn records(&self) -> String {
        format!("{}sessions/", self.prefix)
    }

    pub(crate) fn record(&self, name: &Name) -> String {
        format!("{}sessions/{}", self.prefix, name.0)
    }

    /// The place of a principal's entries.
    pub(crate) fn entries(&self, owner: Owner) -> String {
        format!("{}principals/{}/", self.prefix, RecordKey::new(&owner.0).to_hex())
    }

    /// What says that a record may be this principal's.
    pub(crate) fn entry(&self, owner: Owner, name: &Name) -> String {
        format!("{}{}", self.entries(owner), name.0)
    }
}

/// The record that an object in one of these places is, or points to.
pub(crate) fn named(path: &str) -> Option<Name> {
    Name::parse(path.rsplit('/').next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_and_read_back() {
        let paths = Paths::new("app");
        let owner = Owner::of(&"ada".into());
        let mut seen = std::collections::HashSet::new();
        for length in 0..400 {
            let key = RecordKey::new(&vec![length as u8; length]);
            let name = Name::of(&key);
            assert!(seen.insert(name.0.clone()) && name.0.len() < 200);
            assert!(name.0.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'h'));
            assert!(named(&paths.record(&name)) == Some(name.clone()));
            assert!(named(&paths.entry(owner, &name)) == Some(name.clone()));
            assert!(name.key().is_none_or(|spelled| spelled == key));
        }
    }

    #[test]
    fn other_objects_are_nobodys() {
        for path in ["", "/", "sessions/", "sessions/a", "sessions/AB", "sessions/ab.json", "h00", "../ab/.."]
        {
            assert!(named(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_prefix_is_a_place() {
        for (prefix, mark) in
            [("", "dancecard.json"), ("a", "a/dancecard.json"), ("a/b/", "a/b/dancecard.json")]
        {
            assert_eq!(Paths::new(prefix).mark(), mark);
        }
    }
}
