//! Two types for the identifier: the secret that the client holds, and the key under which engines store.
//!
//! An engine never sees a [`SessionId`]; it sees a [`RecordKey`], from which the id can't be computed. A stolen
//! store therefore logs nobody in.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::bytes::ShortBytes;
use crate::error::{Error, ErrorKind, Result};

const ID_LEN: usize = 32;

/// Length of a token, the id as text, in bytes.
pub const TOKEN_LEN: usize = 43;

/// The secret bearer value of a session: 256 random bits, held as the text that travels.
///
/// `Debug` is redacted; there is no `Display` and no `Serialize`. Ids are compared only through their keys, so there
/// is no comparison of secrets whose time could be measured.
///
/// Source: OWASP ASVS 5.0, 7.2.3 and 11.5.1 (128 bits or more from a CSPRNG, not a UUID).
///
/// ```
/// use dancecard_core::SessionId;
///
/// let id = SessionId::from_bytes([7; 32]);
/// let token = id.token();
/// let again = SessionId::parse(token.as_str().as_bytes()).expect("own tokens parse");
/// assert_eq!(again.key(""), id.key(""));
/// assert!(SessionId::parse(b"../../etc/passwd").is_none());
/// assert_eq!(format!("{id:?}"), "SessionId(redacted)");
/// ```
#[derive(Clone)]
pub struct SessionId(Token);

impl SessionId {
    /// An id from given bytes. Only generators need this; the bytes must be unpredictable.
    pub fn from_bytes(bytes: [u8; ID_LEN]) -> Self {
        Self(Token(base64url::encode(&bytes)))
    }

    /// Reads a token. `None` unless it is exactly 43 characters of unpadded, canonical base64url.
    pub fn parse(token: &[u8]) -> Option<Self> {
        let token = token.try_into().ok()?;
        base64url::is_canonical(&token).then_some(Self(Token(token)))
    }

    /// The id as text, for the client and nobody else.
    pub fn token(&self) -> Token {
        self.0
    }

    /// The key under which engines know this session: SHA-256 over the token and the namespace.
    ///
    /// The namespace keeps the sessions of two managers on one engine apart: a token of one is unknown to the other.
    pub fn key(&self, namespace: &str) -> RecordKey {
        let token = &self.0.0;
        if namespace.is_empty() {
            return RecordKey::new(&Sha256::digest(token));
        }
        RecordKey::new(&Sha256::new().chain_update(token).chain_update(namespace.as_bytes()).finalize())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(redacted)")
    }
}

/// A session id as 43 characters of base64url. Its `Debug` is redacted.
#[derive(Clone, Copy)]
pub struct Token([u8; TOKEN_LEN]);

impl Token {
    pub(crate) fn to_bytes(self) -> [u8; TOKEN_LEN] {
        self.0
    }

    /// The text to send to the client.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// What an engine stores a session under: opaque bytes, usually a SHA-256.
///
/// It is safe to list and to index. It is not safe to guess that it always has 32 bytes: a profile that shares
/// sessions with another framework stores under that framework's own ids. Engines treat it as bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey(ShortBytes);

impl RecordKey {
    /// A key of these bytes, as an engine reads them back when it lists.
    pub fn new(bytes: &[u8]) -> Self {
        Self(ShortBytes::new(bytes))
    }

    /// The bytes to store under.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The key as lower-case hexadecimal text, for engines whose keys are text and for forms on a page.
    pub fn to_hex(&self) -> String {
        self.as_bytes().iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit).collect()
    }

    /// Reads [`RecordKey::to_hex`] back.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits: Option<Vec<u8>> = text.bytes().map(hex_value).collect();
        let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        (rest.is_empty() && !bytes.is_empty()).then(|| Self::new(&bytes))
    }
}

fn hex_digit(nibble: u8) -> char {
    char::from(b"0123456789abcdef"[usize::from(nibble & 15)])
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Shows that there is a key, not which: in a log it would let entries be joined with a stolen store.
impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey(..)")
    }
}

/// Makes the ids of new sessions.
pub trait IdGenerator: fmt::Debug + Send + Sync + 'static {
    /// A new id.
    ///
    /// # Errors
    /// [`ErrorKind::Random`] when there is no randomness to be had. A generator must not fall back to a weaker one.
    fn generate(&self) -> Result<SessionId>;
}

/// Ids straight from the operating system's generator, 256 bits each.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl IdGenerator for SystemIds {
    fn generate(&self) -> Result<SessionId> {
        let mut bytes = [0; ID_LEN];
        getrandom::fill(&mut bytes).map_err(|e| Error::new(ErrorKind::Random, "new id").with_source(e))?;
        Ok(SessionId::from_bytes(bytes))
    }
}

/// Base64url of exactly 32 bytes. Ids are hashed as text, so nothing needs to be decoded.
mod base64url {
    use super::{ID_LEN, TOKEN_LEN};

    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    pub(super) fn encode(bytes: &[u8; ID_LEN]) -> [u8; TOKEN_LEN] {
        let mut out = [0; TOKEN_LEN];
        for (group, text) in bytes.chunks(3).zip(out.chunks_mut(4)) {
            let mut word = [0; 4];
            word[1..=group.len()].copy_from_slice(group);
            let bits = u32::from_be_bytes(word);
            for (i, letter) in text.iter_mut().enumerate() {
                *letter = ALPHABET[(bits >> (18 - 6 * i)) as usize & 63];
            }
        }
        out
    }

    /// No letter outside the alphabet, and no set bit past the last byte: one id has one spelling.
    pub(super) fn is_canonical(text: &[u8; TOKEN_LEN]) -> bool {
        // Padded, and without a branch, so that sixteen letters are looked at in one step.
        let mut letters = [b'A'; 48];
        letters[..TOKEN_LEN].copy_from_slice(text);
        let known = letters.iter().fold(true, |known, letter| known & is_letter(*letter));
        known && value(text[TOKEN_LEN - 1]) & 0b11 == 0
    }

    const fn is_letter(byte: u8) -> bool {
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        letter | (byte.wrapping_sub(b'0') < 10) | (byte == b'-') | (byte == b'_')
    }

    const fn value(letter: u8) -> u8 {
        match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            _ => 63,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The plain definition: six bits a letter.
    fn decoded(text: &str) -> Vec<u8> {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits: String = text.chars().map(|c| format!("{:06b}", alphabet.find(c).unwrap())).collect();
        bits.as_bytes()
            .chunks_exact(8)
            .map(|b| u8::from_str_radix(std::str::from_utf8(b).unwrap(), 2).unwrap())
            .collect()
    }

    proptest! {
        #[test]
        fn every_id_has_exactly_one_token(bytes: [u8; 32]) {
            let id = SessionId::from_bytes(bytes);
            let token = id.token();
            prop_assert_eq!(token.as_str().len(), TOKEN_LEN);
            prop_assert!(SessionId::parse(token.as_str().as_bytes()).is_some());
            prop_assert_eq!(decoded(token.as_str()), bytes);
        }

        #[test]
        fn what_parses_is_canonical(text in "[A-Za-z0-9_-]{43}") {
            let bytes: [u8; 32] = decoded(&text).try_into().unwrap();
            let spelled = SessionId::from_bytes(bytes).token();
            prop_assert_eq!(SessionId::parse(text.as_bytes()).is_some(), spelled.as_str() == text);
        }

        #[test]
        fn other_shapes_never_parse(bytes: Vec<u8>) {
            prop_assume!(bytes.len() != TOKEN_LEN);
            prop_assert!(SessionId::parse(&bytes).is_none());
        }

        #[test]
        fn keys_survive_hex(bytes in proptest::collection::vec(any::<u8>(), 1..90)) {
            let key = RecordKey::new(&bytes);
            prop_assert_eq!(RecordKey::from_hex(&key.to_hex()), Some(key));
        }
    }

    #[test]
    fn foreign_letters_are_refused() {
        for bad in ["=", "+", "/", " ", "\0", ".", "é"] {
            let text: String = "A".repeat(TOKEN_LEN - bad.len()) + bad;
            assert!(SessionId::parse(text.as_bytes()).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn hex_is_strict() {
        for bad in ["", "0", "0G", "AB", "abc"] {
            assert_eq!(RecordKey::from_hex(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn namespaces_separate() {
        let id = SessionId::from_bytes([1; 32]);
        assert_ne!(id.key("shop"), id.key("admin"));
    }

    #[test]
    fn a_million_system_ids_differ() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1_000_000 {
            assert!(seen.insert(SystemIds.generate().unwrap().token().0));
        }
    }
}
