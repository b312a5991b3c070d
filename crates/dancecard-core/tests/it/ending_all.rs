//! The end of all sessions of a principal, or of all but one.

use std::time::Duration;

use dancecard_core::{ErrorKind, EventKind, Lifetime, Outcome, Result, TokenAction};

use crate::house::{Browser, House, ada, at_once};

#[tokio::test]
async fn all_sessions_of_a_principal_end_and_no_others() -> Result<()> {
    let house = House::new();
    let devices = [house.member("ada").await?, house.member("ada").await?];
    let (bob, visitor) = (house.member("bob").await?, house.visitor("a").await?);
    assert_eq!(house.manager.end_all(&ada()).await?, 2);
    for device in devices {
        assert_eq!(device.open(&house).principal().await?, None);
    }
    assert_eq!(bob.open(&house).principal().await?, Some("bob".into()));
    assert_eq!(visitor.sees(&house, "a").await?, Some(1));
    assert_eq!(house.manager.end_all(&ada()).await?, 0);

    let again = house.member("ada").await?;
    assert_eq!(again.open(&house).principal().await?, Some(ada()));
    Ok(())
}

#[tokio::test]
async fn all_others_end_and_this_one_stays() -> Result<()> {
    let house = House::new();
    let (mine, other) = (house.member("ada").await?, house.member("ada").await?);
    let session = mine.open(&house);
    assert_eq!(session.sign_out_others().await?, 1);
    house.manager.commit(&session).await?;
    assert_eq!(mine.open(&house).principal().await?, Some(ada()));
    assert_eq!(other.open(&house).principal().await?, None);
    assert_eq!(house.visitor("a").await?.open(&house).sign_out_others().await?, 0);
    Ok(())
}

/// A parallel request has renewed the caller's own id.
#[tokio::test]
async fn this_one_stays_though_it_has_a_new_id() -> Result<()> {
    let house = House::new();
    let (old, other) = (house.member("ada").await?, house.member("ada").await?);
    let mut mine = old;
    let session = old.open(&house);
    assert_eq!(session.principal().await?, Some(ada()));
    let renewal = mine.open(&house);
    renewal.cycle_id()?;
    mine.finish(&house, &renewal).await?;
    assert_eq!(session.sign_out_others().await?, 1);
    assert_eq!(mine.open(&house).principal().await?, Some(ada()));
    assert_eq!(other.open(&house).principal().await?, None);
    Ok(())
}

/// What a save was to tell the client of its old token is out of date.
#[tokio::test]
async fn it_leaves_the_cookie_of_a_sign_in_that_it_met() -> Result<()> {
    let house = House::new();
    let mut slow = house.member("ada").await?;
    let mut quick = slow;
    let session = slow.open(&house);
    session.set_lifetime(Lifetime::idle(Duration::from_secs(60)))?;
    session.save().await?;
    let other = quick.open(&house);
    other.sign_in("bob")?;
    quick.finish(&house, &other).await?;
    assert_eq!(session.sign_out_others().await?, 0);
    let committed = slow.finish(&house, &session).await?;
    assert!(matches!(committed.token, TokenAction::Keep));
    assert_eq!(quick.open(&house).principal().await?, Some("bob".into()));
    Ok(())
}

/// Its own new id is told, though the old one has moved on.
#[tokio::test]
async fn it_tells_a_new_id_of_its_own() -> Result<()> {
    let house = House::new();
    let mut browser = house.member("ada").await?;
    let session = browser.open(&house);
    session.cycle_id()?;
    session.save().await?;
    session.sign_out_others().await?;
    assert!(matches!(browser.finish(&house, &session).await?.token, TokenAction::Set { .. }));
    assert_eq!(browser.open(&house).principal().await?, Some(ada()));
    Ok(())
}

#[tokio::test]
async fn after_a_password_was_changed_only_the_new_session_lives() -> Result<()> {
    let house = House::new();
    let (mut mine, other) = (house.member("ada").await?, house.member("ada").await?);
    let session = mine.open(&house);
    session.sign_in("ada")?;
    session.save().await?;
    assert_eq!(session.sign_out_others().await?, 1);
    mine.finish(&house, &session).await?;
    assert_eq!(mine.open(&house).principal().await?, Some(ada()));
    assert_eq!(other.open(&house).principal().await?, None);
    assert_eq!(house.live().await, 1);
    Ok(())
}

/// Wherever "end all" gets in between the calls of a sign-in, nothing of it is left.
#[tokio::test]
async fn a_sign_in_that_was_under_way_does_not_survive_the_end_of_all() -> Result<()> {
    for call in 1.. {
        let house = House::new();
        let old = house.visitor("a").await?;
        let mut browser = old;
        let session = browser.open(&house);
        session.sign_in("ada")?;
        let (other, done) = (house.clone(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
        let flag = done.clone();
        house.store.before(call, move || {
            flag.store(true, std::sync::atomic::Ordering::SeqCst);
            at_once(other.manager.end_all(&ada())).expect("they end");
        });
        let committed = browser.finish(&house, &session).await?;
        if !done.load(std::sync::atomic::Ordering::SeqCst) {
            break;
        }
        assert_eq!(committed.outcome, Outcome::Undone, "call {call}");
        assert!(matches!(committed.token, TokenAction::Keep), "call {call}");
        assert_eq!(session.principal().await?, None, "call {call}");
        assert_eq!(house.manager.sessions_of(&ada()).await?.len(), 0, "call {call}");
    }
    Ok(())
}

/// The mark of an "end all" stays for a day. A sign-in that takes longer can't tell whether there was one.
#[tokio::test]
async fn a_sign_in_that_takes_a_day_is_undone() -> Result<()> {
    let house = House::new();
    let mut browser = Browser::default();
    let session = browser.open(&house);
    session.sign_in("ada")?;
    let other = house.clone();
    house.store.before(1, move || {
        at_once(other.manager.end_all(&ada())).expect("they end");
        other.wait(24 * 3600);
        at_once(other.manager.purge_expired(10)).expect("it is purged");
    });
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Undone);
    assert_eq!(house.live().await, 0);
    Ok(())
}

#[tokio::test]
async fn a_saved_sign_in_that_is_undone_is_an_error() -> Result<()> {
    let house = House::new();
    let session = Browser::default().open(&house);
    session.sign_in("ada")?;
    let other = house.clone();
    house.store.before(1, move || {
        at_once(other.manager.end_all(&ada())).expect("they end");
    });
    assert_eq!(session.save().await.unwrap_err().kind(), ErrorKind::Ended);
    assert_eq!(house.events.count(EventKind::SignInUndone), 1);
    assert_eq!(house.live().await, 0);
    Ok(())
}

/// A slow request may still use what has expired.
#[tokio::test]
async fn what_has_expired_ends_too() -> Result<()> {
    let house = House::new();
    let old = house.member("ada").await?;
    let (slow, slower) = (old.open(&house), old.open(&house));
    slow.set("a", slow.get("a").await?.unwrap_or(0) + 1)?;
    house.wait(3600);
    assert_eq!(house.manager.end_all(&ada()).await?, 0);
    assert_eq!(house.manager.commit(&slow).await?.outcome, Outcome::Dropped);
    assert_eq!(house.live().await, 0);

    slower.destroy()?;
    house.manager.commit(&slower).await?;
    assert_eq!(house.live().await, 0);
    Ok(())
}
