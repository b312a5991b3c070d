//! What files are called: a fixed alphabet, whatever keys and principals are.

use std::fmt;

use dancecard_core::{Principal, RecordKey};
use sha2::{Digest, Sha256};

/// How many bytes of a key are spelled out. Its digits, those of a principal and an ending are one file name.
const LONGEST_SPELLED: usize = 96;
const HASHED: char = 'h';
const HASH_DIGITS: usize = 64;
const PRINCIPAL_DIGITS: usize = 32;

/// One of the 256 folders that records are spread over. All that changes them is done under its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Shard(pub(crate) u8);

impl Shard {
    /// The folder of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let shard = u8::from_str_radix(name, 16).ok().map(Self)?;
        (shard.to_string() == name).then_some(shard)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}

/// The name of a record's file, without its ending: the key in hexadecimal digits, or `h` and those of its SHA-256 when
/// it is too long (or too short) to be a name. It can be put into a path as it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    shard: Shard,
    stem: Box<str>,
}

impl Name {
    pub(crate) fn of(key: &RecordKey) -> Self {
        let spelled = (1..=LONGEST_SPELLED).contains(&key.as_bytes().len());
        let stem = if spelled { key.to_hex() } else { format!("{HASHED}{}", hash(key.as_bytes())) };
        Self { shard: shard_of(&stem), stem: stem.into() }
    }

    /// The name that is spelled so. `None` for files of somebody else.
    pub(crate) fn parse(stem: &str) -> Option<Self> {
        let is_ours = match stem.strip_prefix(HASHED) {
            Some(digits) => digits.len() == HASH_DIGITS && RecordKey::from_hex(digits).is_some(),
            None => stem.len() <= 2 * LONGEST_SPELLED && RecordKey::from_hex(stem).is_some(),
        };
        is_ours.then(|| Self { shard: shard_of(stem), stem: stem.into() })
    }

    pub(crate) fn shard(&self) -> Shard {
        self.shard
    }

    pub(crate) fn stem(&self) -> &str {
        &self.stem
    }

    /// The key, unless only its hash is in the name; the file holds it then.
    pub(crate) fn key(&self) -> Option<RecordKey> {
        RecordKey::from_hex(&self.stem)
    }
}

/// A principal as the index knows it: a folder, and how the names of its entries begin.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    digits: String,
}

impl Owner {
    pub(crate) fn of(principal: &Principal) -> Self {
        let mut digits = hash(principal.as_str().as_bytes());
        digits.truncate(PRINCIPAL_DIGITS);
        Self { digits }
    }

    /// One of 4096 folders.
    pub(crate) fn folder(&self) -> &str {
        self.digits.get(..3).unwrap_or_default()
    }

    /// The file whose being there says that the record may be this principal's.
    pub(crate) fn entry(&self, name: &Name) -> String {
        format!("{}-{}", self.digits, name.stem())
    }

    /// The record that an entry of this principal points to.
    pub(crate) fn record(&self, entry: &str) -> Option<Name> {
        Name::parse(entry.strip_prefix(self.digits.as_str())?.strip_prefix('-')?)
    }
}

fn hash(bytes: &[u8]) -> String {
    RecordKey::new(&Sha256::digest(bytes)).to_hex()
}

/// Spreads evenly whatever keys have in common: FNV-1a, folded to a byte.
fn shard_of(stem: &str) -> Shard {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let [a, b, c, d] = stem.bytes().fold(0x811c_9dc5, mix).to_le_bytes();
    Shard(a ^ b ^ c ^ d)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> impl Iterator<Item = RecordKey> {
        let bytes = |length: usize| (0..length).map(|n| (n * 37 + length) as u8).collect::<Vec<_>>();
        (0..400).map(move |length| RecordKey::new(&bytes(length)))
    }

    #[test]
    fn names_are_short_plain_and_read_back() {
        let mut seen = std::collections::HashSet::new();
        let owner = Owner::of(&Principal::new("x".repeat(10_000)));
        for key in keys() {
            let name = Name::of(&key);
            assert!(seen.insert(name.stem.clone()));
            assert!(name.stem().bytes().all(|b| b.is_ascii_hexdigit() || b == b'h'));
            assert!(owner.entry(&name).len() < 230);
            assert!(Name::parse(name.stem()) == Some(name.clone()));
            assert!(owner.record(&owner.entry(&name)) == Some(name.clone()));
            assert!(name.key().is_none_or(|spelled| spelled == key));
        }
    }

    #[test]
    fn other_files_are_nobodys() {
        let long = "00".repeat(97);
        for stem in ["", ".", "..", "a", "AB", "ab~", "ab.json", "h", "h00", "../ab", "hab", &long] {
            assert!(Name::parse(stem).is_none(), "{stem}");
        }
        let owner = Owner::of(&"ada".into());
        assert!(owner.record("").is_none());
        assert!(Owner::of(&"bob".into()).record(&owner.entry(&Name::of(&RecordKey::new(b"k")))).is_none());
        for shard in ["", "0", "AB", "+1", "100", "zz"] {
            assert!(Shard::parse(shard).is_none(), "{shard}");
        }
        assert_eq!(Shard::parse("0a"), Some(Shard(10)));
    }

    #[test]
    fn whatever_keys_have_in_common_they_are_spread() {
        for prefix in ["", "app:", "1234567890123456789012345678"] {
            let mut counts = [0; 256];
            for n in 0..25_600 {
                counts
                    [usize::from(Name::of(&RecordKey::new(format!("{prefix}{n}").as_bytes())).shard().0)] +=
                    1;
            }
            assert!(counts.iter().all(|count| (40..=180).contains(count)), "{prefix:?} {counts:?}");
        }
    }
}
