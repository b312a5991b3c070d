//! What a version of this engine holds: how the service tells the object from others, and whose record it is.
//!
//! With the principal in it, an update knows without asking whether the index has to change.

use dancecard_core::Version;

use crate::name::Owner;
use crate::object::Nonce;

const TAG: u8 = 0;
const GENERATION: u8 = 1;
const NONCE: u8 = 2;
const OWNED: u8 = 0x80;

/// How an object is told from every other that was ever in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// By the service's mark of its content, which holds a random number.
    Tag(String),
    /// By the service's count of its changes.
    Generation(String),
    /// By the random number in it, which the service knows nothing of.
    Nonce(Nonce),
}

/// One state of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) token: Token,
    pub(crate) owner: Option<Owner>,
}

impl State {
    pub(crate) fn to_version(&self) -> Version {
        let (kind, token) = match &self.token {
            Token::Tag(text) => (TAG, text.as_bytes()),
            Token::Generation(text) => (GENERATION, text.as_bytes()),
            Token::Nonce(nonce) => (NONCE, nonce.as_slice()),
        };
        let owned = self.owner.map_or(0, |_| OWNED);
        let owner = self.owner.as_ref().map(Owner::as_bytes).map_or(&[][..], |bytes| bytes);
        Version::from_bytes(&[&[kind | owned], owner, token].concat())
    }

    /// `None` for a version of another engine, which is then as stale as can be.
    pub(crate) fn of(version: &Version) -> Option<Self> {
        let (kind, mut token) = version.as_bytes().split_first()?;
        let mut owner = None;
        if kind & OWNED != 0 {
            let (bytes, rest) = token.split_first_chunk()?;
            (owner, token) = (Some(Owner::from_bytes(*bytes)), rest);
        }
        let text = || std::str::from_utf8(token).ok().map(str::to_owned);
        let token = match kind & !OWNED {
            TAG => Token::Tag(text().filter(|tag| is_tag(tag))?),
            GENERATION => Token::Generation(text().filter(|number| is_generation(number))?),
            NONCE => Token::Nonce(token.try_into().ok()?),
            _ => return None,
        };
        Some(Self { token, owner })
    }
}

/// Whether a service would take it for one tag: not for any, and not for several.
fn is_tag(text: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_graphic() && !b"*,".contains(&byte);
    !text.is_empty() && text.bytes().all(is_one)
}

/// Zero stands for what is not there.
fn is_generation(text: &str) -> bool {
    text.parse::<u64>().is_ok_and(|number| number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_back() {
        let tokens = [Token::Tag("\"abc\"".into()), Token::Generation("17".into()), Token::Nonce([9; 8])];
        for token in tokens {
            for owner in [None, Some(Owner::of(&"ada".into()))] {
                let state = State { token: token.clone(), owner };
                assert_eq!(State::of(&state.to_version()), Some(state));
            }
        }
    }

    #[test]
    fn versions_of_other_engines_are_none() {
        for bytes in [
            &b""[..],
            b"\x02short",
            b"\x80",
            b"\x03abc",
            b"\0\xff",
            b"\0",
            b"\0*",
            b"\0\"a\",\"b\"",
            b"\x01",
            b"\x010",
            b"\x01one",
        ] {
            assert_eq!(State::of(&Version::from_bytes(bytes)), None, "{bytes:?}");
        }
    }
}
