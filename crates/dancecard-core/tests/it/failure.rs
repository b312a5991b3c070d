//! An engine that fails, others that get in first, and callers that give up.

use dancecard_core::{
    ConflictPolicy, ErrorKind, EventKind, FailurePolicy, MemoryStore, Outcome, Policy, Result, Retry,
    SessionManager, Status, TokenAction,
};

use crate::house::{Browser, House, at_once, give_up};
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

/// Changes a session from another request before some of the calls to come.
fn disturb(house: &House, browser: Browser, calls: impl IntoIterator<Item = usize>) {
    for call in calls {
        let other = house.clone();
        house.store.before(call, move || {
            let session = browser.open(&other);
            session.update("others", |n: &mut i64| *n += 1).expect("it is open");
            at_once(session.save()).expect("it is stored");
        });
    }
}

#[tokio::test]
async fn a_conflict_is_merged() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("n").await?;
    let session = browser.open(&house);
    session.update("n", |n: &mut i64| *n += 1)?;
    disturb(&house, browser, [1, 5]);
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Updated);
    assert_eq!(browser.sees(&house, "n").await?, Some(2));
    assert_eq!(browser.sees(&house, "others").await?, Some(2));
    assert_eq!(house.events.count(EventKind::Conflict), 2);
    assert_eq!(house.events.count(EventKind::Merged), 1);
    Ok(())
}

#[tokio::test]
async fn who_always_loses_is_told_so() -> Result<()> {
    let house = House::with(Policy::default().with_max_attempts(2));
    let mut browser = house.visitor("n").await?;
    let session = browser.open(&house);
    session.update("n", |n: &mut i64| *n += 1)?;
    disturb(&house, browser, [1, 5]);
    let error = browser.finish(&house, &session).await.unwrap_err();
    assert!(error.is_conflict());
    assert_eq!(error.retry(), Retry::Safe);
    assert_eq!(browser.sees(&house, "n").await?, Some(1));
    assert_eq!(house.events.count(EventKind::StoreError), 0);
    Ok(())
}

/// Whoever lost once waits until it is alone, so that few attempts do for any number of writers in one process.
#[tokio::test]
async fn many_writers_at_once_need_few_attempts() -> Result<()> {
    let house = House::with(Policy::default().with_max_attempts(4));
    let browser = house.visitor("n").await?;
    house.store.give_way();
    let tasks: Vec<_> = (0..48)
        .map(|_| {
            let (house, session) = (house.clone(), browser.open(&house));
            tokio::spawn(async move {
                session.update("n", |n: &mut i64| *n += 1)?;
                house.manager.commit(&session).await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("no panic")?.outcome, Outcome::Updated);
    }
    house.store.calls();
    assert_eq!(browser.sees(&house, "n").await?, Some(49));
    Ok(())
}

/// The session was read alive, expired, and was reclaimed, before the write came.
#[tokio::test]
async fn a_write_to_a_session_that_was_reclaimed_begins_no_other() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    session.set("b", session.get("a").await?.unwrap_or(0) + 1)?;
    house.wait(3600);
    assert_eq!(house.manager.purge_expired(10).await?, 1);
    let committed = browser.finish(&house, &session).await?;
    assert_eq!(committed.outcome, Outcome::Dropped);
    assert!(matches!(committed.token, TokenAction::Keep));
    assert!(house.store.memory().is_empty());
    Ok(())
}

#[tokio::test]
async fn by_choice_a_conflict_is_an_error() -> Result<()> {
    let house = House::with(Policy::default().with_conflict(ConflictPolicy::Reject));
    let mut browser = house.visitor("n").await?;
    let session = browser.open(&house);
    session.set("n", 5)?;
    disturb(&house, browser, [1]);
    assert!(browser.finish(&house, &session).await.unwrap_err().is_conflict());
    assert_eq!(browser.sees(&house, "n").await?, Some(1));
    Ok(())
}

/// Two readers renew at the same time; there is nothing that could be lost.
#[tokio::test]
async fn by_choice_only_changes_are_rejected() -> Result<()> {
    let second = std::time::Duration::from_secs(1);
    let policy =
        Policy::default().with_conflict(ConflictPolicy::Reject).with_renewal(60 * second, 30 * second);
    let house = House::with(policy);
    let old = house.visitor("a").await?;
    house.wait(60);
    let (one, other) = (old.open(&house), old.open(&house));
    assert_eq!(one.get::<i64>("a").await?, other.get::<i64>("a").await?);
    assert_eq!(house.manager.commit(&one).await?.outcome, Outcome::Rotated);
    assert_eq!(house.manager.commit(&other).await?.outcome, Outcome::Unchanged);
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

/// What a handler asks for while another task saves the same session is neither lost nor made twice.
#[tokio::test]
async fn what_is_asked_for_during_a_save_waits_for_the_next_commit() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("n").await?;
    let session = browser.open(&house);
    session.update("n", |n: &mut i64| *n += 1)?;
    let other = session.clone();
    house.store.before(1, move || {
        other.update("n", |n: &mut i64| *n += 10).expect("it is open");
        other.set("b", 1).expect("it is open");
    });
    session.save().await?;
    assert_eq!(browser.sees(&house, "n").await?, Some(2));
    assert_eq!(session.get("n").await?, Some(12));
    browser.finish(&house, &session).await?;
    assert_eq!(browser.sees(&house, "n").await?, Some(12));
    assert_eq!(browser.sees(&house, "b").await?, Some(1));
    Ok(())
}

#[tokio::test]
async fn what_is_asked_for_during_a_save_that_fails_keeps_its_order() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    session.set("a", 2)?;
    session.set("b", 2)?;
    let other = session.clone();
    house.store.before(1, move || {
        other.set("a", 3).expect("it is open");
        other.clear().expect("it is open");
        other.set("c", 3).expect("it is open");
    });
    house.store.fail(1, When::Before);
    assert!(session.save().await.is_err());
    browser.finish(&house, &session).await?;
    assert_eq!(browser.open(&house).keys().await?, ["c"]);
    Ok(())
}

#[tokio::test]
async fn a_destroy_during_a_save_is_not_forgotten() -> Result<()> {
    let house = House::new();
    let mut browser = house.member("ada").await?;
    let session = browser.open(&house);
    session.set("a", 1)?;
    let other = session.clone();
    house.store.before(1, move || other.destroy().expect("it is open"));
    session.save().await?;
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Ended);
    assert_eq!(house.live().await, 0);
    Ok(())
}

#[tokio::test]
async fn a_sign_in_during_a_save_is_not_forgotten() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    session.cycle_id()?;
    let other = session.clone();
    house.store.before(1, move || other.sign_in("ada").expect("it is open"));
    session.save().await?;
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Rotated);
    assert_eq!(browser.open(&house).principal().await?, Some("ada".into()));
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    assert_eq!(house.live().await, 1);
    Ok(())
}

#[tokio::test]
async fn many_tasks_at_once_load_once_and_commit_once() -> Result<()> {
    let house = House::new();
    let browser = house.visitor("n").await?;
    let session = browser.open(&house);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let session = session.clone();
            tokio::spawn(async move {
                session.update("n", |n: &mut i64| *n += 1)?;
                session.keys().await
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic")?;
    }
    let (one, other) = tokio::join!(house.manager.commit(&session), house.manager.commit(&session));
    one?;
    other?;
    assert_eq!(house.store.calls(), ["load", "update"]);
    assert_eq!(browser.sees(&house, "n").await?, Some(17));
    Ok(())
}
