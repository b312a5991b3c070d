//! What a client, or whoever has its cookie, can't do.

use dancecard_core::{Policy, Result};
use dancecard_http::CookieConfig;
use dancecard_store_cookie::CookieStore;

use crate::house::{Browser, House, alone, ring};

async fn visitor(house: &House) -> Result<Browser> {
    let mut browser = Browser::default();
    browser.sets(house, "secret", "plaintext").await?;
    Ok(browser)
}

#[tokio::test]
async fn the_cookie_shows_nothing_but_an_id() -> Result<()> {
    let browser = visitor(&House::over(alone())).await?;
    assert_eq!(browser.token().len(), dancecard_core::TOKEN_LEN);
    assert!(!browser.cookie().contains("plaintext"));
    assert!(!browser.cookie().contains("cGxhaW50ZXh0"), "nor in base64");
    Ok(())
}

#[tokio::test]
async fn every_changed_character_makes_it_nothing() -> Result<()> {
    let house = House::over(alone());
    let browser = visitor(&house).await?;
    let cookie = browser.cookie().to_owned();
    for at in 0..cookie.len() {
        let mut bytes = cookie.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let mut forged = browser.clone();
        let text = String::from_utf8(bytes).expect("text");
        forged.jar.insert("__Host-session".into(), text);
        assert_eq!(forged.reads(&house, "secret").await?, None, "character {at}");
    }
    for length in 0..cookie.len() {
        let mut forged = browser.clone();
        forged.jar.insert("__Host-session".into(), cookie[..length].into());
        assert_eq!(forged.reads(&house, "secret").await?, None, "length {length}");
    }
    Ok(())
}

/// The value of one cookie under another's name, in another application, in another namespace.
#[tokio::test]
async fn it_is_worth_nothing_anywhere_else() -> Result<()> {
    let house = House::over(alone());
    let browser = visitor(&house).await?;
    let with = |engine, cookie| House::with(engine, Policy::default(), cookie);

    let mut renamed = Browser::default();
    renamed.jar.insert("__Host-admin".into(), browser.cookie().into());
    let admin = with(alone(), CookieConfig::new("admin"));
    assert_eq!(renamed.reads(&admin, "secret").await?, None);

    let other = House::over(CookieStore::new(&ring(&[1]), "admin"));
    assert_eq!(browser.clone().reads(&other, "secret").await?, None);

    let mut named = House::over(alone());
    named.http = dancecard_http::SessionHttp::new(named.manager().clone().with_namespace("admin"));
    assert_eq!(browser.clone().reads(&named, "secret").await?, None);
    assert_eq!(browser.clone().reads(&house, "secret").await?.as_deref(), Some("plaintext"));
    Ok(())
}

/// The data of one session under the id of another.
#[tokio::test]
async fn data_do_not_go_with_another_id() -> Result<()> {
    let house = House::over(alone());
    let (mallory, victim) = (visitor(&house).await?, visitor(&house).await?);
    let sealed = mallory.cookie().split_once('.').expect("two parts").1;
    let mut mixed = victim.clone();
    mixed.jar.insert("__Host-session".into(), format!("{}.{sealed}", victim.token()));
    assert_eq!(mixed.reads(&house, "secret").await?, None);
    Ok(())
}

#[test]
fn nothing_is_printed() {
    let house = House::over(alone());
    let text = format!("{:?} {:?}", house.manager(), alone());
    assert!(text.contains("cookie") || text.contains("CookieStore"));
    for key in [1u8, 2] {
        let bytes: Vec<u8> = (0..32).map(|n: u8| n.wrapping_mul(37) ^ key).collect();
        assert!(!text.contains(&format!("{bytes:?}")));
    }
}
