//! What all handles on one session of one request share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::state::{Guard, Place, State};
use crate::error::{Error, ErrorKind, Result};
use crate::id::RecordKey;
use crate::manager::{SessionManager, Tokens, locate_hooked};
use crate::record::{Principal, Version};

pub(crate) struct Shared {
    pub(crate) manager: SessionManager,
    pub(crate) tokens: Tokens,
    /// Held while the engine is asked or told, so that a request asks once and commits once.
    pub(crate) gate: tokio::sync::Mutex<()>,
    flags: AtomicU8,
    state: Mutex<State>,
}

/// Someone has used the session.
const USED: u8 = 1;
/// The response is being decided. Kept beside the state, so that a session nobody used is sealed without its lock.
const CLOSED: u8 = 2;

impl Shared {
    pub(super) fn new(manager: SessionManager, tokens: Tokens, place: Place) -> Self {
        let state = Mutex::new(State::new(place));
        let gate = tokio::sync::Mutex::const_new(());
        Self { manager, tokens, gate, flags: AtomicU8::new(0), state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Returns what was noted before. Of a first use and the decision of the response, one comes first for both.
    pub(super) fn mark_used(&self) -> u8 {
        self.flags.fetch_or(USED, Ordering::Relaxed)
    }

    /// Lets nobody write any more; says whether the session was used.
    pub(super) fn close(&self) -> bool {
        self.flags.fetch_or(CLOSED, Ordering::Relaxed) & USED != 0
    }

    /// Lets a hook write to the session whose response is being decided, until what this returns is dropped.
    pub(crate) fn reopen(&self) -> impl Drop {
        Reopened { shared: self, was: self.flags.fetch_and(!CLOSED, Ordering::Relaxed) & CLOSED }
    }

    pub(super) fn was_used(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & USED != 0
    }

    pub(super) fn is_closed(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & CLOSED != 0
    }

    pub(super) fn change<R>(&self, change: impl FnOnce(&mut State) -> Result<R>) -> Result<R> {
        let closed = self.mark_used() & CLOSED != 0;
        let mut state = self.state();
        if closed || state.sealed {
            return Err(Error::new(ErrorKind::Sealed, "write"));
        }
        change(&mut state)
    }

    pub(super) fn principal(&self) -> Option<Principal> {
        self.state().principal().map(|who| self.manager.unscoped(who))
    }

    /// Notes which "end all" was the last one for whoever is about to sign in.
    pub(crate) async fn guard(&self, who: Principal) -> Result<()> {
        let since = self.manager.now();
        let generation = self.manager.generation(&who).await?;
        self.state().guard = Some(Arc::new(Guard { who, generation, since }));
        Ok(())
    }

    /// What was noted for a sign-in of this principal.
    pub(crate) fn guard_of(&self, who: &Principal) -> Option<Arc<Guard>> {
        self.state().guard.clone().filter(|guard| guard.who == *who)
    }

    /// The request has left a mark of its own, as the first one after that which the guard knows.
    pub(crate) fn move_guard(&self, from: &Arc<Guard>, to: Version) {
        let mut state = self.state();
        if state.guard.as_ref().is_some_and(|guard| Arc::ptr_eq(guard, from)) {
            let Guard { who, since, .. } = &**from;
            state.guard = Some(Arc::new(Guard { who: who.clone(), generation: Some(to), since: *since }));
        }
    }

    /// Reads a key with `read`, loading first if what it holds is not known.
    pub(super) async fn read<R>(
        self: &Arc<Self>,
        key: &str,
        read: impl FnOnce(Option<&[u8]>) -> R,
    ) -> Result<R> {
        self.mark_used();
        if !self.state().knows(key) {
            let _gate = self.pass_gate().await;
            self.load_under_gate().await?;
        }
        self.read_now(key, read)
    }

    pub(super) fn read_now<R>(&self, key: &str, read: impl FnOnce(Option<&[u8]>) -> R) -> Result<R> {
        let state = self.state();
        let value = state.value(key, &self.manager)?;
        Ok(read(value.as_deref()))
    }

    pub(super) async fn load_if_needed(self: &Arc<Self>) -> Result<()> {
        self.mark_used();
        if !self.state().needs_load() {
            return Ok(());
        }
        let _gate = self.pass_gate().await;
        self.load_under_gate().await
    }

    /// Waits for other tasks that load or commit this session; usually there are none.
    pub(crate) async fn pass_gate(&self) -> tokio::sync::MutexGuard<'_, ()> {
        match self.gate.try_lock() {
            Ok(guard) => guard,
            Err(_) => self.gate.lock().await,
        }
    }

    /// Loads unless another task just did. The gate is held by the caller.
    async fn load_under_gate(self: &Arc<Self>) -> Result<()> {
        if !self.state().needs_load() {
            return Ok(());
        }
        match locate_hooked(self) {
            None => self.locate_plainly().await,
            Some(locating) => locating.await,
        }
    }

    /// The keys of what the client's tokens stand for.
    pub(crate) fn keys(&self) -> Vec<RecordKey> {
        let live = self.state().live_key().cloned();
        live.map_or_else(|| self.manager.candidate_keys(&self.tokens), |key| vec![key])
    }

    /// Loads, even for a session that is to be destroyed. The gate is held by the caller.
    pub(crate) async fn locate(self: &Arc<Self>) -> Result<()> {
        match locate_hooked(self) {
            None => self.locate_plainly().await,
            Some(locating) => locating.await,
        }
    }

    pub(crate) async fn locate_plainly(&self) -> Result<()> {
        let bound = self.state().live_key().cloned();
        let place = self.manager.locate(&self.tokens, bound.as_ref()).await?;
        self.state().place = place;
        Ok(())
    }
}

struct Reopened<'a> {
    shared: &'a Shared,
    was: u8,
}

impl Drop for Reopened<'_> {
    fn drop(&mut self) {
        self.shared.flags.fetch_or(self.was, Ordering::Relaxed);
    }
}
