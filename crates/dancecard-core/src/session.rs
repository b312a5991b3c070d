//! The handle that a request handler holds.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::document::{Redacted, corrupt, unrepresentable};
use crate::error::{Error, ErrorKind, Result};
use crate::manager::{Committed, Ending, SessionManager, Tokens, commit, commit_hooked};
use crate::observe::Fingerprint;
use crate::plan::Intent;
use crate::policy::Lifetime;
use crate::record::{Meta, Principal};

mod live;
mod loaded;
mod shared;
mod state;
mod typed;

pub use live::LiveSession;
pub use loaded::Loaded;
pub(crate) use shared::Shared;
pub(crate) use state::{Guard, Outgoing, Place, Present, State};
pub use typed::Typed;

/// One visitor's session, for the length of one request. A clone is another handle on the same session.
///
/// Reads are asynchronous, because the first one may ask the engine; writes are not, because they only record what is
/// wanted. Nothing is stored until the response is ready, or [`Session::save`] is called, and then once: the changes
/// are made on top of whatever other requests stored in the meantime, key by key.
///
/// ```
/// # use dancecard_core::{MemoryStore, SessionManager};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// # let manager = SessionManager::new(MemoryStore::new());
/// # let session = manager.open([]);
/// session.set("theme", "dark")?;
/// session.update("visits", |count: &mut u32| *count += 1)?;
/// assert_eq!(session.get::<String>("theme").await?.as_deref(), Some("dark"));
/// assert_eq!(session.get::<u32>("visits").await?, Some(1));
/// session.sign_in("ada")?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// Every method that reads can fail with [`ErrorKind::Unavailable`] or [`ErrorKind::Corrupt`] when it has to ask the
/// engine. Every method that writes fails with [`ErrorKind::Sealed`] once the response was decided, instead of losing
/// the write in silence.
///
/// # Cancel safety
/// Dropping the future of a read changes nothing. Dropping that of a commit leaves the stored session as it was or as
/// it was to be, never a mixture.
#[derive(Clone)]
pub struct Session {
    pub(crate) shared: Arc<Shared>,
}

/// How far a session has come. It says nothing about who it is.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The visitor has no session, and nothing was written.
    Fresh,
    /// There may be a session; nobody has looked.
    Unloaded,
    /// The session was read, and not changed.
    Loaded,
    /// There is something to store.
    Dirty,
    /// The session is to be ended.
    Destroyed,
    /// The response was decided.
    Sealed,
}

impl Session {
    pub(crate) fn new(manager: SessionManager, tokens: Tokens, place: Place) -> Self {
        Self { shared: Arc::new(Shared::new(manager, tokens, place)) }
    }

    /// The value of a key, or `None` where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Value`] when the value is not a `T`.
    #[doc(alias = "read")]
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.shared.read(key, parse).await?
    }

    /// The value of a key, which is removed: for what is shown once.
    ///
    /// # Errors
    /// [`ErrorKind::Value`] when the value is not a `T`; it is kept then.
    #[doc(alias("flash", "pop", "pull"))]
    pub async fn take<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let found = self.get(key).await?;
        if found.is_some() {
            self.remove(key)?;
        }
        Ok(found)
    }

    /// All keys, in no particular order.
    pub async fn keys(&self) -> Result<Vec<String>> {
        self.shared.load_if_needed().await?;
        self.shared.state().keys(&self.shared.manager)
    }

    /// Sets a key. Nothing is asked of the engine; a value that is already there will not be written again.
    ///
    /// # Errors
    /// [`ErrorKind::Value`] when the value can't be represented as JSON.
    #[doc(alias("insert", "write", "put"))]
    pub fn set(&self, key: &str, value: impl Serialize) -> Result<()> {
        self.shared.change(|state| state.delta.set(key, &value))
    }

    /// Removes a key.
    #[doc(alias = "delete")]
    pub fn remove(&self, key: &str) -> Result<()> {
        self.shared.change(|state| state.delta.remove(key))
    }

    /// Changes a value where it is stored: when another request changes it at the same time, the closure is run again
    /// on what that request left, so that no change is lost. A missing value begins as `T::default()`.
    ///
    /// The closure may run several times, and must not use the session itself.
    ///
    /// # Errors
    /// When the change is made, [`ErrorKind::Value`] if the stored value is not a `T`.
    #[doc(alias("modify", "increment", "counter"))]
    pub fn update<T>(&self, key: &str, f: impl Fn(&mut T) + Send + Sync + 'static) -> Result<()>
    where
        T: Serialize + DeserializeOwned + Default + 'static,
    {
        let apply = move |stored: Option<&[u8]>| {
            let mut value = parse::<T>(stored)?.unwrap_or_default();
            f(&mut value);
            serde_json::to_vec(&value).map_err(|e| unrepresentable("update", &e))
        };
        self.shared.change(|state| state.delta.apply(key, Arc::new(apply)))
    }

    /// Removes all keys, also those that other requests add before this one commits. Id and principal stay.
    pub fn clear(&self) -> Result<()> {
        self.shared.change(|state| {
            state.delta.clear();
            Ok(())
        })
    }

    /// A view of one key with a fixed type.
    pub fn typed<T>(&self, key: &'static str) -> Typed<T> {
        Typed::new(self.clone(), key)
    }

    /// Gives the session a new id when the response is ready. The old one stops at once.
    #[doc(alias("regenerate", "renew", "cycle_key", "change_session_id", "RenewToken", "changeSessionId"))]
    pub fn cycle_id(&self) -> Result<()> {
        self.shared.change(|state| {
            state.intend(Intent::Cycle);
            Ok(())
        })
    }

    /// Binds the session to a principal, and gives it a new id, inseparably: the id from before the sign-in has no
    /// rights. Data of a visitor is kept; data of *another* principal is not.
    ///
    /// Source: OWASP ASVS 5.0, 7.2.4.
    #[doc(alias("login", "authenticate"))]
    pub fn sign_in(&self, who: impl Into<Principal>) -> Result<()> {
        let who = self.shared.manager.scoped(who.into());
        self.shared.change(|state| {
            state.sign_in(who);
            Ok(())
        })
    }

    /// Announces a sign-in, before the password is looked up and checked: if all sessions of the principal are ended
    /// between this moment and the commit, the sign-in is undone. Without it, the moment is the begin of the commit, and
    /// someone who checks an old password while it is being changed may be let in. Costs one `load`, which the commit
    /// is spared then; on an engine without a principal index, nothing.
    ///
    /// ```
    /// # use dancecard_core::{MemoryStore, SessionManager};
    /// # async fn has_password(_: &str) -> bool { true }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
    /// # let session = SessionManager::new(MemoryStore::new()).open([]);
    /// session.begin_sign_in("ada").await?;
    /// if has_password("ada").await {
    ///     session.sign_in("ada")?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when there is a limit of sessions per principal that the engine can't count.
    pub async fn begin_sign_in(&self, who: impl Into<Principal>) -> Result<()> {
        self.shared.mark_used();
        self.shared.guard(self.shared.manager.scoped(who.into())).await
    }

    /// Sets how long this session lives, from now on, for example longer where the user asked to be remembered.
    #[doc(alias("remember_me", "set_expiry"))]
    pub fn set_lifetime(&self, lifetime: Lifetime) -> Result<()> {
        self.shared.change(|state| {
            state.set_lifetime(lifetime);
            Ok(())
        })
    }

    /// Ends the session, whatever else was done to it and whatever other requests are doing to it. What is written
    /// afterwards goes to a new, anonymous session.
    #[doc(alias("logout", "sign_out", "invalidate", "flush", "purge", "reset_session"))]
    pub fn destroy(&self) -> Result<()> {
        self.shared.change(|state| {
            state.destroy();
            Ok(())
        })
    }

    /// Ends all other sessions of this session's principal, now, and says how many. This one stays, and so does a sign-in
    /// of this request that was announced before.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when the engine has no principal index.
    #[doc(alias = "sign_out_of_the_rest")]
    pub async fn sign_out_others(&self) -> Result<usize> {
        let Some(who) = self.principal().await? else { return Ok(0) };
        let (own, manager) = (self.shared.state().key().cloned(), &self.shared.manager);
        manager.end_rest(&manager.scoped(who), own.as_ref(), Some(&self.shared)).await
    }

    /// Who is signed in.
    pub async fn principal(&self) -> Result<Option<Principal>> {
        self.shared.load_if_needed().await?;
        Ok(self.shared.principal())
    }

    /// When the session began and ends, whose it is, and on what device; `None` before it is stored.
    pub async fn meta(&self) -> Result<Option<Meta>> {
        self.shared.load_if_needed().await?;
        Ok(self.shared.state().meta().map(|meta| self.shared.manager.unscoped_meta(meta)))
    }

    /// Reads the session, so that values can be had without waiting.
    pub async fn load(&self) -> Result<Loaded> {
        self.shared.load_if_needed().await?;
        Ok(Loaded::new(self.clone()))
    }

    /// Stores what was changed so far, before the response is ready. The session can still be changed afterwards.
    ///
    /// # Errors
    /// Those of a commit: [`ErrorKind::Conflict`] when others kept getting in first, [`ErrorKind::TooLarge`],
    /// [`ErrorKind::Full`], [`ErrorKind::Unavailable`]. What was not stored is kept for the next attempt.
    /// [`ErrorKind::Ended`] when the session ended in the meantime and the changes were dropped.
    ///
    /// # Cancel safety
    /// Changes stay recorded if the future is dropped, and are made by the next commit; one with an `update` in it is
    /// refused then, since the update may have happened.
    #[doc(alias("commit", "flush"))]
    pub async fn save(&self) -> Result<()> {
        self.shared.mark_used();
        match commit_hooked(&self.shared, Ending::Save) {
            None => commit(&self.shared, Ending::Save).await.map(drop),
            Some(committing) => committing.await.map(drop),
        }
    }

    /// A handle for a connection that outlives the response: a stream, server-sent events, a websocket.
    ///
    /// # Errors
    /// [`ErrorKind::Ended`] when there is no stored session to hold on to: call [`Session::save`] first. Also when the
    /// client sent several tokens and the session was not read yet: which of them counts is not known before.
    #[doc(alias("websocket", "sse", "stream"))]
    pub fn live(&self) -> Result<LiveSession> {
        self.shared.mark_used();
        let state = self.shared.state();
        let key = state.key().cloned().or_else(|| self.shared.manager.only_key(&self.shared.tokens));
        let key =
            key.filter(|_| state.may_be_stored()).ok_or_else(|| Error::new(ErrorKind::Ended, "live"))?;
        drop(state);
        Ok(LiveSession::new(self.shared.manager.clone(), key))
    }

    /// How far the session has come. Asks nothing of the engine; but it tells whether the client sent a token, so the
    /// response depends on the session from now on.
    pub fn status(&self) -> Status {
        self.shared.mark_used();
        self.progress()
    }

    fn progress(&self) -> Status {
        if self.shared.is_closed() { Status::Sealed } else { self.shared.state().status() }
    }

    /// What stands for this session in logs, once it is loaded or stored.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.shared.state().key().map(|key| self.shared.manager.fingerprint(key))
    }

    /// The manager that opened this session.
    pub fn manager(&self) -> &SessionManager {
        &self.shared.manager
    }

    /// What is recorded of the client when a session is created or signed in to. Adapters call it.
    pub fn set_device(&self, user_agent: Option<&str>, address: Option<&str>) {
        self.shared.state().device = Some(Box::new((user_agent.map(Into::into), address.map(Into::into))));
    }

    /// Whether anyone has used the session in this request. If not, the response does not depend on it.
    pub fn was_used(&self) -> bool {
        self.shared.was_used()
    }

    /// Decides the response of this session without asking the engine, if that is possible. Adapters call it before
    /// [`SessionManager::commit`], to spare most requests a future.
    pub fn commit_now(&self) -> Option<Committed> {
        if !self.shared.close() {
            return Some(Committed::UNTOUCHED);
        }
        self.shared.state().commit_now(&self.shared.manager)
    }

    /// Gives up what was not stored, as if the handler had not written, and seals the session: for a response that failed.
    /// The commit that follows stores nothing, unless the session was to be destroyed, which it still is.
    pub fn abandon(&self) {
        self.shared.state().abandon();
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("status", &self.progress()).finish_non_exhaustive()
    }
}

fn parse<T: DeserializeOwned>(value: Option<&[u8]>) -> Result<Option<T>> {
    value.map(|text| serde_json::from_slice(text).map_err(|e| value_error("get", &e))).transpose()
}

fn value_error(operation: &'static str, error: &serde_json::Error) -> Error {
    let kind = if error.is_data() { Error::new(ErrorKind::Value, operation) } else { corrupt() };
    kind.with_source(Redacted::of(error))
}
