//! New ids for the same session, and what becomes of the old ones.

use std::time::Duration;

use dancecard_core::{EventKind, Outcome, Policy, Result, SessionManager, TokenAction};

use crate::house::{Browser, House, at_once};
use crate::probe::{Probe, Swift, When};

const INTERVAL: u64 = 600;
const GRACE: u64 = 30;

fn renewing() -> House {
    let renewal = (Duration::from_secs(INTERVAL), Duration::from_secs(GRACE));
    House::with(Policy::default().with_renewal(renewal.0, renewal.1))
}

/// Reads with the session and ends the request.
async fn read(browser: &mut Browser, house: &House) -> Result<Option<i64>> {
    let session = browser.open(house);
    let value = session.get("a").await?;
    browser.finish(house, &session).await?;
    Ok(value)
}

#[tokio::test]
async fn a_new_id_has_the_data_and_the_old_one_is_dead_at_once() -> Result<()> {
    let house = House::new();
    let old = house.visitor("a").await?;
    let began = house.stored(&old.key()).await.map(|stored| stored.meta().created_at());
    house.wait(60);
    let mut new = old;
    let session = new.open(&house);
    session.cycle_id()?;
    session.set("b", 2)?;
    assert_eq!(new.finish(&house, &session).await?.outcome, Outcome::Rotated);

    assert_ne!(new.key(), old.key());
    assert_eq!(new.sees(&house, "a").await?, Some(1));
    assert_eq!(new.sees(&house, "b").await?, Some(2));
    assert_eq!(old.sees(&house, "a").await?, None);
    assert_eq!(house.live().await, 1);
    assert_eq!(house.stored(&new.key()).await.map(|stored| stored.meta().created_at()), began);
    Ok(())
}

#[tokio::test]
async fn a_new_id_for_a_visitor_without_a_session_is_none() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let session = browser.open(&house);
    session.cycle_id()?;
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Unchanged);
    assert!(house.store.memory().is_empty());
    Ok(())
}

#[tokio::test]
async fn signing_in_keeps_what_the_visitor_had_and_ends_the_old_id() -> Result<()> {
    let house = House::new();
    let old = house.visitor("a").await?;
    let mut new = old;
    house.wait(60);
    let session = new.open(&house);
    session.sign_in("ada")?;
    assert_eq!(session.principal().await?, Some("ada".into()));
    assert_eq!(new.finish(&house, &session).await?.outcome, Outcome::Rotated);

    assert_eq!(new.sees(&house, "a").await?, Some(1));
    assert_eq!(new.open(&house).principal().await?, Some("ada".into()));
    assert_eq!(old.sees(&house, "a").await?, None);
    assert_eq!(old.open(&house).principal().await?, None);
    assert_eq!(house.live().await, 1);
    // The limits start again.
    let meta = house.stored(&new.key()).await.map(|stored| stored.meta());
    assert_eq!(meta.map(|meta| meta.created_at()), Some(house.manager.now()));
    Ok(())
}

#[tokio::test]
async fn signing_in_again_as_the_same_one_keeps_the_data() -> Result<()> {
    let house = House::new();
    let mut browser = house.member("ada").await?;
    let session = browser.open(&house);
    session.set("a", 1)?;
    session.sign_in("ada")?;
    browser.finish(&house, &session).await?;
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    assert_eq!(house.live().await, 1);
    Ok(())
}

#[tokio::test]
async fn signing_in_as_another_one_drops_the_data_and_ends_the_old_session() -> Result<()> {
    let house = House::new();
    let mut browser = house.member("ada").await?;
    let session = browser.open(&house);
    session.set("secret", 1)?;
    browser.finish(&house, &session).await?;
    let old = browser;

    let session = browser.open(&house);
    assert_eq!(session.get("secret").await?, Some(1));
    session.sign_in("bob")?;
    session.set("own", 2)?;
    assert_eq!(session.get::<i64>("secret").await?, None);
    browser.finish(&house, &session).await?;
    assert_eq!(browser.open(&house).keys().await?, ["own"]);
    assert_eq!(browser.open(&house).principal().await?, Some("bob".into()));
    assert_eq!(old.open(&house).principal().await?, None);
    assert_eq!(house.live().await, 1);
    Ok(())
}

#[tokio::test]
async fn of_several_intentions_the_strongest_wins() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    session.cycle_id()?;
    session.sign_in("bob")?;
    session.cycle_id()?;
    session.sign_in("ada")?;
    browser.finish(&house, &session).await?;
    assert_eq!(browser.open(&house).principal().await?, Some("ada".into()));
    assert_eq!(house.live().await, 1);
    Ok(())
}

#[tokio::test]
async fn a_session_in_use_gets_a_new_id_after_the_interval() -> Result<()> {
    let house = renewing();
    let old = house.visitor("a").await?;
    let mut browser = old;
    house.wait(INTERVAL - 1);
    assert_eq!(read(&mut browser, &house).await?, Some(1));
    assert_eq!(browser.key(), old.key());
    house.wait(1);
    assert_eq!(read(&mut browser, &house).await?, Some(1));
    assert_ne!(browser.key(), old.key());
    assert_eq!(house.events.count(EventKind::Renewed), 1);

    house.wait(GRACE - 1);
    assert_eq!(old.sees(&house, "a").await?, Some(1));
    assert_eq!(house.events.count(EventKind::GraceUsed), 1);
    house.wait(1);
    assert_eq!(old.sees(&house, "a").await?, None);
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    assert_eq!(house.live().await, 1);
    Ok(())
}

#[tokio::test]
async fn an_id_that_nobody_used_is_not_renewed() -> Result<()> {
    let house = renewing();
    let mut browser = house.visitor("a").await?;
    house.wait(INTERVAL);
    let session = browser.open(&house);
    assert!(matches!(browser.finish(&house, &session).await?.token, TokenAction::Keep));
    assert_eq!(house.store.calls(), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_save_does_not_renew_and_the_response_does() -> Result<()> {
    let house = renewing();
    let mut browser = house.visitor("a").await?;
    house.wait(INTERVAL);
    let session = browser.open(&house);
    session.set("b", 2)?;
    session.save().await?;
    assert_eq!(house.events.count(EventKind::Renewed), 0);
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Rotated);
    assert_eq!(browser.sees(&house, "b").await?, Some(2));
    Ok(())
}

/// Each renewal has its own grace, and requests with any id of the chain go on as long as each of them lasts.
#[tokio::test]
async fn a_chain_of_renewals_is_followed() -> Result<()> {
    let (interval, grace) = (Duration::from_secs(10), Duration::from_secs(30));
    let house = House::with(Policy::default().with_renewal(interval, grace));
    let mut browser = house.visitor("a").await?;
    let first = browser;
    for _ in 0..2 {
        house.wait(10);
        assert_eq!(read(&mut browser, &house).await?, Some(1));
    }
    assert_eq!(house.events.count(EventKind::Renewed), 2);
    house.wait(9);
    assert_eq!(first.sees(&house, "a").await?, Some(1));

    let session = first.open(&house);
    session.set("late", 1)?;
    house.manager.commit(&session).await?;
    assert_eq!(browser.sees(&house, "late").await?, Some(1));
    house.wait(21);
    assert_eq!(first.sees(&house, "a").await?, None);
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    Ok(())
}

#[tokio::test]
async fn of_two_requests_at_once_one_renews_and_both_writes_stay() -> Result<()> {
    let house = renewing();
    let old = house.visitor("a").await?;
    let mut browser = old;
    house.wait(INTERVAL);
    let (one, other) = (old.open(&house), old.open(&house));
    one.set("one", one.get("a").await?.unwrap_or(0) + 1)?;
    other.set("other", other.get("a").await?.unwrap_or(0) + 2)?;
    assert_eq!(browser.finish(&house, &one).await?.outcome, Outcome::Rotated);
    let late = house.manager.commit(&other).await?;
    assert_eq!(late.outcome, Outcome::Updated);
    assert!(matches!(late.token, TokenAction::Keep));
    assert_eq!(browser.sees(&house, "one").await?, Some(2));
    assert_eq!(browser.sees(&house, "other").await?, Some(3));
    assert_eq!(house.live().await, 1);
    Ok(())
}

/// A write between the two steps of a renewal: the renewal starts again with it.
#[tokio::test]
async fn a_write_in_the_middle_of_a_renewal_is_not_lost() -> Result<()> {
    let house = renewing();
    let old = house.visitor("a").await?;
    let mut browser = old;
    house.wait(INTERVAL);
    let session = browser.open(&house);
    session.get::<i64>("a").await?;
    let writer = house.clone();
    house.store.calls();
    house.store.before(1, move || {
        let session = old.open(&writer);
        session.update("a", |n: &mut i64| *n += 10).expect("it is open");
        at_once(session.save()).expect("it is stored");
    });
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Rotated);
    assert_eq!(browser.sees(&house, "a").await?, Some(11));
    assert_eq!(house.live().await, 1);
    Ok(())
}

#[tokio::test]
async fn a_write_that_comes_after_a_sign_in_is_dropped() -> Result<()> {
    let house = House::new();
    let old = house.visitor("a").await?;
    let mut browser = old;
    let slow = old.open(&house);
    slow.set("b", slow.get("a").await?.unwrap_or(0) + 1)?;
    let session = browser.open(&house);
    session.sign_in("ada")?;
    browser.finish(&house, &session).await?;

    let late = house.manager.commit(&slow).await?;
    assert_eq!(late.outcome, Outcome::Dropped);
    assert!(matches!(late.token, TokenAction::Keep));
    assert_eq!(browser.sees(&house, "b").await?, None);
    assert_eq!(house.live().await, 1);
    assert_eq!(house.events.count(EventKind::LateWriteDropped), 1);
    Ok(())
}

/// The cookie that was to be sent again is of an id that is no longer the session's.
#[tokio::test]
async fn a_lifetime_that_was_saved_does_not_bring_the_old_id_back() -> Result<()> {
    let house = House::new();
    let old = house.visitor("a").await?;
    let mut browser = old;
    let slow = old.open(&house);
    slow.set_lifetime(dancecard_core::Lifetime::idle(Duration::from_secs(9000)))?;
    slow.save().await?;
    let session = browser.open(&house);
    session.sign_in("ada")?;
    browser.finish(&house, &session).await?;

    slow.set("b", 1)?;
    let late = house.manager.commit(&slow).await?;
    assert_eq!(late.outcome, Outcome::Dropped);
    assert!(matches!(late.token, TokenAction::Keep));
    Ok(())
}

/// The answer of the engine is lost, and what it did is found out by a look.
#[tokio::test]
async fn a_change_of_id_whose_answer_is_lost_is_told_all_the_same() -> Result<()> {
    let changes: [Change; 2] = [|session| session.cycle_id(), |session| session.sign_in("ada")];
    for change in changes {
        let probe = Probe::new();
        let manager = SessionManager::new(Swift(probe.clone()));
        let begun = manager.open([]);
        begun.set("a", 1)?;
        let TokenAction::Set { token: old, .. } = manager.commit(&begun).await?.token else { panic!() };
        let session = manager.open([old.as_str().as_bytes()]);
        session.load().await?;
        change(&session)?;
        // A sign-in asks for the last "end all" first.
        let place = usize::from(session.principal().await?.is_some());
        probe.calls();
        probe.fail(place, When::After);
        let committed = manager.commit(&session).await?;
        assert_eq!(committed.outcome, Outcome::Rotated);
        assert_eq!(probe.calls()[place..place + 3], ["replace", "load", "load"]);
        let TokenAction::Set { token, .. } = committed.token else { panic!("{:?}", committed.token) };
        assert_eq!(manager.open([token.as_str().as_bytes()]).get::<i64>("a").await?, Some(1));
        assert_eq!(manager.open([old.as_str().as_bytes()]).get::<i64>("a").await?, None);
    }
    Ok(())
}

/// What a request may do to the id of a session in which `a` is 1.
type Change = fn(&dancecard_core::Session) -> Result<()>;

/// Fails each call of a commit in turn. What is left is the old session as it was, or the new one for which nobody has
/// the id, and never two.
async fn every_failure_leaves_one_session(make: fn() -> House, change: Change) -> Result<()> {
    for when in [When::Before, When::After] {
        for call in 0.. {
            let house = make();
            let old = house.visitor("a").await?;
            let mut browser = old;
            house.wait(INTERVAL);
            let session = browser.open(&house);
            change(&session)?;
            house.store.calls();
            house.store.fail(call, when);
            let result = browser.finish(&house, &session).await;
            if house.store.calls().len() <= call {
                break;
            }
            assert!(house.live().await <= 1, "{when:?} {call}: two sessions");
            match result {
                Ok(_) => assert_eq!(browser.sees(&house, "a").await?, Some(1), "{when:?} {call}"),
                Err(_) => assert_eq!(browser.key(), old.key()),
            }
            let kept = old.sees(&house, "a").await? == Some(1) || browser.sees(&house, "a").await? == Some(1);
            let last_look = house.events.count(EventKind::Rotated) > 0;
            assert!(kept || last_look, "{when:?} {call}: the session was lost");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_failure_during_a_new_id_leaves_the_old_session() -> Result<()> {
    every_failure_leaves_one_session(House::new, |session| session.cycle_id()).await
}

/// Also where the two writes of a rotation have no conditions.
#[tokio::test]
async fn a_failure_on_an_engine_without_conditions_leaves_one_session() -> Result<()> {
    let simple = || House::over(Probe::simple(), Policy::default());
    every_failure_leaves_one_session(simple, |session| session.cycle_id()).await?;
    every_failure_leaves_one_session(simple, |session| session.sign_in("ada")).await
}

/// Once the old id is gone, a sign-in that can't be checked is undone, and the visitor is left without a session.
#[tokio::test]
async fn a_failure_during_a_sign_in_leaves_the_old_session() -> Result<()> {
    every_failure_leaves_one_session(House::new, |session| session.sign_in("ada")).await
}

#[tokio::test]
async fn a_failure_during_a_renewal_leaves_the_old_session() -> Result<()> {
    every_failure_leaves_one_session(renewing, |session| session.set("b", 1)).await
}

/// There may be no room for another record at the moment; a page that only reads is shown all the same.
#[tokio::test]
async fn a_reader_does_not_fail_because_its_renewal_does() -> Result<()> {
    let house = renewing();
    let mut browser = house.visitor("a").await?;
    house.wait(INTERVAL);
    let session = browser.open(&house);
    session.get::<i64>("a").await?;
    house.store.calls();
    house.store.fail_with(0, When::Before, dancecard_core::ErrorKind::Full);
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Unchanged);
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    assert_eq!(house.events.count(EventKind::StoreError), 1);
    Ok(())
}
