//! The cookie as the browser sees it.

use anyhow::{Result, ensure};
use thirtyfour::{Cookie, SameSite};

use crate::browser::Browser;
use crate::stage::{Opened, Stage};

/// What differs between the two forms, and what doesn't.
fn check(cookie: &Cookie, host: &str, secure: bool) -> Result<()> {
    ensure!(cookie.name == if secure { "__Host-session" } else { "session" }, "name {}", cookie.name);
    let attributes = (cookie.http_only, cookie.secure, cookie.same_site, cookie.expiry);
    ensure!(attributes == (Some(true), Some(secure), Some(SameSite::Lax), None), "{attributes:?}");
    ensure!(cookie.path.as_deref() == Some("/"), "path {:?}", cookie.path);
    // Without a dot in front it is for this host only.
    ensure!(cookie.domain.as_deref() == Some(host), "domain {:?}", cookie.domain);
    ensure!(cookie.value.len() == 43, "a token has 43 characters");
    Ok(())
}

async fn add_something(browser: &Browser, shop: &Opened, host: &str) -> Result<()> {
    browser.driver().goto(shop.url(host)).await?;
    browser.press("Add Dance card to cart").await?;
    browser.flash("Dance card: in your cart.").await
}

/// A debug build relaxes the cookie for the machine that it is developed on; a release build does not.
pub(crate) async fn by_default_on_loopback(stage: Stage) -> Result<()> {
    for host in ["127.0.0.1", "localhost"] {
        let browser = stage.browser().await?;
        add_something(&browser, stage.house(), host).await?;
        check(&browser.cookie().await?, host, !cfg!(debug_assertions))?;
        let seen = browser.driver().execute("return document.cookie", vec![]).await?;
        ensure!(seen.convert::<String>()?.is_empty(), "scripts see it");
    }
    Ok(())
}

/// Chromium takes loopback for trustworthy, by name and by address: it keeps a `Secure` cookie with the `__Host-` prefix
/// from plain HTTP, and sends it back. So a release build can be tried without encryption on the same machine.
pub(crate) async fn strict_on_loopback(stage: Stage) -> Result<()> {
    let strict = stage.strict().await?;
    for host in ["127.0.0.1", "localhost"] {
        let browser = stage.browser().await?;
        add_something(&browser, strict, host).await?;
        browser.see("a[@href='/cart']", "Cart with 1 item").await?;
        check(&browser.cookie().await?, host, true)?;
    }
    Ok(())
}

pub(crate) async fn a_visitor_who_stores_nothing_gets_none(stage: Stage) -> Result<()> {
    let browser = stage.browser().await?;
    for (path, heading) in
        [("/", "For an evening of dancing"), ("/cart", "Your cart"), ("/sign-in", "Sign in")]
    {
        browser.open(path).await?;
        browser.arrive(heading).await?;
        browser.has_no_cookie().await?;
    }
    ensure!(stage.house().calls() == 0, "the engine was asked");
    Ok(())
}

pub(crate) async fn a_page_without_session_asks_for_nothing(stage: Stage) -> Result<()> {
    let browser = stage.browser().await?;
    browser.open("/about").await?;
    browser.arrive("About this shop").await?;
    browser.has_no_cookie().await?;

    browser.sign_up("Ada").await?;
    let cookie = browser.cookie().await?.value;
    let before = stage.house().calls();
    browser.open("/about").await?;
    browser.arrive("About this shop").await?;
    ensure!(stage.house().calls() == before, "the engine was asked");
    ensure!(browser.cookie().await?.value == cookie, "the cookie is another");
    Ok(())
}
