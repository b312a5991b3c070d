//! The tokens that a client sent, unread until somebody asks.

use smallvec::SmallVec;

use crate::id::TOKEN_LEN;

/// More cookies of one name than this are a mistake or an attack.
pub(super) const MAX_CANDIDATES: usize = 4;

#[derive(Default)]
pub(crate) struct Tokens {
    candidates: SmallVec<[[u8; TOKEN_LEN]; 1]>,
    refused: usize,
}

impl Tokens {
    pub(crate) fn read<'a>(sent: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut tokens = Self::default();
        for token in sent {
            match token.try_into() {
                Ok(token) if tokens.candidates.len() < MAX_CANDIDATES => tokens.candidates.push(token),
                _ => tokens.refused += 1,
            }
        }
        tokens
    }

    /// Whether the client sent nothing, not even nonsense.
    pub(crate) fn is_empty(&self) -> bool {
        self.candidates.is_empty() && self.refused == 0
    }

    pub(crate) fn candidates(&self) -> &[[u8; TOKEN_LEN]] {
        &self.candidates
    }

    /// How many were of the wrong length, or too many.
    pub(crate) fn refused(&self) -> usize {
        self.refused
    }
}
