//! What applications do before and after the steps of a session's life.

use std::future::ready;
use std::sync::Arc;

use dancecard_core::{ErrorKind, EventKind, Fingerprint, HookPoint, Hooks, Outcome, Policy, Result, Session};
use parking_lot::Mutex;

use crate::house::{Browser, House, made_up};
use crate::probe::When;

mod broken;
mod reading;
mod refusing;
mod waiting;

/// The time of every hook that waits is over at once.
fn impatient() -> Hooks {
    Hooks::new(|_| ready(()))
}

/// Notes which points are passed.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn everywhere(&self) -> Hooks {
        HookPoint::ALL.into_iter().fold(impatient(), |hooks, point| self.at(hooks, point, ""))
    }

    fn at(&self, hooks: Hooks, point: HookPoint, name: &'static str) -> Hooks {
        let log = self.clone();
        hooks.on(point, move |moment| {
            log.0.lock().push(if name.is_empty() { moment.point().name() } else { name });
            ready(Ok(()))
        })
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock())
    }
}

fn house_with(hooks: Hooks, policy: Policy) -> House {
    let house = House::with(policy);
    House { manager: house.manager.clone().with_hooks(hooks), ..house }
}

fn logged() -> (House, Log) {
    let log = Log::default();
    (house_with(log.everywhere(), Policy::default()), log)
}

/// A house, and a browser that already has a session in it with `a` = 1.
async fn visited(hooks: Hooks) -> Result<(House, Browser)> {
    let house = House::new();
    let browser = house.visitor("a").await?;
    Ok((House { manager: house.manager.clone().with_hooks(hooks), ..house }, browser))
}

async fn request(
    house: &House,
    browser: &mut Browser,
    handler: impl AsyncFnOnce(&Session) -> Result<()>,
) -> Result<Outcome> {
    let session = browser.open(house);
    handler(&session).await?;
    Ok(browser.finish(house, &session).await?.outcome)
}

#[tokio::test]
async fn the_order_is_that_of_dancer() -> Result<()> {
    let (house, log) = logged();
    let mut browser = Browser::default();
    request(&house, &mut browser, async |session| session.set("a", 1)).await?;
    assert_eq!(log.take(), ["before_create", "after_create", "before_flush", "after_flush"], "a first write");
    request(&house, &mut browser, async |session| session.get::<i64>("a").await.map(drop)).await?;
    assert_eq!(log.take(), ["before_retrieve", "after_retrieve"], "a read");
    request(&house, &mut browser, async |session| session.set("a", 2)).await?;
    assert_eq!(log.take(), ["before_retrieve", "after_retrieve", "before_flush", "after_flush"], "a write");
    request(&house, &mut browser, async |session| session.cycle_id()).await?;
    let expected = ["before_retrieve", "after_retrieve", "before_change_id", "after_change_id"];
    assert_eq!(log.take(), expected, "a change of id");
    request(&house, &mut browser, async |session| session.destroy()).await?;
    assert_eq!(
        log.take(),
        ["before_retrieve", "after_retrieve", "before_destroy", "after_destroy"],
        "the end"
    );
    Ok(())
}

#[tokio::test]
async fn an_unknown_id_is_looked_for_and_then_a_session_begins() -> Result<()> {
    let (house, log) = logged();
    let mut browser = Browser { cookie: Some(made_up()) };
    request(&house, &mut browser, async |session| session.set("a", 1)).await?;
    let expected = ["before_retrieve", "before_create", "after_create", "before_flush", "after_flush"];
    assert_eq!(log.take(), expected);
    Ok(())
}

#[tokio::test]
async fn a_new_id_with_changes_is_a_flush_too() -> Result<()> {
    let (house, log) = logged();
    let mut browser = Browser::default();
    request(&house, &mut browser, async |session| session.set("a", 1)).await?;
    log.take();
    request(&house, &mut browser, async |session| {
        session.get::<i64>("a").await?;
        session.set("a", 2)?;
        session.sign_in("ada")
    })
    .await?;
    let expected = ["before_change_id", "before_flush", "after_change_id", "after_flush"];
    assert_eq!(log.take().split_off(2), expected);
    Ok(())
}

#[tokio::test]
async fn what_is_written_after_the_end_begins_another_session() -> Result<()> {
    let (house, log) = logged();
    let mut browser = Browser::default();
    request(&house, &mut browser, async |session| session.set("a", 1)).await?;
    log.take();
    request(&house, &mut browser, async |session| {
        session.destroy()?;
        session.set("goodbye", true)
    })
    .await?;
    let expected =
        ["before_destroy", "before_create", "after_create", "before_flush", "after_destroy", "after_flush"];
    assert_eq!(log.take().split_off(2), expected);
    Ok(())
}

/// It can't be read, but it can be ended, and what follows is a session like any other.
#[tokio::test]
async fn the_end_of_a_session_that_can_not_be_read_has_all_its_hooks() -> Result<()> {
    let log = Log::default();
    let (house, mut browser) = visited(log.everywhere()).await?;
    let old = browser.key();
    house.store.fail_with(0, When::Before, ErrorKind::Corrupt);
    request(&house, &mut browser, async |session| {
        session.destroy()?;
        session.set("goodbye", 1)
    })
    .await?;
    let expected = [
        "before_retrieve",
        "before_destroy",
        "before_create",
        "after_create",
        "before_flush",
        "after_destroy",
        "after_flush",
    ];
    assert_eq!(log.take(), expected);
    assert!(house.is_over(&old).await);
    assert_eq!(browser.sees(&house, "goodbye").await?, Some(1));
    Ok(())
}

#[tokio::test]
async fn an_end_is_told_of_though_what_follows_it_fails() -> Result<()> {
    let log = Log::default();
    let (house, browser) = visited(log.everywhere()).await?;
    let session = browser.open(&house);
    session.destroy()?;
    session.set("goodbye", 1)?;
    // It is loaded, ended, and then the next one is to be stored.
    house.store.fail(2, When::Before);
    assert!(house.manager.commit(&session).await.unwrap_err().is_unavailable());
    assert_eq!(house.store.calls(), ["load", "update", "create"]);
    assert_eq!(log.take().last(), Some(&"after_destroy"));

    house.manager.commit(&session).await?;
    assert_eq!(log.take(), ["before_create", "after_create", "before_flush", "after_flush"]);
    Ok(())
}

#[tokio::test]
async fn what_stores_nothing_calls_nothing() -> Result<()> {
    let (house, log) = logged();
    let mut browser = Browser::default();
    request(&house, &mut browser, async |_| Ok(())).await?;
    request(&house, &mut browser, async |session| session.get::<i64>("a").await.map(drop)).await?;
    assert!(log.take().is_empty(), "a visitor without a session");
    request(&house, &mut browser, async |session| session.set("a", 1)).await?;
    log.take();
    request(&house, &mut browser, async |_| Ok(())).await?;
    assert!(log.take().is_empty(), "an untouched session");
    let session = browser.open(&house);
    session.set("a", 9)?;
    session.abandon();
    browser.finish(&house, &session).await?;
    assert!(log.take().is_empty(), "a response that failed");
    Ok(())
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_tried_and_not_done() -> Result<()> {
    let (house, log) = logged();
    let mut browser = Browser::default();
    request(&house, &mut browser, async |session| session.set("a", 1)).await?;
    log.take();
    assert_eq!(request(&house, &mut browser, async |session| session.set("a", 1)).await?, Outcome::Unchanged);
    assert_eq!(log.take(), ["before_retrieve", "after_retrieve", "before_flush"]);
    Ok(())
}

#[tokio::test]
async fn a_save_and_the_response_each_have_theirs() -> Result<()> {
    let (house, log) = logged();
    let mut browser = Browser::default();
    request(&house, &mut browser, async |session| {
        session.set("a", 1)?;
        session.save().await?;
        session.set("a", 2)
    })
    .await?;
    let expected =
        ["before_create", "after_create", "before_flush", "after_flush", "before_flush", "after_flush"];
    assert_eq!(log.take(), expected);
    assert_eq!(browser.sees(&house, "a").await?, Some(2));
    Ok(())
}

#[tokio::test]
async fn several_hooks_at_one_point_are_called_in_order() -> Result<()> {
    let log = Log::default();
    let hooks = ["first", "second", "third"]
        .into_iter()
        .fold(impatient(), |hooks, name| log.at(hooks, HookPoint::BeforeFlush, name));
    let house = house_with(hooks, Policy::default());
    request(&house, &mut Browser::default(), async |session| session.set("a", 1)).await?;
    assert_eq!(log.take(), ["first", "second", "third"]);
    Ok(())
}

#[tokio::test]
async fn what_a_hook_writes_before_a_flush_is_stored() -> Result<()> {
    let hooks = impatient().on(HookPoint::BeforeFlush, |moment| async move {
        let Some(session) = moment.session() else { return Ok(()) };
        let seen: i64 = session.get("a").await?.unwrap_or_default();
        session.set("doubled", seen * 2)?;
        Ok(())
    });
    let (house, mut browser) = visited(hooks).await?;
    let session = browser.open(&house);
    session.set("a", 4)?;
    // As an adapter does: it asks first whether the response can be decided at once.
    assert!(session.commit_now().is_none());
    browser.finish(&house, &session).await?;
    assert_eq!(browser.sees(&house, "doubled").await?, Some(8));
    assert_eq!(session.set("late", 1).unwrap_err().kind(), ErrorKind::Sealed);
    Ok(())
}

#[tokio::test]
async fn what_a_hook_writes_after_the_decision_is_refused() -> Result<()> {
    let (house, mut browser) = visited(impatient().on(HookPoint::AfterFlush, |moment| async move {
        moment.session().map_or(Ok(()), |session| session.set("late", 1))?;
        Ok(())
    }))
    .await?;
    request(&house, &mut browser, async |session| session.set("a", 2)).await?;
    assert_eq!(house.events.count(EventKind::HookFailed), 1);
    assert_eq!(browser.sees(&house, "late").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_change_of_id_tells_of_the_old_one_and_the_new_one() -> Result<()> {
    let seen: Arc<Mutex<Vec<Option<Fingerprint>>>> = Arc::default();
    let note = |hooks: Hooks, point| {
        let seen = seen.clone();
        hooks.on(point, move |moment| {
            seen.lock().push(moment.fingerprint());
            ready(Ok(()))
        })
    };
    let hooks = note(note(impatient(), HookPoint::BeforeChangeId), HookPoint::AfterChangeId);
    let (house, mut browser) = visited(hooks).await?;
    let old = house.manager.fingerprint(&browser.key());
    request(&house, &mut browser, async |session| session.cycle_id()).await?;
    let new = house.manager.fingerprint(&browser.key());
    assert_ne!(old, new);
    assert_eq!(*seen.lock(), [Some(old), Some(new)]);
    Ok(())
}

#[tokio::test]
async fn no_round_trip_is_added() -> Result<()> {
    let hooked = visited(Log::default().everywhere()).await?;
    let plain = visited(impatient()).await?;
    let mut calls = Vec::new();
    for (house, mut browser) in [hooked, plain] {
        request(&house, &mut browser, async |session| session.set("a", 2)).await?;
        request(&house, &mut browser, async |session| session.cycle_id()).await?;
        request(&house, &mut browser, async |session| session.destroy()).await?;
        calls.push(house.store.calls());
    }
    assert_eq!(calls[0], calls[1]);
    Ok(())
}

#[tokio::test]
async fn writers_that_meet_lose_nothing_with_hooks_between() -> Result<()> {
    let hooks = Hooks::new(tokio::time::sleep).on(HookPoint::BeforeFlush, |_| async {
        tokio::task::yield_now().await;
        Ok(())
    });
    let (house, browser) = visited(hooks).await?;
    let write = |_| {
        let session = browser.open(&house);
        let manager = house.manager.clone();
        async move {
            session.update("a", |count: &mut i64| *count += 1)?;
            manager.commit(&session).await.map(drop)
        }
    };
    let tasks: Vec<_> = (0..20).map(write).map(tokio::spawn).collect();
    for task in tasks {
        task.await.expect("a writer ends")?;
    }
    assert_eq!(browser.sees(&house, "a").await?, Some(21));
    Ok(())
}

#[test]
fn names_and_points_go_both_ways() {
    for point in HookPoint::ALL {
        assert_eq!(HookPoint::of_name(point.name()), Some(point));
        assert_eq!(HookPoint::of_name(&format!("engine.session.{}", point.name())), Some(point));
    }
}
