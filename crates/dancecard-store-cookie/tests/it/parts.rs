//! Sessions that are too large for one cookie.

use dancecard_core::{ErrorKind, Policy, Result};
use dancecard_http::CookieConfig;

use crate::house::{Browser, House, alone};

fn house(parts: usize) -> House {
    House::with(alone(), Policy::default(), CookieConfig::default().with_parts(parts))
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_is_sent() -> Result<()> {
    let (house, mut browser) = (house(1), Browser::default());
    browser.sets(&house, "a", "1").await?;
    let before = browser.clone();
    let (answer, _) = browser.ask(&house, async |session| session.set("a", "x".repeat(4000))).await;
    assert_eq!(answer.finished.unwrap_err().kind(), ErrorKind::TooLarge);
    assert!(!answer.headers.contains_key("set-cookie"));
    browser.receive(&answer.headers);
    assert_eq!(browser, before);
    assert_eq!(browser.reads(&house, "a").await?.as_deref(), Some("1"));
    Ok(())
}

#[tokio::test]
async fn nor_is_one_that_is_larger_by_far() -> Result<()> {
    let (house, mut browser) = (house(8), Browser::default());
    browser.sets(&house, "a", "1").await?;
    for megabytes in [1, 64] {
        let large = "x".repeat(megabytes << 20);
        let (answer, _) = browser.ask(&house, async |session| session.set("a", large.as_str())).await;
        let refused = answer.finished.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
        assert!(!format!("{refused} {refused:?}").contains("xxx"));
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    assert_eq!(browser.reads(&house, "a").await?.as_deref(), Some("1"));
    Ok(())
}

/// To the byte: the largest session that fits, and one more.
#[tokio::test]
async fn the_limit_is_what_browsers_take() -> Result<()> {
    for parts in [1, 2, 8] {
        let house = house(parts);
        let fits = async |bytes: usize| {
            let mut browser = Browser::default();
            browser.sets(&house, "a", &"x".repeat(bytes)).await.map(|()| browser)
        };
        let (mut low, mut high) = (0, 64 * 1024);
        while high - low > 1 {
            let middle = (low + high) / 2;
            *(if fits(middle).await.is_ok() { &mut low } else { &mut high }) = middle;
        }
        let mut browser = fits(low).await?;
        assert_eq!(browser.jar.len(), parts);
        assert!(low > parts * 2_900, "{low} bytes in {parts}");
        assert_eq!(browser.reads(&house, "a").await?.map(|text| text.len()), Some(low));
    }
    Ok(())
}

#[tokio::test]
async fn parts_come_and_go_with_the_session() -> Result<()> {
    let (house, mut browser) = (house(4), Browser::default());
    for (bytes, cookies) in [(10, 1), (9_000, 3), (4_000, 2), (10, 1), (11_000, 4)] {
        browser.sets(&house, "a", &"x".repeat(bytes)).await?;
        assert_eq!(browser.jar.len(), cookies, "{bytes}");
        assert_eq!(browser.reads(&house, "a").await?.map(|text| text.len()), Some(bytes));
    }
    browser.visit(&house, async |session| session.destroy()).await?;
    assert!(browser.jar.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_part_that_is_missing_or_foreign_makes_it_nothing() -> Result<()> {
    let (house, mut browser, mut other) = (house(4), Browser::default(), Browser::default());
    for browser in [&mut browser, &mut other] {
        browser.sets(&house, "a", &"x".repeat(9_000)).await?;
    }
    let names: Vec<String> = browser.jar.keys().cloned().collect();
    for name in names {
        let mut cut = browser.clone();
        cut.jar.remove(&name);
        assert_eq!(cut.reads(&house, "a").await?, None, "without {name}");
        let mut mixed = browser.clone();
        mixed.jar.insert(name.clone(), other.jar[&name].clone());
        assert_eq!(mixed.reads(&house, "a").await?, None, "with another {name}");
    }
    Ok(())
}
