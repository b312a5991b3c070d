//! Sealing and opening.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use dancecard_core::{Error, ErrorKind, Result};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::key::Key;

const FORMAT: u8 = 1;
const HEAD: usize = 5;
const NONCE: usize = 24;
const TAG: usize = 16;

/// How many bytes longer than the plaintext a sealed text is.
pub const OVERHEAD: usize = HEAD + NONCE + TAG;

/// The keys for one purpose of one application.
#[derive(Clone)]
pub struct Sealer(Vec<Derived>);

/// What the key of a ring becomes for one purpose.
#[derive(Clone)]
struct Derived {
    name: [u8; 4],
    cipher: XChaCha20Poly1305,
}

/// What was sealed.
pub struct Opened {
    /// The plaintext.
    pub plain: Vec<u8>,
    /// Whether the ring's first key had sealed it. If not, it is due for sealing anew.
    pub is_current: bool,
}

impl Sealer {
    pub(crate) fn new(keys: &[Key], purpose: &str, application: &str) -> Self {
        Self(keys.iter().map(|key| Derived::new(key, purpose, application)).collect())
    }

    /// Seals a text, bound to facts that must be the same when it is opened.
    ///
    /// # Errors
    /// [`ErrorKind::Random`] without random bytes for the nonce.
    pub fn seal(&self, facts: &[&[u8]], plain: &[u8]) -> Result<Vec<u8>> {
        let key = self.0.first().ok_or_else(|| failed("seal"))?;
        let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&key.name);
        let aad = authenticated(&sealed, facts);
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)
            .map_err(|cause| Error::new(ErrorKind::Random, "seal").with_source(cause))?;
        sealed.extend_from_slice(&nonce);
        let text = key.cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad });
        sealed.extend_from_slice(&text.map_err(|_| failed("seal"))?);
        Ok(sealed)
    }

    /// Opens a text that was sealed with a key of this ring, bound to these facts; `None` for any other. Nothing of what
    /// was not authenticated gets out, and it is not said what was wrong.
    pub fn open(&self, facts: &[&[u8]], sealed: &[u8]) -> Option<Opened> {
        let (head, rest) = sealed.split_at_checked(HEAD)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE>()?;
        let [FORMAT, name @ ..] = head else { return None };
        let aad = authenticated(head, facts);
        // Names are short: two keys may have one.
        let named = self.0.iter().enumerate().filter(|(_, key)| key.name == name);
        named.into_iter().find_map(|(index, key)| {
            let plain = key.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: text, aad: &aad }).ok()?;
            Some(Opened { plain, is_current: index == 0 })
        })
    }
}

impl Derived {
    fn new(key: &Key, purpose: &str, application: &str) -> Self {
        let mut bytes = Zeroizing::new([0; 36]);
        let facts = authenticated(b"dancecard seal", &[purpose.as_bytes(), application.as_bytes()]);
        // 36 bytes are far below the 8,160 that HKDF can give.
        let _ = Hkdf::<Sha256>::new(None, key.bytes()).expand(&facts, &mut *bytes);
        let (secret, name) = bytes.split_at(32);
        let mut own = [0; 4];
        own.copy_from_slice(name);
        let mut secret_key = Zeroizing::new([0; 32]);
        secret_key.copy_from_slice(secret);
        Self { name: own, cipher: XChaCha20Poly1305::new((&*secret_key).into()) }
    }
}

/// The facts with their lengths, so that no two lists look alike.
fn authenticated(head: &[u8], facts: &[&[u8]]) -> Vec<u8> {
    let mut text = head.to_vec();
    for fact in facts {
        text.extend_from_slice(&(fact.len() as u64).to_le_bytes());
        text.extend_from_slice(fact);
    }
    text
}

fn failed(operation: &'static str) -> Error {
    Error::new(ErrorKind::Other, operation)
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("keys", &self.0.len()).finish()
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("is_current", &self.is_current).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyRing;
    use proptest::prelude::*;

    fn key(seed: u8) -> Key {
        Key::new(&(0..32).map(|n: u8| n.wrapping_mul(37) ^ seed).collect::<Vec<_>>()).unwrap()
    }

    fn sealer(seeds: &[u8]) -> Sealer {
        KeyRing::new(seeds.iter().map(|seed| key(*seed))).unwrap().sealer("cookie", "shop")
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let sealer = sealer(&[1]);
        let sealed = sealer.seal(&[b"a"], b"plain text").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(sealer.open(&[b"a"], &damaged).is_none(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(sealer.open(&[b"a"], &sealed[..length]).is_none(), "length {length}");
        }
        let tagless = [&sealed[..sealed.len() - TAG], &[0; TAG]].concat();
        assert!(sealer.open(&[b"a"], &tagless).is_none());
    }

    #[test]
    fn what_is_sealed_for_one_thing_opens_for_no_other() {
        let ring = KeyRing::new([key(1)]).unwrap();
        let sealed = ring.sealer("cookie", "shop").seal(&[b"ab", b"c"], b"x").unwrap();
        for (purpose, application) in [("cookie", "shop2"), ("record", "shop"), ("cookies", "hop"), ("", "")]
        {
            assert!(ring.sealer(purpose, application).open(&[b"ab", b"c"], &sealed).is_none());
        }
        let own = ring.sealer("cookie", "shop");
        let lists: [&[&[u8]]; 4] = [&[b"a", b"bc"], &[b"abc"], &[b"ab", b"c", b""], &[]];
        for facts in lists {
            assert!(own.open(facts, &sealed).is_none());
        }
        assert!(own.open(&[b"ab", b"c"], &sealed).is_some());
    }

    #[test]
    fn old_keys_open_and_removed_ones_do_not() {
        let sealed = sealer(&[1]).seal(&[], b"x").unwrap();
        assert!(sealer(&[1]).open(&[], &sealed).unwrap().is_current);
        assert!(!sealer(&[2, 1]).open(&[], &sealed).unwrap().is_current);
        assert!(sealer(&[2]).open(&[], &sealed).is_none());
    }

    #[test]
    fn one_text_is_never_sealed_alike_twice() {
        let sealer = sealer(&[1]);
        assert_ne!(sealer.seal(&[], b"x").unwrap(), sealer.seal(&[], b"x").unwrap());
    }

    /// What this release seals, every later one must open. Made by another implementation: `fixtures/first.py`.
    #[test]
    fn a_text_of_the_first_release_opens() {
        let sealed = include_bytes!("../fixtures/first.sealed");
        let opened = sealer(&[1]).open(&[b"session"], sealed).unwrap();
        assert_eq!(opened.plain, b"sealed by 0.1.0");
    }

    proptest! {
        #[test]
        fn everything_comes_back(plain: Vec<u8>, fact: Vec<u8>) {
            let sealer = sealer(&[3]);
            let sealed = sealer.seal(&[&fact], &plain).unwrap();
            prop_assert_eq!(sealed.len(), plain.len() + OVERHEAD);
            prop_assert_eq!(sealer.open(&[&fact], &sealed).unwrap().plain, plain);
        }

        #[test]
        fn any_bytes_are_refused_without_panic(bytes: Vec<u8>) {
            prop_assert!(sealer(&[3]).open(&[], &bytes).is_none());
        }
    }
}
