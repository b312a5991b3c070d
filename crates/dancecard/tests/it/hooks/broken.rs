//! Hooks that fail, panic, hang, or say no, at each of the ten points.

use std::error::Error as _;
use std::future::{pending, poll_fn, ready};
use std::panic::resume_unwind;
use std::pin::pin;
use std::time::{Duration, Instant};

use dancecard::{ErrorKind, HookError, HookPoint, Hooks, Session, SessionManager, SharedStore};

use super::Visitor;

pub(super) async fn stop_nothing(store: SharedStore) {
    no_write_is_lost(store.clone()).await;
    no_end_is_stopped(store.clone()).await;
    ends_without_waiting(store.clone()).await;
    those_that_hang_are_given_their_time(store.clone()).await;
    refusals(store).await;
}

/// The time of every hook that waits is over at once.
fn impatient() -> Hooks {
    Hooks::new(|_| ready(()))
}

/// Fails, panics (without a word: nothing keeps this binary's output apart), and never comes to an end.
pub(super) fn broken(point: HookPoint) -> [Hooks; 3] {
    [
        impatient().on(point, |_| ready(Err(HookError::failure("broken")))),
        impatient().on(point, |_| async { resume_unwind(Box::new("a hook's own fault")) }),
        impatient().on(point, |_| pending()),
    ]
}

async fn write(session: &Session) -> dancecard::Result<()> {
    session.set("count", 1)
}

async fn count(visitor: &Visitor) -> Option<i64> {
    visitor.open().get("count").await.unwrap()
}

/// A browser with a session that was begun without hooks, and what it is seen with.
async fn visited(plain: &SessionManager, hooks: Hooks) -> Visitor {
    let mut visitor = Visitor::new(plain.clone());
    visitor.request(write).await.unwrap();
    Visitor { manager: plain.clone().with_hooks(hooks), ..visitor }
}

async fn no_write_is_lost(store: SharedStore) {
    let plain = SessionManager::new(store);
    for point in HookPoint::ALL {
        for (way, hooks) in broken(point).into_iter().enumerate() {
            let mut visitor = Visitor::new(plain.clone().with_hooks(hooks));
            visitor.request(write).await.unwrap();
            visitor
                .request(async |session| {
                    session.update("count", |count: &mut i64| *count += 1)?;
                    session.cycle_id()
                })
                .await
                .unwrap();
            let visitor = Visitor { manager: plain.clone(), ..visitor };
            assert_eq!(count(&visitor).await, Some(2), "{point:?}, {way}");
        }
    }
}

async fn no_end_is_stopped(store: SharedStore) {
    let plain = SessionManager::new(store);
    for point in HookPoint::ALL {
        let refusing = impatient().on(point, |_| ready(Err(HookError::refuse("never"))));
        for (way, hooks) in broken(point).into_iter().chain([refusing]).enumerate() {
            let mut visitor = visited(&plain, hooks).await;
            let kept = visitor.cookie;
            visitor.request(async |session| session.destroy()).await.unwrap();
            assert!(visitor.cookie.is_none(), "{point:?}, {way}");
            let visitor = Visitor { manager: plain.clone(), cookie: kept };
            assert_eq!(count(&visitor).await, None, "{point:?}, {way}");
        }
    }
}

/// The time of these hooks is never over, and the request is given up as soon as its session has ended.
async fn ends_without_waiting(store: SharedStore) {
    let plain = SessionManager::new(store);
    for point in [HookPoint::BeforeRetrieve, HookPoint::AfterRetrieve, HookPoint::BeforeDestroy] {
        let visitor = visited(&plain, Hooks::new(|_| pending()).on(point, |_| pending())).await;
        let session = visitor.open();
        session.destroy().unwrap();
        let mut commit = pin!(visitor.manager.commit(&session));
        let visitor = Visitor { manager: plain.clone(), ..visitor };
        let is_over = async {
            while count(&visitor).await.is_some() {
                tokio::task::yield_now().await;
            }
        };
        let mut is_over = pin!(is_over);
        let ended = poll_fn(|context| {
            assert!(commit.as_mut().poll(context).is_pending(), "{point:?}: the hook hangs");
            is_over.as_mut().poll(context)
        });
        let limit = Duration::from_secs(60);
        assert!(tokio::time::timeout(limit, ended).await.is_ok(), "{point:?}: it lives");
    }
}

/// By the clock, and no longer.
async fn those_that_hang_are_given_their_time(store: SharedStore) {
    let limit = Duration::from_millis(5);
    let hooks = HookPoint::ALL
        .into_iter()
        .fold(Hooks::new(tokio::time::sleep), |hooks, point| hooks.on(point, |_| pending()));
    let plain = SessionManager::new(store);
    let mut visitor = Visitor::new(plain.clone().with_hooks(hooks.with_limit(limit)));
    let begun = Instant::now();
    visitor.request(write).await.unwrap();
    let kept = visitor.cookie;
    assert!(begun.elapsed() >= limit, "none was waited for");
    assert_eq!(count(&Visitor { manager: plain.clone(), cookie: kept }).await, Some(1));
    visitor.request(async |session| session.destroy()).await.unwrap();
    assert_eq!(count(&Visitor { manager: plain, cookie: kept }).await, None);
}

#[derive(Debug)]
struct Closed(&'static str);

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "closed until {}", self.0)
    }
}

impl std::error::Error for Closed {}

async fn refusals(store: SharedStore) {
    let plain = SessionManager::new(store);
    for point in HookPoint::ALL.into_iter().filter(|point| point.may_refuse()) {
        let refusing = impatient().on(point, |_| ready(Err(HookError::refuse(Closed("eight")))));
        let mut visitor = visited(&plain, refusing).await;
        let kept = visitor.cookie;
        if point == HookPoint::BeforeCreate {
            visitor.cookie = None;
        }
        let refused = visitor.request(async |session| {
            session.set("count", 2)?;
            if point == HookPoint::BeforeChangeId { session.cycle_id() } else { Ok(()) }
        });
        let error = refused.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{point:?}");
        let reason = error.source().and_then(|source| source.downcast_ref::<Closed>());
        assert_eq!(reason.map(|reason| reason.0), Some("eight"), "{point:?}");
        assert_eq!(visitor.cookie.is_none(), point == HookPoint::BeforeCreate);
        let visitor = Visitor { manager: plain.clone(), cookie: kept };
        assert_eq!(count(&visitor).await, Some(1), "{point:?}");
    }
}
