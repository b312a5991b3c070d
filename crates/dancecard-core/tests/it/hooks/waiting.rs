//! Hooks that wait, and clients that don't.

use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use dancecard_core::{EventKind, HookPoint, Hooks, Policy, Result};
use parking_lot::Mutex;

use super::{Log, house_with, request, visited};
use crate::house::Browser;

/// What was asked of the sleep, which is over at once.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<Duration>>>);

impl Asked {
    fn hooks(&self) -> Hooks {
        let asked = self.clone();
        Hooks::new(move |time| {
            asked.0.lock().push(time);
            ready(())
        })
    }

    fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut self.0.lock())
    }
}

fn hanging_at(hooks: Hooks, points: &[HookPoint]) -> Hooks {
    points.iter().fold(hooks, |hooks, point| hooks.on(*point, |_| pending()))
}

/// Gives up after a few polls, as a server does whose client has gone.
async fn try_for_a_moment(commit: impl Future) {
    let mut commit = pin!(commit);
    for _ in 0..8 {
        let done = poll_fn(|context| Poll::Ready(commit.as_mut().poll(context).is_ready())).await;
        if done {
            return;
        }
    }
}

#[tokio::test]
async fn a_hook_may_take_a_second_unless_told_otherwise() -> Result<()> {
    let asked = Asked::default();
    for (hooks, limit) in [
        (asked.hooks(), Duration::from_secs(1)),
        (asked.hooks().with_limit(Duration::from_millis(70)), Duration::from_millis(70)),
    ] {
        let house = house_with(hanging_at(hooks, &[HookPoint::BeforeFlush]), Policy::default());
        request(&house, &mut Browser::default(), async |session| session.set("a", 1)).await?;
        assert_eq!(asked.take(), [limit]);
    }
    Ok(())
}

/// However many wait, the write waits once, and so does the response once it is stored.
#[tokio::test]
async fn hooks_that_follow_each_other_share_their_time() -> Result<()> {
    use HookPoint::{AfterCreate, AfterFlush, BeforeCreate, BeforeFlush, BeforeRetrieve};
    let (asked, limit) = (Asked::default(), Duration::from_secs(1));
    let points =
        [BeforeRetrieve, BeforeCreate, AfterCreate, BeforeFlush, BeforeFlush, AfterFlush, AfterFlush];
    let house = house_with(hanging_at(asked.hooks(), &points), Policy::default());
    let mut browser = Browser { cookie: Some(crate::house::made_up()) };
    request(&house, &mut browser, async |session| session.set("a", 1)).await?;
    assert_eq!(asked.take(), [limit, limit], "before and after");
    assert_eq!(house.events.count(EventKind::HookFailed), points.len());

    request(&house, &mut browser, async |session| session.get::<i64>("a").await.map(drop)).await?;
    assert_eq!(asked.take(), [limit], "a read of the handler");
    Ok(())
}

/// When their time is over, those that need none still have their turn.
#[tokio::test]
async fn a_hook_that_does_not_wait_needs_no_time() -> Result<()> {
    let log = Log::default();
    let hooks = hanging_at(Asked::default().hooks(), &[HookPoint::BeforeCreate]);
    let house = house_with(log.at(hooks, HookPoint::BeforeFlush, "second"), Policy::default());
    request(&house, &mut Browser::default(), async |session| session.set("a", 1)).await?;
    assert_eq!((log.take(), house.events.count(EventKind::HookFailed)), (vec!["second"], 1));
    Ok(())
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_hooks_ends_its_session() -> Result<()> {
    for point in HookPoint::ALL {
        for goes_on in [false, true] {
            // The time of these hooks is never over.
            let hooks = hanging_at(Hooks::new(|_| pending()), &[point]);
            let (house, browser) = visited(hooks).await?;
            let session = browser.open(&house);
            session.destroy()?;
            if goes_on {
                session.set("goodbye", 1)?;
            }
            try_for_a_moment(house.manager.commit(&session)).await;
            assert!(house.is_over(&browser.key()).await, "{point:?}, {goes_on}");
            assert!(house.events.count(EventKind::Destroyed) == 1, "{point:?}, {goes_on}");
        }
    }
    Ok(())
}

/// Also one whose record can't be read, and one that the handler had read.
#[tokio::test]
async fn an_end_that_does_not_wait_ends_what_it_would_have() -> Result<()> {
    use dancecard_core::ErrorKind;
    for is_read in [false, true] {
        let hooks = hanging_at(Hooks::new(|_| pending()), &[HookPoint::BeforeDestroy]);
        let (house, browser) = visited(hooks).await?;
        let session = browser.open(&house);
        if is_read {
            session.get::<i64>("a").await?;
        } else {
            house.store.fail_with(0, crate::probe::When::Before, ErrorKind::Corrupt);
        }
        session.destroy()?;
        try_for_a_moment(house.manager.commit(&session)).await;
        assert!(house.is_over(&browser.key()).await, "{is_read}");
    }
    Ok(())
}

/// Hooks that wait for a while are called as those that don't, and the end is told of once.
#[tokio::test]
async fn the_order_stays_when_hooks_wait() -> Result<()> {
    let log = Log::default();
    let hooks = HookPoint::ALL.into_iter().fold(Hooks::new(tokio::time::sleep), |hooks, point| {
        let log = log.clone();
        hooks.on(point, move |_| {
            let log = log.clone();
            async move {
                log.0.lock().push(point.name());
                tokio::task::yield_now().await;
                Ok(())
            }
        })
    });
    let (house, mut browser) = visited(hooks).await?;
    request(&house, &mut browser, async |session| {
        session.destroy()?;
        session.set("goodbye", 1)
    })
    .await?;
    let expected = [
        "before_retrieve",
        "after_retrieve",
        "before_destroy",
        "before_create",
        "after_create",
        "before_flush",
        "after_destroy",
        "after_flush",
    ];
    assert_eq!(log.take(), expected);
    assert_eq!((house.events.count(EventKind::Destroyed), house.live().await), (1, 1));
    assert_eq!(browser.sees(&house, "goodbye").await?, Some(1));
    Ok(())
}

/// An engine that is down is asked again by the commit, whose error it is.
#[tokio::test]
async fn an_end_that_fails_is_an_error_of_the_commit() -> Result<()> {
    let hooks = hanging_at(Asked::default().hooks(), &[HookPoint::BeforeDestroy]);
    let (house, browser) = visited(hooks).await?;
    let session = browser.open(&house);
    session.get::<i64>("a").await?;
    session.destroy()?;
    house.store.calls();
    house.store.fail(0, crate::probe::When::Before);
    house.manager.commit(&session).await?;
    assert_eq!(house.live().await, 0, "the first attempt failed, the second did not");

    let hooks = hanging_at(Asked::default().hooks(), &[HookPoint::BeforeDestroy]);
    let (house, browser) = visited(hooks).await?;
    let session = browser.open(&house);
    session.get::<i64>("a").await?;
    session.destroy()?;
    house.store.go_down();
    assert!(house.manager.commit(&session).await.unwrap_err().is_unavailable());
    Ok(())
}
