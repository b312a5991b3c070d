//! The tokens that a client sent, unread until somebody asks.

use smallvec::SmallVec;

use crate::id::{SessionId, TOKEN_LEN};

/// More cookies of one name than this are a mistake or an attack.
pub(super) const MAX_CANDIDATES: usize = 4;

#[derive(Default)]
pub(crate) struct Tokens {
    candidates: SmallVec<[[u8; TOKEN_LEN]; 1]>,
    refused: u32,
    /// Those in another alphabet have been taken out, which is done only where there are too many.
    is_sifted: bool,
}

impl Tokens {
    pub(crate) fn read<'a>(sent: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut tokens = Self::default();
        for token in sent {
            match token.try_into() {
                Ok(token) if tokens.has_room_for(&token) => tokens.candidates.push(token),
                _ => tokens.refused = tokens.refused.saturating_add(1),
            }
        }
        tokens
    }

    fn has_room_for(&mut self, token: &[u8; TOKEN_LEN]) -> bool {
        if self.candidates.len() == MAX_CANDIDATES && !self.is_sifted {
            self.candidates.retain(|candidate| SessionId::parse(&*candidate).is_some());
            self.refused += (MAX_CANDIDATES - self.candidates.len()) as u32;
            self.is_sifted = true;
        }
        self.candidates.len() < MAX_CANDIDATES && (!self.is_sifted || SessionId::parse(token).is_some())
    }

    /// Whether the client sent nothing, not even nonsense.
    pub(crate) fn is_empty(&self) -> bool {
        self.candidates.is_empty() && self.refused == 0
    }

    pub(crate) fn candidates(&self) -> &[[u8; TOKEN_LEN]] {
        &self.candidates
    }

    /// How many were no tokens, as far as that was looked at, or too many.
    pub(crate) fn refused(&self) -> u32 {
        self.refused
    }
}
