//! What an observer is told.

use std::sync::Arc;

use dancecard_core::{
    Event, EventKind, Fingerprint, HookError, HookPoint, Hooks, ListQuery, Observer, Outcome, Policy, Result,
};
use parking_lot::Mutex;

use crate::house::{Browser, House, ada, at_once, made_up};
use crate::probe::When;

/// Kind, session, engine, and whether there was an error.
type Line = (EventKind, Option<Fingerprint>, &'static str, bool);

#[derive(Debug, Clone, Default)]
struct Diary(Arc<Mutex<Vec<Line>>>);

impl Observer for Diary {
    fn on(&self, event: &Event<'_>) {
        self.0.lock().push((event.kind, event.session, event.engine, event.error.is_some()));
    }
}

/// A house whose sessions are renewed, and which keeps a diary.
fn watched() -> (House, Diary) {
    let second = std::time::Duration::from_secs(1);
    let mut house = House::with(Policy::default().with_renewal(600 * second, 30 * second));
    let diary = Diary::default();
    house.manager = house.manager.with_observer(diary.clone());
    (house, diary)
}

async fn live_through_everything(house: &House) -> Result<()> {
    let mut browser = house.visitor("n").await?;
    let garbage = house.manager.open([b"garbage".as_slice()]);
    garbage.get::<u8>("n").await?;
    let stranger = Browser { cookie: Some(made_up()) };
    assert_eq!(stranger.sees(house, "n").await?, None);

    let slow = browser.open(house);
    slow.update("n", |n: &mut i64| *n += 1)?;
    slow.get::<i64>("n").await?;
    let quick = browser.open(house);
    quick.update("n", |n: &mut i64| *n += 1)?;
    browser.finish(house, &quick).await?;
    browser.finish(house, &slow).await?;

    house.wait(400);
    let reader = browser.open(house);
    reader.get::<i64>("n").await?;
    assert_eq!(browser.finish(house, &reader).await?.outcome, Outcome::Touched);
    house.wait(200);
    let old = browser;
    let renewed = browser.open(house);
    renewed.get::<i64>("n").await?;
    browser.finish(house, &renewed).await?;
    assert_eq!(old.sees(house, "n").await?, Some(3));

    let session = browser.open(house);
    session.sign_in("ada")?;
    browser.finish(house, &session).await?;
    let late = browser.open(house);
    late.get::<i64>("n").await?;
    late.set("n", 0)?;
    house.manager.end(&browser.key()).await?;
    house.manager.commit(&late).await?;
    expire_fail_and_undo(house).await
}

async fn expire_fail_and_undo(house: &House) -> Result<()> {
    let browser = house.visitor("n").await?;
    house.store.fail(0, When::Before);
    assert!(browser.sees(house, "n").await.is_err());
    house.wait(3600);
    assert_eq!(browser.sees(house, "n").await?, None);

    let session = Browser::default().open(house);
    session.sign_in("ada")?;
    house.store.calls();
    let other = house.clone();
    house.store.before(1, move || {
        at_once(other.manager.end_all(&"ada".into())).expect("they end");
    });
    assert_eq!(house.manager.commit(&session).await?.outcome, Outcome::Undone);
    break_a_hook(house).await
}

async fn break_a_hook(house: &House) -> Result<()> {
    let broken = |_| std::future::ready(Err(HookError::failure("broken")));
    let hooks = Hooks::new(|_| std::future::ready(())).on(HookPoint::AfterFlush, broken);
    let manager = house.manager.clone().with_hooks(hooks);
    let session = manager.open([]);
    session.set("n", 1)?;
    manager.commit(&session).await.map(drop)
}

#[tokio::test]
async fn everything_that_can_happen_is_told() -> Result<()> {
    let (house, diary) = watched();
    live_through_everything(&house).await?;
    let told = diary.0.lock().clone();
    for kind in EventKind::ALL {
        assert!(told.iter().any(|event| event.0 == kind), "{} was not told", kind.name());
    }
    assert!(told.iter().all(|event| event.2 == "probe"));
    let failures = [EventKind::StoreError, EventKind::HookFailed];
    assert!(told.iter().all(|event| event.3 == failures.contains(&event.0)));
    // Without a session in it there is none to name.
    assert!(told.iter().all(|event| event.1.is_some() || event.0 == EventKind::Malformed));
    Ok(())
}

#[tokio::test]
async fn a_fingerprint_stands_for_one_session_and_says_nothing_else() -> Result<()> {
    let house = House::new();
    let (one, other) = (house.visitor("a").await?, house.visitor("a").await?);
    let of = async |browser: &Browser| -> Result<Option<Fingerprint>> {
        let session = browser.open(&house);
        session.get::<i64>("a").await?;
        Ok(session.fingerprint())
    };
    assert!(of(&one).await?.is_some());
    assert_eq!(of(&one).await?, of(&one).await?);
    assert_ne!(of(&one).await?, of(&other).await?);
    assert_eq!(Browser::default().open(&house).fingerprint(), None);

    let (red, blue) = (
        house.manager.clone().with_fingerprint_key([1; 32]),
        house.manager.clone().with_fingerprint_key([2; 32]),
    );
    assert_ne!(red.fingerprint(&one.key()), blue.fingerprint(&one.key()));
    let text = red.fingerprint(&one.key()).to_string();
    assert_eq!(text.len(), 8);
    assert!(!one.key().to_hex().contains(&text));
    Ok(())
}

#[tokio::test]
async fn failures_of_lists_and_purges_are_told() -> Result<()> {
    let house = House::new();
    house.store.go_down();
    assert!(house.manager.sessions_of(&ada()).await.is_err());
    assert!(house.manager.purge_expired(10).await.is_err());
    let mut entries = house.manager.list(ListQuery::all());
    let first = std::future::poll_fn(|context| entries.as_mut().poll_next(context)).await;
    assert!(first.is_some_and(|entry| entry.is_err()));
    assert_eq!(house.events.count(EventKind::StoreError), 3);
    Ok(())
}

#[derive(Debug)]
struct Clumsy;

impl Observer for Clumsy {
    fn on(&self, _: &Event<'_>) {
        panic!("the observer is broken");
    }
}

/// A hook that breaks must not keep a session alive.
#[tokio::test]
async fn an_observer_that_panics_stops_nothing() -> Result<()> {
    let mut house = House::new();
    house.manager = house.manager.with_observer(Clumsy);
    let old = house.member("ada").await?;
    let mut browser = old;
    let session = browser.open(&house);
    session.set("a", 1)?;
    browser.finish(&house, &session).await?;
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    let session = browser.open(&house);
    session.destroy()?;
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Ended);
    assert_eq!(old.open(&house).principal().await?, None);
    Ok(())
}
