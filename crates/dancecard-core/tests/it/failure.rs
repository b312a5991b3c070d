//! An engine that fails, and callers that give up.

use dancecard_core::{
    ErrorKind, EventKind, FailurePolicy, MemoryStore, Outcome, Policy, Result, Retry, SessionManager, Status,
    TokenAction,
};

use crate::house::{Browser, House, give_up};
use crate::probe::When;

fn anonymous() -> House {
    House::with(Policy::default().with_failure(FailurePolicy::Anonymous))
}

#[tokio::test]
async fn a_session_that_cannot_be_read_is_an_error() -> Result<()> {
    let house = House::new();
    let browser = house.visitor("a").await?;
    let session = browser.open(&house);
    house.store.go_down();
    let error = session.get::<i64>("a").await.unwrap_err();
    assert!(error.is_unavailable());
    assert_eq!(error.retry(), Retry::Safe);
    assert_eq!(error.engine(), "probe");
    assert!(session.keys().await.is_err());
    assert!(session.principal().await.is_err());
    assert_eq!(session.status(), Status::Unloaded);
    Ok(())
}

#[tokio::test]
async fn a_read_that_failed_can_be_tried_again() -> Result<()> {
    let house = House::new();
    let browser = house.visitor("a").await?;
    let session = browser.open(&house);
    house.store.fail(0, When::Before);
    assert!(session.get::<i64>("a").await.is_err());
    assert_eq!(session.get("a").await?, Some(1));
    assert_eq!(house.events.count(EventKind::StoreError), 1);
    Ok(())
}

/// The fault of a peer: the read failed, the handler went on, and the data was overwritten with nothing.
#[tokio::test]
async fn nothing_is_written_over_a_session_that_could_not_be_read() -> Result<()> {
    for house in [House::new(), anonymous()] {
        let mut browser = house.visitor("a").await?;
        let session = browser.open(&house);
        session.set("b", 2)?;
        session.clear()?;
        house.store.go_down();
        let error = browser.finish(&house, &session).await.unwrap_err();
        assert!(error.is_unavailable());
        assert_eq!(house.store.calls(), ["load"]);
        assert_eq!(browser.open(&house).keys().await?, ["a"]);
    }
    Ok(())
}

#[tokio::test]
async fn by_choice_a_page_for_everyone_goes_on_without_the_session() -> Result<()> {
    let house = anonymous();
    let mut browser = house.member("ada").await?;
    let session = browser.open(&house);
    house.store.go_down();
    assert_eq!(session.get::<i64>("a").await?, None);
    assert_eq!(session.principal().await?, None);
    let committed = browser.finish(&house, &session).await?;
    assert_eq!(committed.outcome, Outcome::Unchanged);
    assert!(matches!(committed.token, TokenAction::Keep));
    house.store.calls();
    assert_eq!(browser.open(&house).principal().await?, Some("ada".into()));
    Ok(())
}

#[tokio::test]
async fn by_choice_or_not_a_write_to_an_unknown_session_fails() -> Result<()> {
    let changes: [fn(&dancecard_core::Session) -> Result<()>; 4] = [
        |session| session.set("a", 9),
        |session| session.sign_in("eve"),
        |session| session.cycle_id(),
        |session| session.destroy(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let house = anonymous();
        let mut browser = house.visitor("a").await?;
        let session = browser.open(&house);
        house.store.fail(0, When::Before);
        assert_eq!(session.get::<i64>("a").await?, None);
        change(&session)?;
        // The engine is back by now, and still nobody knows what is stored.
        let error = browser.finish(&house, &session).await.unwrap_err();
        assert!(error.is_unavailable(), "change {number}");
        assert_eq!(browser.sees(&house, "a").await?, Some(1), "change {number}");
        assert_eq!(house.live().await, 1, "change {number}");
    }
    Ok(())
}

#[tokio::test]
async fn a_page_that_ignores_the_session_does_not_notice_a_dead_engine() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    house.store.go_down();
    let session = browser.open(&house);
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Unchanged);
    let (session, mut visitor) = (Browser::default().open(&house), Browser::default());
    assert_eq!(session.get::<i64>("a").await?, None);
    visitor.finish(&house, &session).await?;
    Ok(())
}

#[tokio::test]
async fn a_write_that_fails_keeps_the_changes_for_another_attempt() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("n").await?;
    let session = browser.open(&house);
    session.update("n", |n: &mut i64| *n += 1)?;
    house.store.fail(1, When::Before);
    assert!(session.save().await.unwrap_err().is_unavailable());
    assert_eq!(session.get("n").await?, Some(2));
    browser.finish(&house, &session).await?;
    assert_eq!(browser.sees(&house, "n").await?, Some(2));
    Ok(())
}

/// It happened, but the answer was lost. To make it again would count twice.
#[tokio::test]
async fn a_write_that_may_have_happened_is_not_made_again() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("n").await?;
    let session = browser.open(&house);
    session.update("n", |n: &mut i64| *n += 1)?;
    house.store.fail(1, When::After);
    assert_eq!(session.save().await.unwrap_err().retry(), Retry::Unknown);
    house.store.calls();
    for _ in 0..2 {
        let error = browser.finish(&house, &session).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Unknown));
    }
    assert_eq!(house.store.calls(), [""; 0]);
    assert_eq!(browser.sees(&house, "n").await?, Some(2));
    Ok(())
}

/// To set the same once more does no harm; an update that came later was not part of it.
#[tokio::test]
async fn a_set_that_may_have_happened_is_made_again() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("n").await?;
    let session = browser.open(&house);
    session.set("b", 2)?;
    house.store.fail(1, When::After);
    assert!(session.save().await.is_err());
    session.update("n", |n: &mut i64| *n += 1)?;
    browser.finish(&house, &session).await?;
    assert_eq!(browser.sees(&house, "b").await?, Some(2));
    assert_eq!(browser.sees(&house, "n").await?, Some(2));
    Ok(())
}

#[tokio::test]
async fn a_save_that_was_given_up_while_writing_is_refused_afterwards() -> Result<()> {
    for (when, stored) in [(When::Before, 1), (When::After, 2)] {
        let house = House::new();
        let mut browser = house.visitor("n").await?;
        let session = browser.open(&house);
        session.update("n", |n: &mut i64| *n += 1)?;
        house.store.hang(1, when);
        assert!(give_up(session.save()).is_none());
        house.store.calls();
        let error = browser.finish(&house, &session).await.unwrap_err();
        assert_eq!(error.retry(), Retry::Unknown);
        assert_eq!(browser.sees(&house, "n").await?, Some(stored));
    }
    Ok(())
}

#[tokio::test]
async fn a_save_that_was_given_up_before_writing_goes_on() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("n").await?;
    let session = browser.open(&house);
    session.update("n", |n: &mut i64| *n += 1)?;
    house.store.hang(0, When::Before);
    assert!(give_up(session.save()).is_none());
    house.store.calls();
    browser.finish(&house, &session).await?;
    assert_eq!(browser.sees(&house, "n").await?, Some(2));
    Ok(())
}

#[tokio::test]
async fn a_session_that_may_have_been_changed_can_be_destroyed() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("n").await?;
    let session = browser.open(&house);
    session.update("n", |n: &mut i64| *n += 1)?;
    house.store.hang(1, When::After);
    assert!(give_up(session.save()).is_none());
    house.store.calls();
    session.destroy()?;
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Ended);
    assert_eq!(house.live().await, 0);
    Ok(())
}

#[tokio::test]
async fn a_full_engine_refuses_new_sessions_and_keeps_the_others() -> Result<()> {
    let manager = SessionManager::new(MemoryStore::new().with_max_sessions(1));
    let session = manager.open([]);
    session.set("a", 1)?;
    let TokenAction::Set { token, .. } = manager.commit(&session).await?.token else { panic!("no token") };

    let late = manager.open([]);
    late.set("a", 2)?;
    assert_eq!(manager.commit(&late).await.unwrap_err().kind(), ErrorKind::Full);
    let session = manager.open([token.as_str().as_bytes()]);
    session.set("a", 3)?;
    manager.commit(&session).await?;
    assert_eq!(manager.open([token.as_str().as_bytes()]).get("a").await?, Some(3));
    Ok(())
}

/// An error of the session layer itself says nothing about the engine.
#[tokio::test]
async fn what_the_engine_is_not_to_blame_for_is_not_told_as_its_failure() -> Result<()> {
    let house = House::with(Policy::default().with_max_payload(100));
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    session.set("big", "x".repeat(200))?;
    assert!(browser.finish(&house, &session).await.is_err());
    let session = browser.open(&house);
    session.set("b", session.get("a").await?.unwrap_or(0) + 1)?;
    house.manager.end(&browser.key()).await?;
    assert_eq!(session.save().await.unwrap_err().kind(), ErrorKind::Ended);
    assert_eq!(house.events.count(EventKind::StoreError), 0);
    Ok(())
}
