//! Sessions whose data the client carries: one request and its response.

use std::sync::Arc;

use super::tokens::MAX_CANDIDATES;
use super::{SessionManager, TokenAction, Tokens};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{RecordKey, SessionId, TOKEN_LEN, Token};
use crate::session::{Place, Session};
use crate::store::{Carried, Parcel, Store};

/// Between the id and the sealed record. Neither can hold it.
const SEPARATOR: u8 = b'.';

/// The way back for what a client carries: which text its response is to hold.
///
/// [`SessionManager::open_carried`] gives it along with the session.
#[derive(Debug)]
pub struct CarriedReply {
    parcel: Arc<dyn Parcel>,
    keys: Vec<(RecordKey, Token)>,
}

/// What the client is to be told about what it carries.
#[derive(Debug)]
pub enum CarriedAction {
    /// Nothing: it has the latest.
    Keep,
    /// To hold this text from now on, until `expires_at` at the latest.
    Set {
        /// The id and the sealed record.
        text: String,
        /// The end of the session by its absolute limit.
        expires_at: Timestamp,
    },
    /// That it stands for nothing any more.
    Forget,
}

impl SessionManager {
    /// Opens the session that a client carries in texts that [`CarriedReply::outgoing`] gave it; `None` unless the engine is
    /// one of those ([`Store::client_side`]). Asks nothing of any engine, and opens no seal.
    ///
    /// `channel` names what the texts came in, and `limit` says how many bytes a text may have.
    pub fn open_carried<'a>(
        &self,
        channel: &str,
        limit: usize,
        texts: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<(Session, CarriedReply)> {
        let client_side = self.0.store.client_side()?;
        let parts: Vec<_> = texts.into_iter().map(split).collect();
        let tokens = Tokens::read(parts.iter().map(|(token, _)| *token));
        let ids = parts.iter().take(MAX_CANDIDATES).filter_map(|(token, sealed)| {
            let id = SessionId::parse(token)?;
            Some((id.key(&self.0.namespace), id.token(), sealed.to_vec()))
        });
        let (keys, records) = ids.map(|(key, token, sealed)| ((key.clone(), token), (key, sealed))).unzip();
        let limit = limit.saturating_sub(TOKEN_LEN + 1);
        let (store, parcel) = client_side.receive(Carried { channel, limit, records });
        // It stays the same manager to whoever asks, with another store.
        let mut inner = (*self.0).clone();
        inner.store = store;
        inner.capabilities = inner.store.capabilities();
        let place = if tokens.is_empty() { Place::NoToken } else { Place::Unloaded };
        Some((Session::new(Self(Arc::new(inner)), tokens, place), CarriedReply { parcel, keys }))
    }

    /// Whether sessions are carried by the client: [`SessionManager::open_carried`] opens them.
    pub fn is_client_side(&self) -> bool {
        self.0.store.client_side().is_some()
    }
}

impl CarriedReply {
    /// What the client is to be told, given what the commit of the session says about its token. Once per response, before
    /// its head is sent: nothing can be stored with the client afterwards.
    ///
    /// # Errors
    /// [`ErrorKind::Random`](crate::ErrorKind::Random).
    pub fn outgoing(&self, session: &Session, token: TokenAction) -> Result<CarriedAction> {
        match token {
            TokenAction::Forget => Ok(CarriedAction::Forget),
            TokenAction::Set { token, .. } => match session.manager().key_of(&token.to_bytes()) {
                Some(key) => self.send(token, &key),
                None => Ok(CarriedAction::Keep),
            },
            TokenAction::Keep => match self.parcel.changed() {
                Some(key) => self
                    .keys
                    .iter()
                    .find(|(other, _)| *other == key)
                    .map_or(Ok(CarriedAction::Keep), |(key, token)| self.send(*token, key)),
                None => Ok(CarriedAction::Keep),
            },
        }
    }

    fn send(&self, token: Token, key: &RecordKey) -> Result<CarriedAction> {
        let sealed = self.parcel.seal(key)?;
        let text = format!("{}{}{}", token.as_str(), char::from(SEPARATOR), sealed.text);
        Ok(CarriedAction::Set { text, expires_at: sealed.absolute_at })
    }
}

/// The id, and what is sealed.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == SEPARATOR) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (text, &[]),
    }
}
