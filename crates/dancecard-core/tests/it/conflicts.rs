//! Several writers at once.

use dancecard_core::{ConflictPolicy, EventKind, Outcome, Policy, Result, Retry, TokenAction};

use crate::house::{Browser, House, at_once};

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
