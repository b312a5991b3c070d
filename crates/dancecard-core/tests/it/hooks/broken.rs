//! Hooks that fail, panic, or hang.

use std::future::{pending, ready};

use dancecard_core::{EventKind, HookError, HookPoint, Hooks, Policy, Result};

use super::{Log, house_with, impatient, request, visited};
use crate::house::Browser;

/// Panics when it is given up.
struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        panic!("a hook's own fault")
    }
}

/// Fails, panics before it has a future, panics in its future, and never comes to an end: in peace, with a panic when that
/// is over, where there is nothing to measure time with, and where the measure breaks.
fn broken(point: HookPoint) -> [Hooks; 7] {
    [
        impatient().on(point, |_| ready(Err(HookError::failure("broken")))),
        impatient().on(point, |_| -> std::future::Ready<_> { panic!("a hook's own fault") }),
        impatient().on(point, |_| async { panic!("a hook's own fault") }),
        impatient().on(point, |_| pending()),
        impatient().on(point, |_| async {
            let _fragile = Fragile;
            pending().await
        }),
        Hooks::new(|_| -> std::future::Ready<()> { panic!("no timer") }).on(point, |_| pending()),
        Hooks::new(|_| async { panic!("no timer") }).on(point, |_| pending()),
    ]
}

#[tokio::test]
async fn a_broken_hook_loses_no_write() -> Result<()> {
    for point in HookPoint::ALL {
        for (way, hooks) in broken(point).into_iter().enumerate() {
            let house = house_with(hooks, Policy::default());
            let mut browser = Browser::default();
            request(&house, &mut browser, async |session| session.set("a", 1)).await?;
            request(&house, &mut browser, async |session| {
                session.update("a", |count: &mut i64| *count += 1)?;
                session.cycle_id()
            })
            .await?;
            assert_eq!(browser.sees(&house, "a").await?, Some(2), "{point:?}, {way}");
            let told = house.events.count(EventKind::HookFailed);
            let is_passed = !matches!(point, HookPoint::BeforeDestroy | HookPoint::AfterDestroy);
            assert_eq!(told > 0, is_passed, "{point:?}, {way}: {told}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_broken_hook_stops_no_end() -> Result<()> {
    for point in HookPoint::ALL {
        for (way, hooks) in broken(point).into_iter().enumerate() {
            let (house, mut browser) = visited(hooks).await?;
            request(&house, &mut browser, async |session| session.destroy()).await?;
            assert_eq!((house.live().await, browser.cookie.is_none()), (0, true), "{point:?}, {way}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_others_at_a_point_are_called_after_a_broken_one() -> Result<()> {
    let log = Log::default();
    for hooks in broken(HookPoint::BeforeFlush) {
        let house = house_with(log.at(hooks, HookPoint::BeforeFlush, "second"), Policy::default());
        request(&house, &mut Browser::default(), async |session| session.set("a", 1)).await?;
        assert_eq!((log.take(), house.events.count(EventKind::HookFailed)), (vec!["second"], 1));
    }
    Ok(())
}

/// It would wait for the commit that waits for it. Its time ends, and the commit goes on.
#[tokio::test]
async fn a_hook_that_saves_is_passed_over() -> Result<()> {
    let (house, mut browser) = visited(impatient().on(HookPoint::AfterRetrieve, |moment| async move {
        match moment.session() {
            Some(session) => Ok(session.save().await?),
            None => Ok(()),
        }
    }))
    .await?;
    request(&house, &mut browser, async |session| session.set("a", 2)).await?;
    assert_eq!(house.events.count(EventKind::HookFailed), 1);
    assert_eq!(browser.sees(&house, "a").await?, Some(2));
    Ok(())
}
