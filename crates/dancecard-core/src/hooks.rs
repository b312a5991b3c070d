//! Hooks: what an application does before and after the steps of a session's life.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::observe::Fingerprint;
use crate::session::Session;

/// A page is not kept waiting for longer by hooks that follow each other.
const USUAL: Duration = Duration::from_secs(1);
/// What Dancer 2 puts before the names of these points.
const PREFIX: &str = "engine.session.";

/// A step of a session's life, before or after.
///
/// They are called in the order of this list, as far as a request takes the steps. To store a new session is to create
/// and to flush it; a new id comes with the data that is stored under it.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HookPoint {
    /// A client's token is about to be looked up. May refuse. There is no session to see yet.
    BeforeRetrieve,
    /// It stands for a live session, which was loaded.
    AfterRetrieve,
    /// A session is about to get a new id. May refuse.
    BeforeChangeId,
    /// A session is about to be ended by its handle. It can't be refused: whoever wants to leave, leaves. Nor is it
    /// delayed: the session ends while a hook waits.
    BeforeDestroy,
    /// A session is about to begin. May refuse.
    BeforeCreate,
    /// It has begun, and will be stored with the flush that follows.
    AfterCreate,
    /// Changes are about to be stored. May refuse, and may make more changes.
    BeforeFlush,
    /// A session has got its new id, and the old one is worth nothing any more.
    AfterChangeId,
    /// A session has ended.
    AfterDestroy,
    /// Changes have been stored.
    AfterFlush,
}

impl HookPoint {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::BeforeRetrieve,
        Self::AfterRetrieve,
        Self::BeforeChangeId,
        Self::BeforeDestroy,
        Self::BeforeCreate,
        Self::AfterCreate,
        Self::BeforeFlush,
        Self::AfterChangeId,
        Self::AfterDestroy,
        Self::AfterFlush,
    ];

    /// The name, which is Dancer 2's without what that puts before it.
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeRetrieve => "before_retrieve",
            Self::AfterRetrieve => "after_retrieve",
            Self::BeforeChangeId => "before_change_id",
            Self::BeforeDestroy => "before_destroy",
            Self::BeforeCreate => "before_create",
            Self::AfterCreate => "after_create",
            Self::BeforeFlush => "before_flush",
            Self::AfterChangeId => "after_change_id",
            Self::AfterDestroy => "after_destroy",
            Self::AfterFlush => "after_flush",
        }
    }

    /// The point of a name, with or without Dancer 2's `engine.session.` before it.
    ///
    /// ```
    /// use dancecard_core::HookPoint;
    ///
    /// assert_eq!(HookPoint::of_name("engine.session.before_flush"), Some(HookPoint::BeforeFlush));
    /// assert_eq!(HookPoint::of_name("after_create"), Some(HookPoint::AfterCreate));
    /// assert_eq!(HookPoint::of_name("after_lunch"), None);
    /// ```
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        Self::ALL.into_iter().find(|point| point.name() == name)
    }

    /// Whether a hook there can stop what is about to happen.
    pub fn may_refuse(self) -> bool {
        matches!(self, Self::BeforeRetrieve | Self::BeforeChangeId | Self::BeforeCreate | Self::BeforeFlush)
    }
}

/// What a hook is told.
#[derive(Debug, Clone)]
pub struct Moment {
    point: HookPoint,
    session: Option<Session>,
    fingerprint: Option<Fingerprint>,
}

impl Moment {
    pub(crate) fn new(point: HookPoint, session: Option<Session>, fingerprint: Option<Fingerprint>) -> Self {
        Self { point, session, fingerprint }
    }

    /// The step.
    pub fn point(&self) -> HookPoint {
        self.point
    }

    /// The session, everywhere but before it is looked up. It can be read; before its end as it is stored, after that as what
    /// was written since. It can be written before a flush; a write at another point is refused before an end, or when a
    /// response is being decided, and else waits for the next save. A hook must not save it, since that is what is going
    /// on: it would wait until its time is over.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// What stands for its record in logs, where there is one: before a change of id for the old id, after it for the
    /// new one.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }
}

type Cause = Box<dyn StdError + Send + Sync>;

/// Why a hook did not go well. What it can't do itself becomes a failure by `?`; to refuse is a decision.
///
/// ```
/// use dancecard_core::HookError;
///
/// fn check(country: &str) -> Result<u32, HookError> {
///     if country == "nowhere" {
///         return Err(HookError::refuse("not from there"));
///     }
///     Ok(country.parse()?)
/// }
/// assert!(check("nowhere").unwrap_err().is_refusal());
/// assert!(!check("somewhere").unwrap_err().is_refusal());
/// ```
pub struct HookError {
    is_refusal: bool,
    cause: Cause,
}

impl HookError {
    /// Stops what is about to happen, where that can be stopped. The reason is the source of the error that the
    /// application gets, of kind [`ErrorKind::Refused`](crate::ErrorKind::Refused), and can be taken out of it by its type.
    pub fn refuse(reason: impl Into<Cause>) -> Self {
        Self { is_refusal: true, cause: reason.into() }
    }

    /// Something went wrong in the hook. The observer is told; sessions go on as if there were no such hook.
    pub fn failure(cause: impl Into<Cause>) -> Self {
        Self { is_refusal: false, cause: cause.into() }
    }

    /// Whether this is a decision.
    pub fn is_refusal(&self) -> bool {
        self.is_refusal
    }

    pub(crate) fn into_cause(self) -> Cause {
        self.cause
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for HookError {
    fn from(cause: E) -> Self {
        Self::failure(cause)
    }
}

impl fmt::Debug for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookError").field("is_refusal", &self.is_refusal).finish_non_exhaustive()
    }
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Hook = Arc<dyn Fn(Moment) -> BoxFuture<Result<(), HookError>> + Send + Sync>;

/// What an application does at each [`HookPoint`]; several at one point are called in the order of their registration.
///
/// A hook that fails, panics, or takes longer than it may is passed over, and the observer is told
/// ([`EventKind::HookFailed`](crate::EventKind::HookFailed)): it never keeps a session alive that was to end, and no change
/// from being stored. A hook that refuses stops its step, where [`HookPoint::may_refuse`] says so. Hooks are called for what
/// handles do: sessions that are ended by their owner from elsewhere, by a limit, or by time have no hook.
///
/// Changes are stored once the hooks before them are through, or their time is over; a request that is given up by then has
/// stored nothing. An end waits for no hook.
///
/// A manager without hooks does nothing for them.
///
/// ```
/// use dancecard_core::{HookPoint, Hooks, MemoryStore, Moment, SessionManager};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// let hooks = Hooks::new(tokio::time::sleep).on(HookPoint::BeforeFlush, |moment: Moment| async move {
///     let Some(session) = moment.session() else { return Ok(()) };
///     session.set("release", env!("CARGO_PKG_VERSION"))?;
///     Ok(())
/// });
/// let manager = SessionManager::new(MemoryStore::new()).with_hooks(hooks);
/// let session = manager.open([]);
/// session.set("user", "ada")?;
/// session.save().await?;
/// assert_eq!(session.get::<String>("release").await?.as_deref(), Some(env!("CARGO_PKG_VERSION")));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Hooks {
    hooks: Vec<(HookPoint, Hook)>,
    sleep: Arc<dyn Fn(Duration) -> BoxFuture<()> + Send + Sync>,
    limit: Duration,
}

impl Hooks {
    /// No hooks yet. This crate knows no runtime, so it is given the runtime's sleep. Hooks may take one second, as
    /// [`Hooks::with_limit`] says.
    pub fn new<F>(sleep: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { hooks: Vec::new(), sleep: Arc::new(move |time| Box::pin(sleep(time))), limit: USUAL }
    }

    /// How long the hooks may wait that are called one after another: those before a commit together, with those of a
    /// lookup that it makes; those after it; and those around a lookup for a handler that reads. Once that time is over,
    /// the rest of them are still called, and those that have to wait are passed over.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Adds a hook at a point.
    #[must_use]
    pub fn on<F>(mut self, point: HookPoint, hook: impl Fn(Moment) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), HookError>> + Send + 'static,
    {
        self.hooks.push((point, Arc::new(move |moment| Box::pin(hook(moment)))));
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hooks.is_empty()
    }

    pub(crate) fn at(&self, point: HookPoint) -> impl Iterator<Item = &Hook> {
        self.hooks.iter().filter(move |(at, _)| *at == point).map(|(_, hook)| hook)
    }
}

/// The time that hooks which follow each other have for waiting, all together. It begins when the first of them waits.
pub(crate) struct Patience<'a> {
    hooks: &'a Hooks,
    alarm: Option<Contained<()>>,
    over: Option<&'static str>,
}

impl<'a> Patience<'a> {
    pub(crate) fn with(hooks: &'a Hooks) -> Self {
        Self { hooks, alarm: None, over: None }
    }

    /// What a hook came to; that it panicked or took too long is a failure of its own. While it waits, `meanwhile` is
    /// polled.
    pub(crate) async fn call(
        &mut self,
        hook: &Hook,
        moment: Moment,
        mut meanwhile: impl FnMut(&mut Context<'_>),
    ) -> Result<(), HookError> {
        let mut called = Contained::begin(|| hook(moment));
        poll_fn(|context| {
            if let Poll::Ready(result) = called.poll(context) {
                return Poll::Ready(result.unwrap_or_else(|| Err(HookError::failure("it panicked"))));
            }
            meanwhile(context);
            self.poll_over(context).map(|why| Err(HookError::failure(why)))
        })
        .await
    }

    /// Why hooks that wait are not waited for any longer.
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<&'static str> {
        if let Some(why) = self.over {
            return Poll::Ready(why);
        }
        let hooks = self.hooks;
        let alarm = self.alarm.get_or_insert_with(|| Contained::begin(|| (hooks.sleep)(hooks.limit)));
        let why = match ready!(alarm.poll(context)) {
            Some(()) => "it took too long",
            // Without a measure of time they are not waited for at all.
            None => "it had to wait, and the sleep that limits this panicked",
        };
        self.over = Some(why);
        Poll::Ready(why)
    }
}

/// A future of the application's. No panic of it goes any further: neither where it begins, nor in it, nor when it is given up.
struct Contained<T>(Option<BoxFuture<T>>);

impl<T> Contained<T> {
    fn begin(begin: impl FnOnce() -> BoxFuture<T>) -> Self {
        Self(contain(begin))
    }

    /// `None` when it panicked.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(future) = &mut self.0 else { return Poll::Ready(None) };
        match contain(|| future.as_mut().poll(context)) {
            Some(polled) => polled.map(Some),
            None => Poll::Ready(None),
        }
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        contain(|| drop(self.0.take()));
    }
}

fn contain<R>(run: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points: Vec<_> = self.hooks.iter().map(|(point, _)| point).collect();
        f.debug_struct("Hooks").field("points", &points).field("limit", &self.limit).finish_non_exhaustive()
    }
}
