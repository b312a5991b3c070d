//! When sessions end by themselves.

use std::time::Duration;

use dancecard_core::{
    Capabilities, Clock as _, EventKind, Lifetime, MemoryStore, Outcome, Policy, Result, Store, Support,
    Timestamp,
};

use crate::house::{Browser, House};
use crate::probe::{Probe, When};

const HOUR: u64 = 3600;

fn lasting(lifetime: Lifetime) -> House {
    House::with(Policy::default().with_lifetime(lifetime))
}

fn hours(number: u64) -> Duration {
    Duration::from_secs(number * HOUR)
}

#[tokio::test]
async fn a_session_ends_when_it_was_not_used_for_the_idle_limit() -> Result<()> {
    let house = lasting(Lifetime::idle(hours(1)));
    let browser = house.visitor("a").await?;
    house.wait(HOUR - 1);
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    house.wait(1);
    assert_eq!(browser.sees(&house, "a").await?, None);
    assert_eq!(house.events.count(EventKind::Expired), 1);
    Ok(())
}

#[tokio::test]
async fn use_moves_the_idle_limit_and_not_the_absolute_one() -> Result<()> {
    let house = lasting(Lifetime::new(hours(1), hours(24)));
    let mut browser = house.visitor("a").await?;
    for _ in 0..47 {
        house.wait(HOUR / 2);
        let session = browser.open(&house);
        assert_eq!(session.get("a").await?, Some(1));
        browser.finish(&house, &session).await?;
    }
    house.wait(HOUR / 2);
    assert_eq!(browser.sees(&house, "a").await?, None);
    Ok(())
}

#[tokio::test]
async fn with_an_absolute_limit_alone_nothing_is_ever_touched() -> Result<()> {
    let house = lasting(Lifetime::absolute(hours(2)));
    let mut browser = house.visitor("a").await?;
    house.wait(2 * HOUR - 1);
    let session = browser.open(&house);
    assert_eq!(session.get("a").await?, Some(1));
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Unchanged);
    house.wait(1);
    assert_eq!(browser.sees(&house, "a").await?, None);
    Ok(())
}

#[tokio::test]
async fn an_idle_limit_below_a_second_is_a_second_and_not_none() -> Result<()> {
    for idle in [Duration::ZERO, Duration::from_millis(1)] {
        let house = lasting(Lifetime::idle(idle));
        let browser = house.visitor("a").await?;
        assert_eq!(browser.sees(&house, "a").await?, Some(1), "{idle:?}");
        house.wait(1);
        assert_eq!(browser.sees(&house, "a").await?, None, "{idle:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_touch_comes_after_a_tenth_of_the_limit_and_carries_no_data() -> Result<()> {
    let house = lasting(Lifetime::idle(hours(1)));
    let mut browser = house.visitor("a").await?;
    let before = house.stored(&browser.key()).await.expect("it is stored");
    house.wait(359);
    let session = browser.open(&house);
    assert_eq!(session.get("a").await?, Some(1));
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Unchanged);
    assert_eq!(house.store.calls(), ["load"]);

    house.wait(1);
    let session = browser.open(&house);
    assert_eq!(session.get("a").await?, Some(1));
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Touched);
    assert_eq!(house.store.calls(), ["load", "touch"]);
    let after = house.stored(&browser.key()).await.expect("it is stored");
    assert_eq!(after.version(), before.version());
    assert_eq!(after.payload(), before.payload());
    assert_eq!(after.expires_at(), before.expires_at().saturating_add(Duration::from_secs(360)));
    Ok(())
}

#[tokio::test]
async fn the_share_that_must_pass_can_be_set() -> Result<()> {
    for (share, expected) in [(0.0, vec!["load", "touch"]), (1.0, vec!["load"]), (f32::NAN, vec!["load"])] {
        let policy = Policy::default().with_lifetime(Lifetime::idle(hours(1))).with_touch_after(share);
        let house = House::with(policy);
        let mut browser = house.visitor("a").await?;
        house.wait(HOUR - 1);
        let session = browser.open(&house);
        session.get::<i64>("a").await?;
        browser.finish(&house, &session).await?;
        assert_eq!(house.store.calls(), expected, "{share}");
    }
    Ok(())
}

#[tokio::test]
async fn a_touch_is_made_once_in_a_request() -> Result<()> {
    let house = lasting(Lifetime::idle(hours(1)));
    let mut browser = house.visitor("a").await?;
    house.wait(HOUR / 2);
    let session = browser.open(&house);
    session.get::<i64>("a").await?;
    session.save().await?;
    browser.finish(&house, &session).await?;
    browser.finish(&house, &session).await?;
    assert_eq!(house.store.calls(), ["load", "touch"]);
    Ok(())
}

#[tokio::test]
async fn an_engine_that_cannot_touch_writes_the_record_again() -> Result<()> {
    let capabilities = MemoryStore::new().capabilities().with_touch(Support::None);
    let policy = Policy::default().with_lifetime(Lifetime::idle(hours(1)));
    let house = House::over(Probe::with(capabilities), policy);
    let mut browser = house.visitor("a").await?;
    house.wait(HOUR / 2);
    let session = browser.open(&house);
    session.get::<i64>("a").await?;
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Touched);
    assert_eq!(house.store.calls(), ["load", "update"]);
    house.wait(HOUR - 1);
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    Ok(())
}

/// A reader does not fail for the sake of its expiry.
#[tokio::test]
async fn a_touch_that_fails_is_told_and_harms_nobody() -> Result<()> {
    let house = lasting(Lifetime::idle(hours(1)));
    let mut browser = house.visitor("a").await?;
    house.wait(HOUR / 2);
    house.store.fail(1, When::Before);
    let session = browser.open(&house);
    session.get::<i64>("a").await?;
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Unchanged);
    assert_eq!(house.events.count(EventKind::StoreError), 1);
    assert_eq!(house.events.count(EventKind::Touched), 0);
    Ok(())
}

#[tokio::test]
async fn a_touch_does_not_defeat_a_writer() -> Result<()> {
    let house = lasting(Lifetime::idle(hours(1)));
    let mut browser = house.visitor("a").await?;
    house.wait(HOUR / 2);
    let (reader, writer) = (browser.open(&house), browser.open(&house));
    writer.set("b", writer.get("a").await?.unwrap_or(0) + 1)?;
    reader.get::<i64>("a").await?;
    browser.finish(&house, &reader).await?;
    browser.finish(&house, &writer).await?;
    assert_eq!(house.events.count(EventKind::Conflict), 0);
    assert_eq!(browser.sees(&house, "b").await?, Some(2));
    Ok(())
}

#[tokio::test]
async fn a_session_keeps_the_lifetime_that_it_was_given() -> Result<()> {
    let house = lasting(Lifetime::new(hours(1), hours(24)));
    let mut browser = Browser::default();
    let session = browser.open(&house);
    session.set("a", 1)?;
    session.set_lifetime(Lifetime::new(hours(100), hours(1000)))?;
    browser.finish(&house, &session).await?;

    house.wait(99 * HOUR);
    let session = browser.open(&house);
    session.set("a", 2)?;
    browser.finish(&house, &session).await?;
    house.wait(99 * HOUR);
    assert_eq!(browser.sees(&house, "a").await?, Some(2));
    house.wait(HOUR);
    assert_eq!(browser.sees(&house, "a").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_lifetime_is_stored_though_nothing_was_read_or_written() -> Result<()> {
    let house = lasting(Lifetime::new(hours(1), hours(24)));
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    session.set_lifetime(Lifetime::idle(hours(5)))?;
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Updated);
    house.wait(4 * HOUR);
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    Ok(())
}

#[tokio::test]
async fn a_lifetime_alone_starts_no_session() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let session = browser.open(&house);
    session.set_lifetime(Lifetime::idle(hours(5)))?;
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Unchanged);
    assert!(house.store.memory().is_empty());
    Ok(())
}

/// What is stored counts, not how the manager is set up now: neither longer nor shorter.
#[tokio::test]
async fn the_stored_deadline_is_the_truth() -> Result<()> {
    let house = lasting(Lifetime::new(hours(1), hours(3)));
    let browser = house.visitor("a").await?;
    for lifetime in [Lifetime::idle(hours(1000)), Lifetime::idle(Duration::from_secs(1))] {
        let other = house.manager.clone().with_policy(Policy::default().with_lifetime(lifetime));
        house.wait(HOUR / 3);
        let session = browser.visit(&other);
        assert_eq!(session.get("a").await?, Some(1));
        other.commit(&session).await?;
    }
    house.wait(HOUR);
    let longer = house.manager.clone().with_policy(Policy::default().with_lifetime(Lifetime::idle(hours(9))));
    assert_eq!(browser.visit(&longer).get::<i64>("a").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_clock_that_steps_back_ends_nothing_and_extends_nothing() -> Result<()> {
    let house = lasting(Lifetime::new(hours(1), hours(24)));
    let mut browser = house.visitor("a").await?;
    let (then, before) =
        (house.clock.now(), house.stored(&browser.key()).await.map(|stored| stored.expires_at()));
    house.clock.set(Timestamp::from_millis(then.as_millis() - 7_200_000));
    let session = browser.open(&house);
    assert_eq!(session.get("a").await?, Some(1));
    session.set("b", 2)?;
    browser.finish(&house, &session).await?;
    assert_eq!(house.stored(&browser.key()).await.map(|stored| stored.expires_at()), before);

    house.clock.set(Timestamp::from_millis(then.as_millis() + 3_600_000));
    assert_eq!(browser.sees(&house, "a").await?, None);
    Ok(())
}

#[tokio::test]
async fn deadlines_survive_another_manager_over_the_same_engine() -> Result<()> {
    let house = lasting(Lifetime::idle(hours(1)));
    let browser = house.visitor("a").await?;
    house.wait(HOUR);
    let again = House::over(house.store.clone(), Policy::default());
    again.clock.set(house.clock.now());
    assert_eq!(browser.sees(&again, "a").await?, None);
    Ok(())
}

#[tokio::test]
async fn what_expired_is_reclaimed_and_what_lives_is_not() -> Result<()> {
    let house = lasting(Lifetime::idle(hours(1)));
    house.visitor("old").await?;
    house.wait(HOUR / 2);
    let young = house.visitor("young").await?;
    house.wait(HOUR / 2);
    assert_eq!(house.manager.purge_expired(10).await?, 1);
    assert_eq!(house.store.memory().len(), 1);
    assert_eq!(young.sees(&house, "young").await?, Some(1));
    Ok(())
}

/// A request that was under way when the limit passed was a use of the session.
#[tokio::test]
async fn a_write_that_began_in_time_counts_as_use() -> Result<()> {
    let house = lasting(Lifetime::idle(hours(1)));
    let mut browser = house.visitor("a").await?;
    house.wait(HOUR - 1);
    let session = browser.open(&house);
    session.set("b", session.get("a").await?.unwrap_or(0) + 1)?;
    house.wait(2);
    browser.finish(&house, &session).await?;
    assert_eq!(browser.sees(&house, "b").await?, Some(2));
    Ok(())
}

#[tokio::test]
async fn an_engine_that_expires_by_itself_is_believed() -> Result<()> {
    let capabilities = Capabilities::new().with_native_expiry(true);
    let (house, mut browser) =
        (House::over(Probe::with(capabilities), Policy::default()), Browser::default());
    let session = browser.open(&house);
    session.set("a", 1)?;
    browser.finish(&house, &session).await?;
    house.store.memory().delete(&browser.key()).await?;
    assert_eq!(browser.sees(&house, "a").await?, None);
    Ok(())
}
