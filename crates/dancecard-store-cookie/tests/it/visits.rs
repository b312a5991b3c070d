//! What a request costs, and what its response brings.

use std::time::Duration;

use dancecard_core::{ErrorKind, Lifetime, Policy, Result};
use dancecard_http::{CookieConfig, HeaderConfig, SessionHttp, Transport};
use http::HeaderMap;

use crate::house::{Browser, House, alone};

#[tokio::test]
async fn a_session_lives_in_the_cookie() -> Result<()> {
    let (house, mut browser) = (House::over(alone()), Browser::default());
    browser.sets(&house, "theme", "dark").await?;
    assert_eq!(browser.reads(&house, "theme").await?.as_deref(), Some("dark"));
    // Another process with the same keys reads it.
    assert_eq!(browser.reads(&House::over(alone()), "theme").await?.as_deref(), Some("dark"));
    Ok(())
}

#[tokio::test]
async fn a_request_that_leaves_the_session_alone_brings_nothing() -> Result<()> {
    let (house, mut browser) = (House::over(alone()), Browser::default());
    browser.sets(&house, "theme", "dark").await?;
    let (answer, _) = browser.ask(&house, async |_| Ok(())).await;
    assert!(answer.headers.is_empty());
    let (answer, _) = browser.ask(&house, async |session| session.get::<String>("theme").await).await;
    assert!(!answer.headers.contains_key("set-cookie"));
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["vary"], "Cookie");
    let (answer, _) = browser.ask(&house, async |session| session.set("theme", "dark")).await;
    assert!(!answer.headers.contains_key("set-cookie"), "the same value is no change");
    Ok(())
}

#[tokio::test]
async fn a_write_keeps_the_id_and_a_sign_in_changes_it() -> Result<()> {
    let (house, mut browser) = (House::over(alone()), Browser::default());
    browser.sets(&house, "a", "1").await?;
    let (first, sealed) = (browser.token().to_owned(), browser.cookie().to_owned());
    browser.sets(&house, "a", "2").await?;
    assert_eq!(browser.token(), first);
    assert_ne!(browser.cookie(), sealed);
    browser.signs_in(&house, "ada").await?;
    assert_ne!(browser.token(), first);
    assert_eq!(browser.reads(&house, "a").await?.as_deref(), Some("2"));
    assert_eq!(browser.who(&house).await?.as_deref(), Some("ada"));
    Ok(())
}

#[tokio::test]
async fn both_limits_are_inside_the_seal() -> Result<()> {
    let lifetime = Lifetime::idle(Duration::from_secs(3600));
    let house = House::with(alone(), Policy::default().with_lifetime(lifetime), CookieConfig::default());
    let mut browser = Browser::default();
    browser.sets(&house, "a", "1").await?;
    let kept = browser.clone();
    house.clock.advance(Duration::from_secs(3000));
    assert_eq!(browser.reads(&house, "a").await?.as_deref(), Some("1"));
    assert_ne!(browser.jar, kept.jar, "a read moves the idle limit");
    house.clock.advance(Duration::from_secs(3000));
    assert_eq!(browser.reads(&house, "a").await?.as_deref(), Some("1"));
    assert_eq!(kept.clone().reads(&house, "a").await?, None, "the older copy has expired");

    let lifetime = Lifetime::absolute(Duration::from_secs(3600));
    let house = House::with(alone(), Policy::default().with_lifetime(lifetime), CookieConfig::default());
    let mut browser = Browser::default();
    browser.sets(&house, "a", "1").await?;
    house.clock.advance(Duration::from_secs(1800));
    browser.sets(&house, "a", "2").await?;
    house.clock.advance(Duration::from_secs(1800));
    assert_eq!(browser.reads(&house, "a").await?, None);
    Ok(())
}

#[tokio::test]
async fn what_was_saved_is_sent_although_the_response_fails() -> Result<()> {
    let (house, mut browser) = (House::over(alone()), Browser::default());
    let failed = browser
        .visit(&house, async |session| {
            session.set("a", "1")?;
            session.save().await?;
            session.set("b", "1")?;
            Err::<(), _>(dancecard_core::Error::new(ErrorKind::Other, "handle"))
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(browser.reads(&house, "a").await?.as_deref(), Some("1"));
    assert_eq!(browser.reads(&house, "b").await?, None);
    Ok(())
}

/// A stream, or a websocket: the head went out, and with it the data.
#[tokio::test]
async fn nothing_is_stored_after_the_head() -> Result<()> {
    let (house, mut browser) = (House::over(alone()), Browser::default());
    browser.sets(&house, "a", "1").await?;
    let live = browser
        .visit(&house, async |session| {
            session.set("a", "2")?;
            session.save().await?;
            session.live()
        })
        .await?;
    assert!(live.is_alive().await?);
    let later = live.open();
    assert_eq!(later.get::<String>("a").await?.as_deref(), Some("2"));
    later.set("a", "3")?;
    assert_eq!(later.save().await.unwrap_err().kind(), ErrorKind::Sealed);
    Ok(())
}

#[tokio::test]
async fn a_header_carries_it_as_well() -> Result<()> {
    let house = House::over(alone());
    let header = Transport::Header(HeaderConfig::new("x-session"));
    let http = SessionHttp::new(house.manager().clone()).with_transport(header)?;
    let exchange = http.begin(&HeaderMap::new());
    exchange.session().set("a", "1")?;
    let mut response = HeaderMap::new();
    exchange.finish(200, &mut response).await?;
    let mut request = HeaderMap::new();
    request.insert("x-session", response["x-session"].clone());
    assert_eq!(http.begin(&request).session().get::<String>("a").await?.as_deref(), Some("1"));
    Ok(())
}

/// A layer that is mounted twice leaves everything to the outer one.
#[tokio::test]
async fn a_session_knows_its_manager() -> Result<()> {
    let (house, mut browser) = (House::over(alone()), Browser::default());
    let other = House::over(alone());
    browser
        .visit(&house, async |session| {
            assert!(session.manager().is_same_as(house.manager()));
            assert!(!session.manager().is_same_as(other.manager()));
            Ok(())
        })
        .await
}
