//! The application's keys.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use dancecard_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use crate::sealer::Sealer;

const SHORTEST: usize = 32;
/// Thirty-two random bytes hold fewer different ones than this about never; "aaaa…" does.
const FEWEST_DIFFERENT: usize = 16;
/// The one that documents show, which everybody knows.
const EXAMPLE: [u8; SHORTEST] = [
    0xab, 0xcd, 0xef, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf1, 0x23, 0x45, 0x67, 0x89, 0xab, 0x12,
    0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xff, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf1,
];

/// A secret of 32 bytes or more. Its `Debug` is redacted, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Key(Zeroizing<Vec<u8>>);

impl Key {
    /// A key of these bytes, which must be random: `openssl rand -base64 32` makes some.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for fewer than 32 bytes, and for bytes that can't be random.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        if bytes.len() < SHORTEST {
            return Err(refuse("a key needs at least 32 random bytes: `openssl rand -base64 32` makes one"));
        }
        if bytes == EXAMPLE {
            return Err(refuse(
                "this key is an example that is published: `openssl rand -base64 32` makes one that is yours",
            ));
        }
        if is_guessable(bytes) {
            return Err(refuse("this key is not random: `openssl rand -base64 32` makes one that is"));
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// A key as text: base64, of either alphabet, or hexadecimal, of 32 random bytes or more.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for other text, and as [`Key::new`].
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let bytes = hexadecimal(text).or_else(|| base64(text)).map(Zeroizing::new);
        Self::new(&bytes.ok_or_else(|| refuse("a key is written in base64 or in hexadecimal"))?)
    }

    /// A new key, from the system's generator.
    ///
    /// # Errors
    /// [`ErrorKind::Random`].
    pub fn random() -> Result<Self> {
        let mut bytes = Zeroizing::new(vec![0; SHORTEST]);
        getrandom::fill(&mut bytes)
            .map_err(|cause| Error::new(ErrorKind::Random, "make key").with_source(cause))?;
        Ok(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Whether these are what people make up: few different bytes, text, one row of bytes twice, or counted up or down. Of random
/// bytes that is true about never.
fn is_guessable(bytes: &[u8]) -> bool {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    let different = seen.iter().filter(|seen| **seen).count();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let counts_by = |step: u8| bytes.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(step));
    different < FEWEST_DIFFERENT
        || bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
        || first == second
        || counts_by(1)
        || counts_by(u8::MAX)
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let byte = |[high, low]: &[u8; 2]| Some(value(*high)? << 4 | value(*low)?);
    pairs.iter().map(byte).collect::<Option<_>>().filter(|_| rest.is_empty())
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    STANDARD_NO_PAD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()
}

fn refuse(remedy: &'static str) -> Error {
    Error::new(ErrorKind::Config, "read key").with_detail(remedy)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}

/// The application's keys: the first seals, all open.
///
/// To change keys, put the new one first on every server, wait until the sessions of the old one have ended or were sealed
/// anew, and take the old one out. Where servers are updated one by one, add the new key as the last one first, so that all
/// can open what the first will seal.
#[derive(Debug, Clone)]
pub struct KeyRing(Vec<Key>);

impl KeyRing {
    /// A ring of these keys.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] without any key.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self> {
        let keys: Vec<Key> = keys.into_iter().collect();
        if keys.is_empty() {
            return Err(refuse("a key ring needs a key: `openssl rand -base64 32` makes one"));
        }
        Ok(Self(keys))
    }

    /// The ring for one purpose of one application. What one seals, none of another purpose or application opens.
    pub fn sealer(&self, purpose: &str, application: &str) -> Sealer {
        Sealer::new(&self.0, purpose, application)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_every_common_form() {
        let bytes: Vec<u8> = (0..32).map(|n| (n * 7) ^ 0xa5).collect();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let texts =
            [hex.clone(), hex.to_uppercase(), STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)];
        for text in texts.iter().flat_map(|text| [text.clone(), format!(" {text}\n")]) {
            assert_eq!(Key::parse(&text).unwrap().bytes(), bytes, "{text}");
        }
        assert_eq!(Key::parse(&format!("{}=", STANDARD_NO_PAD.encode(&bytes))).unwrap().bytes(), bytes);
    }

    #[test]
    fn weak_keys_are_refused_without_being_repeated() {
        let weak = ["", "secret", "correct horse battery staple", &"a".repeat(64), &"ab".repeat(64), "zz zz"];
        for text in weak {
            let error = Key::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{text}");
            assert!(text.is_empty() || !error.to_string().contains(text), "{text}");
        }
        assert!(Key::new(&[7; 64]).is_err());
        let counted: Vec<u8> = (0..32).collect();
        let half: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(91)).collect();
        let down = counted.iter().rev().copied().collect();
        let phrase = b"the quick brown fox jumps over a lazy dog".to_vec();
        for bytes in [counted, down, [half.clone(), half].concat(), phrase] {
            assert_eq!(Key::new(&bytes).unwrap_err().kind(), ErrorKind::Config, "{bytes:?}");
        }
        assert!(KeyRing::new([]).is_err());
    }

    #[test]
    fn the_key_that_documents_show_is_refused() {
        let error = Key::parse("q83vEjRWeJq83vEjRWeJqxI0VniavN7_EjRWeJq83vE=").unwrap_err();
        assert!(error.to_string().contains("published"), "{error}");
    }

    #[test]
    fn a_key_is_not_shown() {
        let key = Key::random().unwrap();
        assert_eq!(format!("{key:?}"), "Key(redacted)");
        assert_eq!(format!("{:?}", KeyRing::new([key]).unwrap()), "KeyRing([Key(redacted)])");
    }
}
