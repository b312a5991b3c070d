//! What a commit stores, early and late, and what comes after it.

use dancecard_core::{ErrorKind, Outcome, Result, Status, TokenAction};

use crate::house::{Browser, House, made_up};
use crate::probe::When;

#[tokio::test]
async fn a_second_commit_does_nothing_more() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("visits").await?;
    let session = browser.open(&house);
    session.update("visits", |n: &mut i64| *n += 1)?;
    browser.finish(&house, &session).await?;
    house.store.calls();

    let again = browser.finish(&house, &session).await?;
    assert_eq!(again.outcome, Outcome::Unchanged);
    session.save().await?;
    assert_eq!(house.store.calls(), [""; 0]);
    assert_eq!(browser.sees(&house, "visits").await?, Some(2));
    Ok(())
}

#[tokio::test]
async fn a_second_commit_gives_the_same_token() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let session = browser.open(&house);
    session.update("visits", |n: &mut i64| *n += 1)?;
    browser.finish(&house, &session).await?;
    let TokenAction::Set { token, .. } = browser.finish(&house, &session).await?.token else {
        panic!("the token is not given again");
    };
    assert!(browser.has(&token));
    assert_eq!(house.live().await, 1);
    assert_eq!(browser.sees(&house, "visits").await?, Some(1));
    Ok(())
}

/// A body is often rendered while the head is on its way; what it reads must not have vanished.
#[tokio::test]
async fn a_loaded_session_reads_the_same_after_the_response_was_decided() -> Result<()> {
    let house = House::new();
    let mut browser = house.member("ada").await?;
    let session = browser.open(&house).load().await?;
    session.set("a", 3)?;
    session.update("visits", |n: &mut i64| *n += 1)?;
    browser.finish(&house, &session).await?;
    assert_eq!(session.principal(), Some("ada".into()));
    assert_eq!(session.get("a")?, Some(3));
    assert_eq!(session.get("visits")?, Some(1));
    assert_eq!((*session).get("visits").await?, Some(1));
    let mut keys = session.keys()?;
    keys.sort();
    assert_eq!(keys, ["a", "visits"]);
    Ok(())
}

#[tokio::test]
async fn a_new_session_reads_the_same_after_the_response_was_decided() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let session = browser.open(&house).load().await?;
    session.sign_in("ada")?;
    session.update("visits", |n: &mut i64| *n += 1)?;
    browser.finish(&house, &session).await?;
    assert_eq!(session.principal(), Some("ada".into()));
    assert_eq!(session.get("visits")?, Some(1));
    assert_eq!((*session).get("visits").await?, Some(1));
    let stored = house.stored(&browser.key()).await.map(|stored| stored.meta());
    assert!(stored.is_some());
    assert_eq!((*session).meta().await?, stored);
    Ok(())
}

#[tokio::test]
async fn after_the_response_every_write_is_refused() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    session.set("a", 2)?;
    browser.finish(&house, &session).await?;
    assert_eq!(session.status(), Status::Sealed);
    let refused = [
        session.set("a", 3),
        session.remove("a"),
        session.update("a", |n: &mut i64| *n += 1),
        session.clear(),
        session.cycle_id(),
        session.sign_in("ada"),
        session.destroy(),
        session.set_lifetime(dancecard_core::Lifetime::default()),
    ];
    for result in refused {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Sealed);
    }
    session.abandon();
    assert_eq!(browser.sees(&house, "a").await?, Some(2));
    Ok(())
}

/// A task that was spawned by a handler which did not use the session itself: its write would be lost in silence.
#[tokio::test]
async fn a_session_that_nobody_used_is_sealed_too() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    browser.finish(&house, &session).await?;
    assert_eq!(session.set("a", 3).unwrap_err().kind(), ErrorKind::Sealed);
    assert_eq!(session.status(), Status::Sealed);
    assert_eq!(session.get("a").await?, Some(1));
    Ok(())
}

/// What adapters ask first: most responses are decided without the engine, and sealed all the same.
#[tokio::test]
async fn most_responses_are_decided_at_once() -> Result<()> {
    let house = House::new();
    let browser = house.visitor("a").await?;
    let unused = browser.open(&house);
    assert!(unused.commit_now().is_some_and(|committed| committed.outcome == Outcome::Unchanged));
    let read = browser.open(&house);
    read.get::<i64>("a").await?;
    assert!(read.commit_now().is_some_and(|committed| matches!(committed.token, TokenAction::Keep)));
    let stranger = Browser { cookie: Some(made_up()) }.open(&house);
    stranger.get::<i64>("a").await?;
    assert!(stranger.commit_now().is_some_and(|committed| matches!(committed.token, TokenAction::Forget)));
    for session in [unused, read, stranger] {
        assert_eq!(session.status(), Status::Sealed);
        assert_eq!(session.set("a", 3).unwrap_err().kind(), ErrorKind::Sealed);
    }

    let written = browser.open(&house);
    written.set("a", 2)?;
    assert!(written.commit_now().is_none());
    assert_eq!(written.set("a", 3).unwrap_err().kind(), ErrorKind::Sealed);
    assert_eq!(house.manager.commit(&written).await?.outcome, Outcome::Updated);
    assert_eq!(browser.sees(&house, "a").await?, Some(2));
    Ok(())
}

#[tokio::test]
async fn what_a_failed_response_wrote_is_given_up() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    session.set("a", 2)?;
    session.sign_in("ada")?;
    session.abandon();
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Unchanged);
    assert_eq!(house.store.calls(), [""; 0]);
    assert_eq!(browser.sees(&house, "a").await?, Some(1));

    let session = browser.open(&house);
    session.set("a", 2)?;
    session.destroy()?;
    session.abandon();
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Ended);
    Ok(())
}

#[tokio::test]
async fn save_stores_early_and_the_response_stores_the_rest() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let session = browser.open(&house);
    session.update("a", |n: &mut i64| *n += 1)?;
    session.save().await?;
    assert_eq!(house.store.calls(), ["create"]);
    assert_eq!(session.get("a").await?, Some(1));
    session.update("a", |n: &mut i64| *n += 1)?;
    assert_eq!(session.get("a").await?, Some(2));
    browser.finish(&house, &session).await?;
    assert_eq!(house.store.calls(), ["update"]);
    assert_eq!(browser.sees(&house, "a").await?, Some(2));
    Ok(())
}

/// What a save found to be stored already is done; a later commit must not do it again over another's newer value.
#[tokio::test]
async fn a_save_that_had_nothing_to_store_is_not_repeated() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let slow = browser.open(&house);
    slow.set("a", 1)?;
    slow.save().await?;

    let fast = browser.open(&house);
    fast.set("a", 2)?;
    browser.finish(&house, &fast).await?;

    slow.set("b", 1)?;
    browser.finish(&house, &slow).await?;
    assert_eq!(browser.sees(&house, "a").await?, Some(2));
    assert_eq!(browser.sees(&house, "b").await?, Some(1));
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
