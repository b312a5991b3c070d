//! The engine under test, and how to get another one.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use dancecard_core::{Capabilities, SharedStore, Store};

use super::expiring::Expiring;
use super::handles::{AtOnce, Waiting};
use crate::failure::Outcome;

pub(super) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Expirer = Arc<dyn Fn() -> BoxFuture<'static, Outcome<Expiring>> + Send + Sync>;
type Opener = Arc<dyn Fn() -> BoxFuture<'static, Outcome<SharedStore>> + Send + Sync>;

/// What a factory gives.
pub type Opened = Outcome<Subject>;

/// An engine under test: a store with no records in it, and what the suite may do with it besides.
///
/// ```
/// use dancecard_core::MemoryStore;
/// use dancecard_testkit::store::Subject;
///
/// let subject = Subject::new(MemoryStore::new())
///     .with_limited(|| async { Ok(MemoryStore::new().with_max_sessions(100)) });
/// assert!(!subject.profile().capabilities.durable);
/// ```
pub struct Subject {
    pub(super) store: SharedStore,
    pub(super) waiting: Option<SharedStore>,
    pub(super) hooks: Hooks,
}

/// What the suite can do with an engine besides calling it.
#[derive(Default)]
pub(super) struct Hooks {
    pub(super) reopen: Option<Opener>,
    pub(super) peer: Option<Opener>,
    pub(super) limited: Option<Opener>,
    pub(super) expiring: Option<Expirer>,
    guards: Vec<Box<dyn Any + Send + Sync>>,
}

impl Subject {
    /// A store that holds no records, and that nobody else uses.
    pub fn new(store: impl Store) -> Self {
        let store = Arc::new(store);
        let waiting = store.immediate().is_some().then(|| SharedStore::new(Waiting(store.clone())));
        Self { store: SharedStore::new(AtOnce(store)), waiting, hooks: Hooks::default() }
    }

    /// How to open the same data again. The suite drops every handle on the store before it calls this, as the end of
    /// a process would. With it, the cases about durable engines run.
    #[must_use]
    pub fn with_reopen<S, Fut>(mut self, reopen: impl Fn() -> Fut + Send + Sync + 'static) -> Self
    where
        S: Store,
        Fut: Future<Output = Outcome<S>> + Send + 'static,
    {
        self.hooks.reopen = Some(opener(reopen));
        self
    }

    /// How to open the same data a second time while the first is in use, as another process would. With it, the
    /// cases about shared engines run.
    #[must_use]
    pub fn with_peer<S, Fut>(mut self, peer: impl Fn() -> Fut + Send + Sync + 'static) -> Self
    where
        S: Store,
        Fut: Future<Output = Outcome<S>> + Send + 'static,
    {
        self.hooks.peer = Some(opener(peer));
        self
    }

    /// How to open an empty engine of the same kind that is full after some 10 to 20,000 records of 1 KiB. With it,
    /// the cases about full engines run.
    #[must_use]
    pub fn with_limited<S, Fut>(mut self, limited: impl Fn() -> Fut + Send + Sync + 'static) -> Self
    where
        S: Store,
        Fut: Future<Output = Outcome<S>> + Send + 'static,
    {
        self.hooks.limited = Some(opener(limited));
        self
    }

    /// How to open an empty engine of the same kind that drops records soon after their end, and to look at its server.
    /// With it, the case about native expiry runs.
    #[must_use]
    pub fn with_expiring<Fut>(mut self, expiring: impl Fn() -> Fut + Send + Sync + 'static) -> Self
    where
        Fut: Future<Output = Outcome<Expiring>> + Send + 'static,
    {
        self.hooks.expiring = Some(Arc::new(move || Box::pin(expiring())));
        self
    }

    /// Keeps something alive, a temporary folder for example, until the case is over.
    #[must_use]
    pub fn keeping(mut self, guard: impl Send + Sync + 'static) -> Self {
        self.hooks.guards.push(Box::new(guard));
        self
    }

    /// What decides which cases apply.
    pub fn profile(&self) -> Profile {
        Profile {
            capabilities: self.store.capabilities(),
            immediate: self.waiting.is_some(),
            reopens: self.hooks.reopen.is_some(),
            has_peer: self.hooks.peer.is_some(),
            has_limited: self.hooks.limited.is_some(),
            has_expiring: self.hooks.expiring.is_some(),
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("store", &self.store).finish_non_exhaustive()
    }
}

fn opener<S, Fut>(open: impl Fn() -> Fut + Send + Sync + 'static) -> Opener
where
    S: Store,
    Fut: Future<Output = Outcome<S>> + Send + 'static,
{
    Arc::new(move || {
        let opening = open();
        Box::pin(async move { opening.await.map(SharedStore::new) })
    })
}

/// What an engine under test claims, and what its [`Subject`] can do for the suite.
#[non_exhaustive]
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// What the engine claims.
    pub capabilities: Capabilities,
    /// Whether it also answers without a future ([`Store::immediate`]).
    pub immediate: bool,
    /// Whether the data can be opened again.
    pub reopens: bool,
    /// Whether the data can be opened twice at once.
    pub has_peer: bool,
    /// Whether there is a small twin that can be filled.
    pub has_limited: bool,
    /// Whether expired records can be seen to go.
    pub has_expiring: bool,
}

/// Opens engines under test: any `Fn() -> impl Future<Output = Opened>`. Each call gives an engine without records that
/// shares nothing with those given before, for example a file in a new folder, or a prefix of its own on a server.
pub trait Factory: Send + Sync + 'static {
    /// A new, empty engine.
    fn open(&self) -> Pin<Box<dyn Future<Output = Opened> + Send + '_>>;
}

impl<F, Fut> Factory for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Opened> + Send + 'static,
{
    fn open(&self) -> BoxFuture<'_, Opened> {
        Box::pin(self())
    }
}
