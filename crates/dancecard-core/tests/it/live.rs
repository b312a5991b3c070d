//! Sessions of connections that outlive their response.

use std::time::Duration;

use dancecard_core::{ErrorKind, FailurePolicy, LiveSession, Outcome, Policy, Result};

use crate::house::{Browser, House, made_up};

async fn connect(house: &House) -> Result<(Browser, LiveSession)> {
    let browser = house.member("ada").await?;
    let session = browser.open(house);
    session.principal().await?;
    house.manager.commit(&session).await?;
    Ok((browser, session.live()?))
}

#[tokio::test]
async fn a_connection_reads_and_writes_with_handles_of_its_own() -> Result<()> {
    let house = House::new();
    let (browser, live) = connect(&house).await?;
    assert!(live.is_alive().await?);
    for expected in 1..=3 {
        let session = live.open();
        assert_eq!(session.principal().await?, Some("ada".into()));
        session.update("n", |n: &mut i64| *n += 1)?;
        session.save().await?;
        assert_eq!(browser.sees(&house, "n").await?, Some(expected));
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_learns_that_its_session_has_ended() -> Result<()> {
    let house = House::new();
    let (browser, live) = connect(&house).await?;
    house.manager.end(&browser.key()).await?;
    assert!(!live.is_alive().await?);
    assert_eq!(live.check().await?, None);
    let session = live.open();
    session.set("late", 1)?;
    assert_eq!(session.save().await.unwrap_err().kind(), ErrorKind::Ended);
    assert_eq!(house.live().await, 0);
    Ok(())
}

#[tokio::test]
async fn a_connection_ends_with_the_idle_limit_and_with_a_new_id() -> Result<()> {
    let house = House::new();
    let (mut browser, live) = connect(&house).await?;
    let session = browser.open(&house);
    session.cycle_id()?;
    browser.finish(&house, &session).await?;
    assert!(!live.is_alive().await?);

    let (_, live) = connect(&house).await?;
    house.wait(3600);
    assert!(!live.is_alive().await?);
    Ok(())
}

#[tokio::test]
async fn a_connection_follows_a_renewal_within_its_grace() -> Result<()> {
    let second = Duration::from_secs(1);
    let house = House::with(Policy::default().with_renewal(600 * second, 30 * second));
    let (mut browser, live) = connect(&house).await?;
    for _ in 0..3 {
        house.wait(600);
        let session = browser.open(&house);
        session.update("n", |n: &mut i64| *n += 1)?;
        assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Rotated);
        house.wait(29);
        assert!(live.is_alive().await?);
        assert!(live.clone().is_alive().await?);
    }
    assert_eq!(live.open().get("n").await?, Some(3));
    Ok(())
}

/// There is no response any more that could carry an id.
#[tokio::test]
async fn a_connection_cannot_change_the_id_or_begin_a_session() -> Result<()> {
    let house = House::new();
    let (browser, live) = connect(&house).await?;
    let changes: [fn(&dancecard_core::Session) -> Result<()>; 2] =
        [|session| session.sign_in("bob"), |session| session.cycle_id()];
    for change in changes {
        let session = live.open();
        change(&session)?;
        assert_eq!(session.save().await.unwrap_err().kind(), ErrorKind::Sealed);
        assert_eq!(browser.open(&house).principal().await?, Some("ada".into()));
    }
    house.manager.end(&browser.key()).await?;
    let session = live.open();
    session.sign_in("ada")?;
    assert_eq!(session.save().await.unwrap_err().kind(), ErrorKind::Sealed);
    assert_eq!(house.live().await, 0);
    Ok(())
}

#[tokio::test]
async fn a_connection_is_not_renewed() -> Result<()> {
    let second = Duration::from_secs(1);
    let house = House::with(Policy::default().with_renewal(600 * second, 30 * second));
    let (browser, live) = connect(&house).await?;
    house.wait(600);
    let session = live.open();
    session.set("a", 1)?;
    assert_eq!(house.manager.commit(&session).await?.outcome, Outcome::Updated);
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    Ok(())
}

#[tokio::test]
async fn a_connection_can_sign_out_also_after_a_new_id() -> Result<()> {
    let house = House::new();
    let (mut browser, live) = connect(&house).await?;
    let session = browser.open(&house);
    session.cycle_id()?;
    browser.finish(&house, &session).await?;
    let session = live.open();
    session.destroy()?;
    session.save().await?;
    assert_eq!(browser.open(&house).principal().await?, None);
    assert_eq!(house.live().await, 0);
    Ok(())
}

#[tokio::test]
async fn there_must_be_a_session_to_stay_with() -> Result<()> {
    let house = House::new();
    let nobody = Browser::default().open(&house);
    assert_eq!(nobody.live().map(drop).unwrap_err().kind(), ErrorKind::Ended);

    let stranger = Browser { cookie: Some(made_up()) }.open(&house);
    let live = stranger.live()?;
    assert!(!live.is_alive().await?);
    let session = live.open();
    session.set("a", 1)?;
    assert_eq!(session.save().await.unwrap_err().kind(), ErrorKind::Ended);
    assert!(house.store.memory().is_empty());

    let leaving = house.visitor("a").await?.open(&house);
    leaving.destroy()?;
    assert_eq!(leaving.live().map(drop).unwrap_err().kind(), ErrorKind::Ended);
    Ok(())
}

#[tokio::test]
async fn a_session_that_was_just_begun_can_be_stayed_with() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let session = browser.open(&house);
    session.sign_in("ada")?;
    browser.finish(&house, &session).await?;
    assert!(session.live()?.is_alive().await?);
    Ok(())
}

/// It is not known then whether the session lives, whatever pages for everyone do.
#[tokio::test]
async fn an_engine_that_is_down_does_not_end_a_connection() -> Result<()> {
    for failure in [FailurePolicy::Closed, FailurePolicy::Anonymous] {
        let house = House::with(Policy::default().with_failure(failure));
        let (_, live) = connect(&house).await?;
        house.store.calls();
        house.store.go_down();
        assert!(live.is_alive().await.unwrap_err().is_unavailable(), "{failure:?}");
        house.store.calls();
        assert!(live.is_alive().await?, "{failure:?}");
    }
    Ok(())
}
