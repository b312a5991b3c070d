//! The end of sessions, where a registry keeps the facts, and where none does.

use dancecard_core::{MemoryStore, Result, Store};

use crate::house::{Browser, House, alone};

fn registered() -> House {
    House::over(alone().with_registry(MemoryStore::new()))
}

async fn member(house: &House) -> Result<Browser> {
    let mut browser = Browser::default();
    browser.signs_in(house, "ada").await?;
    Ok(browser)
}

#[tokio::test]
async fn a_copy_from_before_the_sign_out_is_refused() -> Result<()> {
    let house = registered();
    let mut browser = member(&house).await?;
    let mut copy = browser.clone();
    browser.visit(&house, async |session| session.destroy()).await?;
    assert!(browser.jar.is_empty());
    assert_eq!(copy.who(&house).await?, None);
    // Nor does a write bring it back.
    let mut copy = copy.clone();
    let _ = copy.sets(&house, "a", "1").await;
    assert_eq!(copy.who(&house).await?, None);
    Ok(())
}

/// What the capabilities say: without a registry, whoever kept a copy is still signed in.
#[tokio::test]
async fn without_a_registry_a_copy_still_counts() -> Result<()> {
    let house = House::over(alone());
    assert!(house.manager().capabilities().client_keeps);
    let mut browser = member(&house).await?;
    let mut copy = browser.clone();
    browser.visit(&house, async |session| session.destroy()).await?;
    assert!(browser.jar.is_empty());
    assert_eq!(copy.who(&house).await?.as_deref(), Some("ada"));
    assert!(house.manager().end_all(&"ada".into()).await.unwrap_err().is_unsupported());
    assert!(house.manager().sessions_of(&"ada".into()).await.unwrap_err().is_unsupported());
    Ok(())
}

#[tokio::test]
async fn the_id_from_before_a_sign_in_stops_at_once() -> Result<()> {
    let house = registered();
    let mut browser = Browser::default();
    browser.sets(&house, "a", "1").await?;
    let mut planted = browser.clone();
    browser.signs_in(&house, "ada").await?;
    assert_eq!(planted.reads(&house, "a").await?, None);
    assert_eq!(planted.who(&house).await?, None);
    Ok(())
}

/// From anywhere: a command line, another page, another process with the same registry.
#[tokio::test]
async fn all_sessions_of_a_person_are_listed_and_ended() -> Result<()> {
    let house = registered();
    assert!(!house.manager().capabilities().client_keeps);
    let first = member(&house).await?;
    house.clock.advance(std::time::Duration::from_secs(1));
    let mut browsers = [first, member(&house).await?];
    let listed = house.manager().sessions_of(&"ada".into()).await?;
    assert_eq!(listed.len(), 2);
    assert!(house.manager().end_one(&"ada".into(), &listed[0].key).await?);
    assert_eq!(browsers[0].who(&house).await?, None);
    assert_eq!(browsers[1].who(&house).await?.as_deref(), Some("ada"));
    assert_eq!(house.manager().end_all(&"ada".into()).await?, 1);
    assert_eq!(browsers[1].who(&house).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_request_signs_out_the_others() -> Result<()> {
    let house = registered();
    let (mut own, mut other) = (member(&house).await?, member(&house).await?);
    let ended = own.visit(&house, async |session| session.sign_out_others().await).await?;
    assert_eq!(ended, 1);
    assert_eq!(own.who(&house).await?.as_deref(), Some("ada"));
    assert_eq!(other.who(&house).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_late_response_of_an_ended_session_brings_nothing_back() -> Result<()> {
    let house = registered();
    let browser = member(&house).await?;
    let (answer, _) = browser
        .ask(&house, async |session| {
            session.get::<String>("a").await?;
            house.manager().end_all(&"ada".into()).await?;
            session.set("a", "late")
        })
        .await;
    assert!(!answer.headers.contains_key("set-cookie"));
    assert_eq!(browser.clone().who(&house).await?, None);
    Ok(())
}

#[tokio::test]
async fn outside_of_a_request_no_session_can_begin() {
    let engine = alone().with_registry(MemoryStore::new());
    assert!(engine.client_side().is_some());
    let manager = dancecard_core::SessionManager::new(engine);
    let session = manager.open([]);
    session.set("a", 1).expect("noted");
    assert!(manager.commit(&session).await.unwrap_err().is_unsupported());
}
