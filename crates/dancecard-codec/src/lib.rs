//! Forms of session data at rest, beside JSON: smaller, easier to read, compressed, encrypted.
//!
//! | codec | tag | name | for |
//! |---|---:|---|---|
//! | [`JsonCodec`](dancecard_core::JsonCodec) | 1 | `json` | the default: readable, and read without being parsed |
//! | [`MessagePackCodec`] | 2 | `messagepack` | the least room |
//! | [`YamlCodec`] | 3 | `yaml` | people who look into the store, and edit what they find |
//! | [`Compressed`] | 4 | | large sessions, in any of these forms |
//! | [`Encrypted`] | 5 | | a store that others can read |
//! | your own | 128 to 255 | | what you like: implement [`Codec`](dancecard_core::Codec) |
//!
//! The tag is stored with each record, so that the codec can be changed while sessions live: a manager reads what any
//! codec that was given to it wrote, and a session changes over when it is next written.
//!
//! ```
//! use dancecard_codec::{Compressed, Encrypted, MessagePackCodec};
//! use dancecard_core::{MemoryStore, SessionManager};
//! use dancecard_seal::{Key, KeyRing};
//!
//! # fn main() -> Result<(), dancecard_core::Error> {
//! let keys = KeyRing::new([Key::random()?])?;
//! let manager = SessionManager::new(MemoryStore::new())
//!     .with_codec(MessagePackCodec) // was used before: its records stay readable
//!     .with_codec(Encrypted::new(Compressed::new(MessagePackCodec), &keys, "shop"));
//! # Ok(()) }
//! ```
//!
//! Whatever bytes a store holds, reading them ends in a value or in an error of the kind
//! [`Corrupt`](dancecard_core::ErrorKind::Corrupt), after time and memory in proportion to their number: each codec says
//! which.

#[cfg(feature = "compressed")]
mod compressed;
#[cfg(feature = "encrypted")]
mod encrypted;
#[cfg(any(feature = "message-pack", feature = "yaml"))]
mod json;
#[cfg(any(feature = "compressed", feature = "encrypted"))]
mod layer;
#[cfg(feature = "message-pack")]
mod message_pack;
mod names;
#[cfg(any(feature = "message-pack", feature = "yaml"))]
mod node;
#[cfg(feature = "yaml")]
mod yaml;

#[cfg(feature = "compressed")]
pub use compressed::Compressed;
#[cfg(feature = "encrypted")]
pub use encrypted::Encrypted;
#[cfg(feature = "message-pack")]
pub use message_pack::MessagePackCodec;
pub use names::{SharedCodec, by_name};
#[cfg(feature = "yaml")]
pub use yaml::YamlCodec;

/// What is wrong with a payload, without a word of what is in it.
#[cfg(any(feature = "message-pack", feature = "yaml", feature = "compressed", feature = "encrypted"))]
fn corrupt(detail: &'static str) -> dancecard_core::Error {
    dancecard_core::Error::new(dancecard_core::ErrorKind::Corrupt, "decode").with_detail(detail)
}
