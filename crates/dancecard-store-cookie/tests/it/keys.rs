//! Keys that change while sessions live.

use dancecard_core::Result;
use dancecard_store_cookie::CookieStore;

use crate::house::{Browser, House, ring};

fn house(seeds: &[u8]) -> House {
    House::over(CookieStore::new(&ring(seeds), "shop"))
}

#[tokio::test]
async fn a_session_is_sealed_anew_when_it_is_used() -> Result<()> {
    let mut browser = Browser::default();
    browser.sets(&house(&[1]), "a", "1").await?;
    let old = browser.clone();

    let both = house(&[2, 1]);
    let (answer, _) = browser.ask(&both, async |_| Ok(())).await;
    assert!(answer.headers.is_empty(), "not before it is used");
    assert_eq!(browser.reads(&both, "a").await?.as_deref(), Some("1"));
    assert_ne!(browser.cookie(), old.cookie());
    assert_eq!(browser.token(), old.token(), "it is the same session");

    // The old key can go.
    let new = house(&[2]);
    assert_eq!(browser.reads(&new, "a").await?.as_deref(), Some("1"));
    assert_eq!(old.clone().reads(&new, "a").await?, None);
    Ok(())
}

#[tokio::test]
async fn it_is_sealed_anew_once() -> Result<()> {
    let mut browser = Browser::default();
    browser.sets(&house(&[1]), "a", "1").await?;
    let both = house(&[2, 1]);
    browser.reads(&both, "a").await?;
    let (answer, _) = browser.ask(&both, async |session| session.get::<String>("a").await).await;
    assert!(!answer.headers.contains_key("set-cookie"));
    Ok(())
}
