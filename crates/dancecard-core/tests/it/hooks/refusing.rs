//! Hooks that say no.

use std::future::ready;
use std::time::Duration;

use dancecard_core::{
    Error, ErrorKind, EventKind, HookError, HookPoint, Hooks, Outcome, Policy, Result, Session, Status,
    Timestamp,
};

use super::{Log, house_with, impatient, request, visited};
use crate::house::{Browser, House};
use crate::probe::When;

/// A reason that an application looks for.
#[derive(Debug, PartialEq, Eq)]
struct OverQuota(u32);

impl std::fmt::Display for OverQuota {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("over quota")
    }
}

impl std::error::Error for OverQuota {}

fn refusing(point: HookPoint) -> Hooks {
    impatient().on(point, |_| ready(Err(HookError::refuse(OverQuota(3)))))
}

fn assert_refused(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Refused);
    let reason = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    assert_eq!(reason, Some(&OverQuota(3)));
}

#[tokio::test]
async fn a_beginning_and_a_flush_can_be_refused() -> Result<()> {
    for point in [HookPoint::BeforeCreate, HookPoint::BeforeFlush] {
        let house = house_with(refusing(point), Policy::default());
        let mut browser = Browser::default();
        let error = request(&house, &mut browser, async |session| session.set("a", 1)).await.unwrap_err();
        assert_refused(&error);
        assert_eq!((house.live().await, house.store.calls().len()), (0, 0), "{point:?}");
        assert!(browser.cookie.is_none());
    }
    Ok(())
}

#[tokio::test]
async fn a_refused_flush_leaves_the_session_as_it_was() -> Result<()> {
    let (house, mut browser) = visited(refusing(HookPoint::BeforeFlush)).await?;
    let error = request(&house, &mut browser, async |session| session.set("a", 2)).await.unwrap_err();
    assert_refused(&error);
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    Ok(())
}

#[tokio::test]
async fn a_retrieval_can_be_refused() -> Result<()> {
    let (house, browser) = visited(refusing(HookPoint::BeforeRetrieve)).await?;
    let error = browser.open(&house).get::<i64>("a").await.unwrap_err();
    assert_refused(&error);
    assert!(house.store.calls().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_change_of_id_can_be_refused() -> Result<()> {
    let (house, mut browser) = visited(refusing(HookPoint::BeforeChangeId)).await?;
    let before = browser.key();
    let error = request(&house, &mut browser, async |session| session.sign_in("ada")).await.unwrap_err();
    assert_refused(&error);
    assert_eq!(browser.key(), before);
    assert_eq!(browser.open(&house).principal().await?, None);
    Ok(())
}

/// A house where it is time for a new id, and a hook says no; and a browser with a session in it.
async fn due_and_refused() -> Result<(House, Browser)> {
    let policy = Policy::default().with_renewal(Duration::from_secs(60), Duration::from_secs(30));
    let house = house_with(refusing(HookPoint::BeforeChangeId), policy);
    let browser = house.visitor("a").await?;
    house.wait(1800);
    Ok((house, browser))
}

async fn expiry(house: &House, browser: &Browser) -> Timestamp {
    house.stored(&browser.key()).await.expect("there is a session").expires_at()
}

/// Whoever only reads goes on with the old id, and is not signed out for want of use.
#[tokio::test]
async fn a_refused_renewal_is_no_error_of_a_reader() -> Result<()> {
    let (house, mut browser) = due_and_refused().await?;
    let (key, was) = (browser.key(), expiry(&house, &browser).await);
    let read = async |session: &Session| session.get::<i64>("a").await.map(drop);
    assert_eq!(request(&house, &mut browser, read).await?, Outcome::Touched);
    assert_eq!(browser.key(), key);
    assert_eq!(expiry(&house, &browser).await, was.saturating_add(Duration::from_secs(1800)));
    assert_eq!(request(&house, &mut browser, read).await?, Outcome::Unchanged);
    Ok(())
}

#[tokio::test]
async fn a_refused_renewal_is_no_error_of_a_writer() -> Result<()> {
    let (house, mut browser) = due_and_refused().await?;
    let (key, was) = (browser.key(), expiry(&house, &browser).await);
    assert_eq!(request(&house, &mut browser, async |session| session.set("a", 2)).await?, Outcome::Updated);
    assert_eq!(browser.key(), key);
    assert_eq!(browser.sees(&house, "a").await?, Some(2));
    assert!(expiry(&house, &browser).await > was);
    Ok(())
}

/// The hooks of the write that is left are called, in their order, and may say no to it.
#[tokio::test]
async fn a_write_without_its_renewal_is_a_flush() -> Result<()> {
    let log = Log::default();
    let policy = Policy::default().with_renewal(Duration::from_secs(60), Duration::from_secs(30));
    let hooks =
        log.everywhere().on(HookPoint::BeforeChangeId, |_| ready(Err(HookError::refuse(OverQuota(3)))));
    let house = house_with(hooks.clone(), policy.clone());
    let mut browser = house.visitor("a").await?;
    house.wait(61);
    log.take();
    request(&house, &mut browser, async |session| session.set("a", 2)).await?;
    let expected = ["before_retrieve", "after_retrieve", "before_change_id", "before_flush", "after_flush"];
    assert_eq!(log.take(), expected);

    let strict = hooks.on(HookPoint::BeforeFlush, |_| ready(Err(HookError::refuse(OverQuota(3)))));
    let house = House { manager: house.manager.clone().with_hooks(strict), ..house };
    let refused = request(&house, &mut browser, async |session| session.set("a", 3)).await;
    assert_refused(&refused.unwrap_err());
    assert_eq!(browser.sees(&house, "a").await?, Some(2));
    Ok(())
}

#[tokio::test]
async fn the_end_can_not_be_refused() -> Result<()> {
    for point in HookPoint::ALL {
        let (house, mut browser) = visited(refusing(point)).await?;
        request(&house, &mut browser, async |session| session.destroy()).await?;
        assert_eq!((house.live().await, browser.cookie.is_none()), (0, true), "{point:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_end_stands_if_what_would_follow_is_refused() -> Result<()> {
    for point in [HookPoint::BeforeCreate, HookPoint::BeforeFlush] {
        let (house, browser) = visited(refusing(point)).await?;
        let session = browser.open(&house);
        session.destroy()?;
        session.set("goodbye", true)?;
        assert_refused(&house.manager.commit(&session).await.unwrap_err());
        assert_eq!(house.live().await, 0, "{point:?}");
    }
    Ok(())
}

/// Also where nothing could be read of the session that ended.
#[tokio::test]
async fn what_follows_an_unreadable_session_can_be_refused() -> Result<()> {
    for point in [HookPoint::BeforeCreate, HookPoint::BeforeFlush] {
        let (house, browser) = visited(refusing(point)).await?;
        house.store.fail_with(0, When::Before, ErrorKind::Corrupt);
        let session = browser.open(&house);
        session.destroy()?;
        session.set("goodbye", true)?;
        assert_refused(&house.manager.commit(&session).await.unwrap_err());
        assert_eq!(house.live().await, 0, "{point:?}");
    }
    Ok(())
}

/// What would be written to it afterwards would be lost, so it is refused.
#[tokio::test]
async fn a_refused_response_is_decided() -> Result<()> {
    use HookPoint::{BeforeChangeId, BeforeCreate, BeforeFlush, BeforeRetrieve};
    for point in [BeforeRetrieve, BeforeChangeId, BeforeCreate, BeforeFlush] {
        let (house, browser) = visited(refusing(point)).await?;
        let browser = if point == BeforeCreate { Browser::default() } else { browser };
        let session = browser.open(&house);
        session.set("a", 2)?;
        if point == BeforeChangeId {
            session.cycle_id()?;
        }
        assert_refused(&session.save().await.unwrap_err());
        session.set("a", 3)?;
        assert_refused(&house.manager.commit(&session).await.unwrap_err());
        assert_eq!(session.set("a", 4).unwrap_err().kind(), ErrorKind::Sealed, "{point:?}");
        assert_eq!(session.status(), Status::Sealed, "{point:?}");
    }
    Ok(())
}

/// A commit that is tried again has its hooks again, and they may write.
#[tokio::test]
async fn hooks_write_at_the_second_attempt_too() -> Result<()> {
    let (house, browser) = visited(impatient().on(HookPoint::BeforeFlush, |moment| async move {
        moment.session().map_or(Ok(()), |session| session.set("hooked", 1))?;
        Ok(())
    }))
    .await?;
    let session = browser.open(&house);
    session.set("a", 2)?;
    house.store.fail(1, When::Before);
    assert_eq!(house.manager.commit(&session).await.unwrap_err().kind(), ErrorKind::Unavailable);
    house.manager.commit(&session).await?;
    assert_eq!(browser.sees(&house, "hooked").await?, Some(1));
    assert_eq!(house.events.count(EventKind::HookFailed), 0);
    Ok(())
}

#[test]
fn a_reason_is_in_no_debug_text() {
    let error = HookError::refuse("a secret");
    assert!(!format!("{error:?}").contains("secret"));
    assert!(!format!("{:?}", refusing(HookPoint::BeforeFlush)).contains("quota"));
}
