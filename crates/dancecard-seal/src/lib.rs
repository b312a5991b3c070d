//! Authenticated encryption of session data, for records that leave the house: sealed into a cookie, or stored where
//! others can read.
//!
//! A [`KeyRing`] holds the application's keys: the first seals, all open, so that keys can be changed while sessions live.
//! A [`Sealer`] is a ring for one purpose of one application. What is sealed is bound to further facts, the name of the
//! cookie for example, and opens with exactly these again.
//!
//! ```
//! use dancecard_seal::{Key, KeyRing};
//!
//! # fn main() -> Result<(), dancecard_core::Error> {
//! let key = Key::random()?;
//! let sealer = KeyRing::new([key.clone()])?.sealer("cookie", "shop");
//! let sealed = sealer.seal(&[b"session"], b"the cart")?;
//!
//! let opened = sealer.open(&[b"session"], &sealed).expect("sealed with this key");
//! assert_eq!((opened.plain.as_slice(), opened.is_current), (&b"the cart"[..], true));
//! assert!(sealer.open(&[b"another"], &sealed).is_none());
//!
//! // A new key comes first; the old one still opens, and what it opens is due for sealing anew.
//! let ring = KeyRing::new([Key::random()?, key])?;
//! assert!(!ring.sealer("cookie", "shop").open(&[b"session"], &sealed).expect("still known").is_current);
//! # Ok(()) }
//! ```
//!
//! # The format
//! One byte of format (1), four bytes that name the key, 24 bytes of random nonce, the ciphertext, 16 bytes of tag:
//! [`OVERHEAD`] bytes more than the plaintext. XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): its nonces are long enough
//! to be drawn at random by many servers that know nothing of each other. Keys are derived per purpose and application
//! by HKDF-SHA256 (RFC 5869). The first five bytes and the facts, each with its length, are authenticated.

mod key;
mod sealer;

pub use key::{Key, KeyRing};
pub use sealer::{OVERHEAD, Opened, Sealer};
