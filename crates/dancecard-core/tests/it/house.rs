//! A manager over a probe with a clock, and browsers that visit it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dancecard_core::{
    Committed, Event, EventKind, ManualClock, Observer, Policy, Principal, RecordKey, Result, Session,
    SessionId, SessionManager, Store, Token, TokenAction, Versioned,
};
use parking_lot::Mutex;

use crate::probe::Probe;

#[derive(Clone)]
pub(crate) struct House {
    pub(crate) store: Probe,
    pub(crate) clock: ManualClock,
    pub(crate) manager: SessionManager,
    pub(crate) events: Events,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(Policy::default())
    }

    pub(crate) fn with(policy: Policy) -> Self {
        Self::over(Probe::new(), policy)
    }

    pub(crate) fn over(store: Probe, policy: Policy) -> Self {
        let (clock, events) = (ManualClock::default(), Events::default());
        let manager = SessionManager::new(store.clone())
            .with_policy(policy)
            .with_clock(clock.clone())
            .with_observer(events.clone());
        Self { store, clock, manager, events }
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A browser with a session in which `key` is 1.
    pub(crate) async fn visitor(&self, key: &str) -> Result<Browser> {
        let mut browser = Browser::default();
        let session = browser.open(self);
        session.set(key, 1)?;
        browser.finish(self, &session).await?;
        self.store.calls();
        Ok(browser)
    }

    /// A browser that is signed in.
    pub(crate) async fn member(&self, who: &'static str) -> Result<Browser> {
        let mut browser = Browser::default();
        let session = browser.open(self);
        session.sign_in(who)?;
        browser.finish(self, &session).await?;
        self.store.calls();
        Ok(browser)
    }

    /// Sees the record under a key, behind the manager's back.
    pub(crate) async fn stored(&self, key: &RecordKey) -> Option<Versioned> {
        self.store.memory().load(key).await.ok().flatten()
    }

    /// Whether nobody can use the session under a key any more.
    pub(crate) async fn is_over(&self, key: &RecordKey) -> bool {
        self.stored(key).await.is_none_or(|found| found.meta().is_retired())
    }

    /// How many records there are that are neither expired nor markers.
    pub(crate) async fn live(&self) -> usize {
        let now = self.manager.now();
        let mut entries = self.store.memory().list(dancecard_core::ListQuery::all());
        let mut found = 0;
        while let Some(entry) = std::future::poll_fn(|context| entries.as_mut().poll_next(context)).await {
            found +=
                entry.map_or(0, |entry| usize::from(!entry.meta.is_retired() && !entry.meta.is_expired(now)));
        }
        found
    }
}

/// What a browser keeps: one cookie.
#[derive(Clone, Copy, Default)]
pub(crate) struct Browser {
    pub(crate) cookie: Option<Token>,
}

impl Browser {
    pub(crate) fn open(&self, house: &House) -> Session {
        self.visit(&house.manager)
    }

    pub(crate) fn visit(&self, manager: &SessionManager) -> Session {
        manager.open(self.cookie.as_ref().map(|token| token.as_str().as_bytes()))
    }

    /// Ends a request: commits, and does with the cookie what the response says.
    pub(crate) async fn finish(&mut self, house: &House, session: &Session) -> Result<Committed> {
        let committed = house.manager.commit(session).await?;
        self.receive(committed.token);
        Ok(committed)
    }

    pub(crate) fn receive(&mut self, action: TokenAction) {
        match action {
            TokenAction::Keep => {}
            TokenAction::Set { token, .. } => self.cookie = Some(token),
            TokenAction::Forget => self.cookie = None,
        }
    }

    /// The key of its session. Panics when there is no cookie.
    pub(crate) fn key(&self) -> RecordKey {
        key_of(&self.cookie.expect("the browser has a cookie"))
    }

    pub(crate) fn has(&self, token: &Token) -> bool {
        self.cookie.is_some_and(|cookie| cookie.as_str() == token.as_str())
    }

    /// Reads a number with a request of its own.
    pub(crate) async fn sees(&self, house: &House, key: &str) -> Result<Option<i64>> {
        self.open(house).get(key).await
    }
}

pub(crate) fn key_of(token: &Token) -> RecordKey {
    SessionId::parse(token.as_str().as_bytes()).expect("a token parses").key("")
}

/// A well-formed token that nobody ever issued.
pub(crate) fn made_up() -> Token {
    SessionId::from_bytes([0x5a; 32]).token()
}

/// Counts what it is told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Events(Arc<Mutex<BTreeMap<&'static str, usize>>>);

impl Events {
    pub(crate) fn count(&self, kind: EventKind) -> usize {
        self.0.lock().get(kind.name()).copied().unwrap_or(0)
    }
}

impl Observer for Events {
    fn on(&self, event: &Event<'_>) {
        *self.0.lock().entry(event.kind.name()).or_default() += 1;
    }
}

/// Polls a future once, and gives it up if it has to wait.
pub(crate) fn give_up<F: Future>(future: F) -> Option<F::Output> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// The outcome of a future that never has to wait: another request, in the middle of a store call.
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    give_up(future).expect("it had to wait")
}

pub(crate) fn ada() -> Principal {
    Principal::from("ada")
}
