//! Signing up, in and out.

use anyhow::{Result, ensure};

use crate::browser::PASSWORD;
use crate::stage::Stage;

pub(crate) async fn signing_up_and_in(stage: Stage) -> Result<()> {
    let browser = stage.browser().await?;
    browser.sign_up("Ada").await?;
    browser.see("nav//a", "Ada").await?;
    browser.press("Sign out").await?;
    browser.arrive("You are signed out").await?;

    for (name, password) in [("Ada", "something else"), ("Eve", PASSWORD)] {
        browser.sign_in(name, password).await?;
        browser.see("p[@role='alert']", "Name and password don't go together.").await?;
    }
    browser.sign_in("ada", PASSWORD).await?;
    browser.flash("Good to see you, Ada.").await?;
    browser.see("nav//a", "Ada").await?;
    Ok(())
}

pub(crate) async fn a_flash_is_shown_once(stage: Stage) -> Result<()> {
    let browser = stage.browser().await?;
    browser.open("/").await?;
    browser.press("Add Folding fan to cart").await?;
    browser.flash("Folding fan: in your cart.").await?;
    browser.driver().refresh().await?;
    browser.arrive("For an evening of dancing").await?;
    ensure!(!browser.sees("p[@class='flash']", "Folding fan: in your cart.").await?, "it is shown again");
    browser.see("a[@href='/cart']", "Cart with 1 item").await?;
    Ok(())
}

pub(crate) async fn signing_out(stage: Stage) -> Result<()> {
    let browser = stage.browser().await?;
    browser.sign_up("Ada").await?;
    ensure!(stage.house().sessions().await?.len() == 1, "there is one session");
    browser.press("Sign out").await?;
    browser.arrive("You are signed out").await?;
    browser.has_no_cookie().await?;
    ensure!(stage.house().sessions().await?.is_empty(), "nothing is alive");

    browser.open("/devices").await?;
    browser.arrive("Sign in").await
}

pub(crate) async fn going_back_after_signing_out_shows_nothing_private(stage: Stage) -> Result<()> {
    let browser = stage.browser().await?;
    browser.sign_up("Ada").await?;
    browser.open("/devices").await?;
    browser.arrive("Your devices").await?;
    browser.press("Sign out").await?;
    browser.arrive("You are signed out").await?;

    browser.driver().back().await?;
    browser.arrive("Sign in").await?;
    ensure!(!browser.driver().source().await?.contains("Ada"), "the name is still on the page");
    Ok(())
}

pub(crate) async fn a_new_password_ends_the_other_browser(stage: Stage) -> Result<()> {
    let (desk, phone) = (stage.browser().await?, stage.browser().await?);
    desk.sign_up("Ada").await?;
    phone.sign_in("Ada", PASSWORD).await?;
    phone.flash("Good to see you, Ada.").await?;
    let before = desk.cookie().await?.value;

    desk.open("/password").await?;
    desk.fill("old", PASSWORD).await?;
    desk.fill("new", "a better password").await?;
    desk.press("Change it").await?;
    desk.flash("Your password is changed. All other devices are signed out.").await?;
    ensure!(desk.cookie().await?.value != before, "the id is the old one");

    phone.open("/devices").await?;
    phone.arrive("Sign in").await?;
    phone.sign_in("Ada", PASSWORD).await?;
    phone.see("p[@role='alert']", "Name and password don't go together.").await?;
    phone.sign_in("Ada", "a better password").await?;
    phone.flash("Good to see you, Ada.").await
}
