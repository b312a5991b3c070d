//! Requests that last, and what they learn.

use anyhow::{Result, ensure};

use crate::stage::Stage;

/// The slow request has read the session before it ends, and writes afterwards.
pub(crate) async fn signing_out_during_a_slow_request(stage: Stage) -> Result<()> {
    let browser = stage.impatient_browser().await?;
    let gate = stage.house().shop.gate();
    browser.sign_up("Ada").await?;
    let first = browser.driver().window().await?;
    browser.open("/slow").await?;
    browser.press("Begin a slow request").await?;
    gate.until_waiting(1).await;

    browser.new_tab().await?;
    browser.open("/devices").await?;
    browser.press("Sign out").await?;
    browser.arrive("You are signed out").await?;
    ensure!(gate.open() == 1, "the request was still waiting");

    browser.switch_to(&first).await?;
    browser.see("output", "0").await?;
    ensure!(!browser.sees("nav//a", "Ada").await?, "signed in again");
    browser.has_no_cookie().await?;
    ensure!(stage.house().sessions().await?.is_empty(), "something is alive");
    browser.open("/devices").await?;
    browser.arrive("Sign in").await
}

pub(crate) async fn a_live_page_learns_of_the_end(stage: Stage) -> Result<()> {
    let browser = stage.browser().await?;
    browser.sign_up("Ada").await?;
    let first = browser.driver().window().await?;
    browser.open("/live").await?;
    browser.see("p[@data-state='alive']", "Connected, and signed in.").await?;

    browser.new_tab().await?;
    browser.open("/devices").await?;
    browser.press("Sign out").await?;
    browser.arrive("You are signed out").await?;

    browser.switch_to(&first).await?;
    browser.see("p[@data-state='ended']", "Your session has ended. The connection is closed.").await?;
    Ok(())
}
