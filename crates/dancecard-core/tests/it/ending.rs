//! The end of sessions, by their owner and by others.

use dancecard_core::{
    CodecTag, Error, ErrorKind, EventKind, MemoryStore, Meta, Outcome, Policy, Record, Result, Store as _,
    Support, TokenAction, WriteMode,
};

use crate::house::{Browser, House, ada, at_once, key_of, made_up};
use crate::probe::{Probe, When};

#[tokio::test]
async fn destroy_ends_the_session_and_the_cookie() -> Result<()> {
    let house = House::new();
    let old = house.member("ada").await?;
    let mut browser = old;
    let session = browser.open(&house);
    session.set("a", 1)?;
    session.destroy()?;
    assert_eq!(session.get::<i64>("a").await?, None);
    assert_eq!(session.principal().await?, None);
    assert_eq!(session.meta().await?, None);
    let committed = browser.finish(&house, &session).await?;
    assert_eq!(committed.outcome, Outcome::Ended);
    assert!(matches!(committed.token, TokenAction::Forget));
    assert_eq!(old.open(&house).principal().await?, None);
    assert_eq!(house.live().await, 0);
    assert_eq!(house.events.count(EventKind::Destroyed), 1);
    Ok(())
}

/// A save has begun another session meanwhile, since this one had moved on by a sign-in elsewhere.
#[tokio::test]
async fn destroy_ends_what_the_request_came_with_wherever_that_is() -> Result<()> {
    let house = House::new();
    let mut slow = house.visitor("a").await?;
    let mut quick = slow;
    let session = slow.open(&house);
    session.load().await?;
    let other = quick.open(&house);
    other.sign_in("bob")?;
    quick.finish(&house, &other).await?;
    session.sign_in("bob")?;
    session.save().await?;
    assert_eq!(house.live().await, 2);
    session.destroy()?;
    slow.finish(&house, &session).await?;
    assert_eq!(quick.open(&house).principal().await?, None);
    assert_eq!(house.live().await, 0);
    Ok(())
}

#[tokio::test]
async fn destroy_without_a_session_costs_nothing() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let session = browser.open(&house);
    session.destroy()?;
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Unchanged);
    assert_eq!(house.store.calls(), [""; 0]);

    let mut stranger = Browser { cookie: Some(made_up()) };
    let session = stranger.open(&house);
    session.destroy()?;
    stranger.finish(&house, &session).await?;
    assert!(stranger.cookie.is_none());
    assert!(house.store.memory().is_empty());
    assert_eq!(house.events.count(EventKind::Destroyed), 0);
    Ok(())
}

#[tokio::test]
async fn what_is_written_after_destroy_goes_to_a_new_session() -> Result<()> {
    let house = House::new();
    let old = house.member("ada").await?;
    let mut browser = old;
    let session = browser.open(&house);
    session.set("before", 1)?;
    session.destroy()?;
    session.set("bye", 1)?;
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Created);
    assert_ne!(browser.key(), old.key());
    assert_eq!(browser.open(&house).keys().await?, ["bye"]);
    assert_eq!(browser.open(&house).principal().await?, None);
    assert_eq!(old.open(&house).principal().await?, None);
    assert_eq!(house.live().await, 1);
    Ok(())
}

#[tokio::test]
async fn a_sign_in_after_destroy_takes_nothing_along() -> Result<()> {
    let house = House::new();
    let old = house.visitor("a").await?;
    let mut browser = old;
    let session = browser.open(&house);
    session.destroy()?;
    session.sign_in("ada")?;
    assert_eq!(session.principal().await?, Some(ada()));
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Created);
    assert_eq!(browser.open(&house).keys().await?, [""; 0]);
    assert_eq!(browser.open(&house).principal().await?, Some(ada()));
    assert_eq!(house.live().await, 1);
    Ok(())
}

#[tokio::test]
async fn destroy_can_be_saved_and_then_a_new_session_begins() -> Result<()> {
    let house = House::new();
    let mut browser = house.member("ada").await?;
    let session = browser.open(&house);
    session.destroy()?;
    session.save().await?;
    assert_eq!(house.live().await, 0);
    session.set("bye", 1)?;
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Created);
    assert_eq!(browser.sees(&house, "bye").await?, Some(1));
    Ok(())
}

#[tokio::test]
async fn a_session_begun_and_ended_in_one_request_is_not_left_behind() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let session = browser.open(&house);
    session.set("a", 1)?;
    session.save().await?;
    session.destroy()?;
    browser.finish(&house, &session).await?;
    assert!(browser.cookie.is_none());
    assert_eq!(house.live().await, 0);
    Ok(())
}

/// Signing out must not depend on what was written after it.
#[tokio::test]
async fn destroy_ends_the_session_though_what_follows_is_too_large() -> Result<()> {
    let house = House::with(Policy::default().with_max_payload(1000));
    let old = house.member("ada").await?;
    let session = old.open(&house);
    session.destroy()?;
    session.set("big", "x".repeat(1000))?;
    let error = house.manager.commit(&session).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(old.open(&house).principal().await?, None);
    assert_eq!(house.live().await, 0);
    Ok(())
}

#[tokio::test]
async fn a_write_that_was_under_way_does_not_bring_the_session_back() -> Result<()> {
    let house = House::new();
    let old = house.member("ada").await?;
    let (slow, saving) = (old.open(&house), old.open(&house));
    slow.get::<i64>("a").await?;
    slow.set("a", 42)?;
    saving.get::<i64>("a").await?;
    saving.set("a", 43)?;

    let mut browser = old;
    let session = browser.open(&house);
    session.destroy()?;
    browser.finish(&house, &session).await?;

    let late = house.manager.commit(&slow).await?;
    assert_eq!(late.outcome, Outcome::Dropped);
    assert!(matches!(late.token, TokenAction::Keep));
    assert_eq!(saving.save().await.unwrap_err().kind(), ErrorKind::Ended);
    assert_eq!(old.open(&house).principal().await?, None);
    assert_eq!(house.live().await, 0);
    Ok(())
}

/// The end gets in between the load and the write of a request, and between the two steps of a rotation.
#[tokio::test]
async fn an_end_in_the_middle_of_a_commit_wins() -> Result<()> {
    let changes: [fn(&dancecard_core::Session) -> Result<()>; 3] =
        [|session| session.set("a", 1), |session| session.cycle_id(), |session| session.sign_in("ada")];
    for (number, change) in changes.into_iter().enumerate() {
        for call in 1.. {
            let house = House::new();
            let old = house.visitor("a").await?;
            let (other, key) = (house.clone(), old.key());
            let session = old.open(&house);
            session.get::<i64>("a").await?;
            session.update("n", |n: &mut i64| *n += 1)?;
            change(&session)?;
            let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
            let flag = ended.clone();
            house.store.before(call, move || {
                flag.store(true, std::sync::atomic::Ordering::SeqCst);
                at_once(other.manager.end(&key)).expect("it ends");
            });
            let committed = house.manager.commit(&session).await?;
            if !ended.load(std::sync::atomic::Ordering::SeqCst) {
                break;
            }
            let begun_anew = number == 2 && committed.outcome == Outcome::Created;
            assert_eq!(house.live().await, usize::from(begun_anew), "change {number}, call {call}");
            assert_eq!(old.sees(&house, "a").await?, None);
        }
    }
    Ok(())
}

#[tokio::test]
async fn destroy_follows_a_rotation_that_was_quicker() -> Result<()> {
    let house = House::new();
    let old = house.member("ada").await?;
    let mut browser = old;
    let leaving = old.open(&house);
    leaving.destroy()?;
    let session = browser.open(&house);
    session.cycle_id()?;
    browser.finish(&house, &session).await?;
    let committed = house.manager.commit(&leaving).await?;
    assert_eq!(committed.outcome, Outcome::Ended);
    assert_eq!(browser.open(&house).principal().await?, None);
    assert_eq!(house.live().await, 0);
    Ok(())
}

#[tokio::test]
async fn an_end_follows_a_rotation() -> Result<()> {
    let house = House::new();
    let old = house.member("ada").await?;
    let mut browser = old;
    let session = browser.open(&house);
    session.cycle_id()?;
    browser.finish(&house, &session).await?;
    assert!(house.manager.end_one(&ada(), &old.key()).await?);
    assert_eq!(house.live().await, 0);
    Ok(())
}

#[tokio::test]
async fn an_end_says_whether_there_was_anything() -> Result<()> {
    let house = House::new();
    let browser = house.visitor("a").await?;
    assert!(!house.manager.end(&key_of(&made_up())).await?);
    assert!(house.manager.end(&browser.key()).await?);
    assert!(!house.manager.end(&browser.key()).await?);
    assert_eq!(browser.sees(&house, "a").await?, None);
    Ok(())
}

/// A key from a form is no right: only the principal's own sessions are ended.
#[tokio::test]
async fn one_session_is_ended_by_its_principal_only() -> Result<()> {
    let house = House::new();
    let (hers, his, nobodys) =
        (house.member("ada").await?, house.member("bob").await?, house.visitor("a").await?);
    assert!(!house.manager.end_one(&ada(), &his.key()).await?);
    assert!(!house.manager.end_one(&ada(), &nobodys.key()).await?);
    assert!(!house.manager.end_one(&ada(), &key_of(&made_up())).await?);
    assert_eq!(house.live().await, 3);
    assert!(house.manager.end_one(&ada(), &hers.key()).await?);
    assert!(!house.manager.end_one(&ada(), &hers.key()).await?);
    assert_eq!(house.live().await, 2);
    Ok(())
}

/// The browser signed in as somebody else a moment ago: that session is not ada's to end.
#[tokio::test]
async fn an_end_does_not_follow_a_rotation_to_another_principal() -> Result<()> {
    let house = House::new();
    let old = house.member("ada").await?;
    let mut browser = old;
    let session = browser.open(&house);
    session.sign_in("bob")?;
    browser.finish(&house, &session).await?;
    assert!(!house.manager.end_one(&ada(), &old.key()).await?);
    assert_eq!(browser.open(&house).principal().await?, Some("bob".into()));
    Ok(())
}

#[tokio::test]
async fn an_end_that_is_disturbed_tries_again() -> Result<()> {
    let house = House::new();
    let browser = house.visitor("n").await?;
    for call in [1, 5, 9] {
        let other = house.clone();
        house.store.before(call, move || {
            let session = browser.open(&other);
            session.update("n", |n: &mut i64| *n += 1).expect("it is open");
            at_once(session.save()).expect("it is stored");
        });
    }
    assert!(house.manager.end(&browser.key()).await?);
    assert_eq!(browser.sees(&house, "n").await?, None);
    Ok(())
}

/// Removing the record without a condition could remove the only trace of where a rotation has just taken the session.
#[tokio::test]
async fn an_end_that_is_disturbed_for_ever_says_so() -> Result<()> {
    let house = House::new();
    let browser = house.visitor("n").await?;
    for call in 0..2000 {
        house.store.fail_with(2 * call + 1, When::Before, ErrorKind::Conflict);
    }
    assert_eq!(house.manager.end(&browser.key()).await.unwrap_err().kind(), ErrorKind::Conflict);
    house.store.calls();
    assert_eq!(browser.sees(&house, "n").await?, Some(1));
    Ok(())
}

/// Writes what no codec understands under a browser's key.
async fn damage(house: &House, browser: &Browser, codec: CodecTag) -> Result<()> {
    let now = house.manager.now();
    let meta = Meta::new(now, now.saturating_add(std::time::Duration::from_secs(60))).with_codec(codec);
    let record = Record::new(meta, b"not a document".to_vec());
    house.store.memory().write(&browser.key(), record, WriteMode::Overwrite).await.map(drop)
}

#[tokio::test]
async fn a_damaged_session_can_be_signed_out_of() -> Result<()> {
    for codec in [CodecTag::JSON, CodecTag(77)] {
        let house = House::new();
        let old = house.member("ada").await?;
        damage(&house, &old, codec).await?;
        let mut browser = old;
        let session = browser.open(&house);
        assert_eq!(session.get::<i64>("a").await.unwrap_err().kind(), ErrorKind::Corrupt);
        session.destroy()?;
        session.set("bye", 1)?;
        assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Created);
        assert_eq!(house.live().await, 1);
        assert_eq!(browser.sees(&house, "bye").await?, Some(1));
    }
    Ok(())
}

#[tokio::test]
async fn a_record_that_the_engine_cannot_read_can_be_ended() -> Result<()> {
    let house = House::new();
    let browser = house.member("ada").await?;
    house.store.fail_with(0, When::Before, ErrorKind::Corrupt);
    assert!(house.manager.end(&browser.key()).await?);
    assert_eq!(house.store.calls(), ["load", "delete"]);
    assert_eq!(house.live().await, 0);

    // Whose it was can't be known, so it is not for a principal to end.
    let browser = house.member("ada").await?;
    house.store.fail_with(0, When::Before, ErrorKind::Corrupt);
    let refused: Result<bool, Error> = house.manager.end_one(&ada(), &browser.key()).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Corrupt);
    Ok(())
}

#[tokio::test]
async fn an_engine_without_conditions_deletes() -> Result<()> {
    let capabilities =
        MemoryStore::new().capabilities().with_conditional_write(Support::None).with_replace(Support::None);
    let house = House::over(Probe::with(capabilities), Policy::default());
    let old = house.member("ada").await?;
    let mut browser = old;
    let session = browser.open(&house);
    session.cycle_id()?;
    session.set("a", 1)?;
    browser.finish(&house, &session).await?;
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    assert_eq!(old.sees(&house, "a").await?, None);
    assert_eq!(house.manager.end_all(&ada()).await?, 1);
    assert_eq!(browser.sees(&house, "a").await?, None);
    assert_eq!(house.live().await, 0);
    Ok(())
}
