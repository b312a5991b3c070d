//! One user, two browsers.

use anyhow::{Result, ensure};
use thirtyfour::By;

use crate::browser::{Browser, PASSWORD};
use crate::stage::Stage;

/// Two browsers that show where Ada is signed in.
async fn two_devices(stage: &Stage) -> Result<(Browser, Browser)> {
    let (desk, phone) = (stage.browser().await?, stage.browser().await?);
    desk.sign_up("Ada").await?;
    phone.sign_in("Ada", PASSWORD).await?;
    phone.flash("Good to see you, Ada.").await?;
    for browser in [&desk, &phone] {
        browser.open("/devices").await?;
        browser.arrive("Your devices").await?;
        ensure!(devices(browser).await? == 2, "two devices are listed");
    }
    Ok((desk, phone))
}

async fn devices(browser: &Browser) -> Result<usize> {
    let all = browser.driver().find_all(By::Css(".devices li")).await?;
    let own = browser.driver().find_all(By::Css(".devices .badge")).await?;
    ensure!(own.len() == 1, "one of them is this one");
    Ok(all.len())
}

pub(crate) async fn ending_the_other_one(stage: Stage) -> Result<()> {
    let (desk, phone) = two_devices(&stage).await?;
    desk.see("dd", "127.0.0.1").await?;
    desk.press("End this one: Chrome on Linux").await?;
    desk.flash("That device is signed out.").await?;
    ensure!(devices(&desk).await? == 1, "one device is left");

    phone.driver().refresh().await?;
    phone.arrive("Sign in").await?;
    desk.driver().refresh().await?;
    desk.arrive("Your devices").await
}

pub(crate) async fn ending_all_others(stage: Stage) -> Result<()> {
    let (desk, phone) = two_devices(&stage).await?;
    phone.press("End all others").await?;
    phone.flash("Signed out elsewhere: 1.").await?;
    ensure!(devices(&phone).await? == 1, "one device is left");
    ensure!(!phone.sees("button", "End all others").await?, "there are no others");

    desk.driver().refresh().await?;
    desk.arrive("Sign in").await?;
    ensure!(stage.house().sessions().await?.len() == 1, "one session is alive");
    Ok(())
}
