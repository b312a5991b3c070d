//! What another page can make this browser do.

use anyhow::{Result, ensure};

use crate::stage::Stage;

/// The driver's own page is on the same host under another port: another origin, but the same site, so the browser
/// sends the cookie along.
pub(crate) async fn a_form_of_another_origin_is_refused(stage: Stage) -> Result<()> {
    let browser = stage.browser().await?;
    browser.sign_up("Ada").await?;
    browser.driver().goto(format!("{}/status", stage.driver())).await?;
    let script = format!(
        "const form = document.body.appendChild(document.createElement('form'));
        form.method = 'post';
        form.action = '{}/sign-out';
        form.submit();",
        stage.house().url("127.0.0.1")
    );
    browser.driver().execute(script, vec![]).await?;
    browser.arrive("Refused").await?;

    browser.open("/devices").await?;
    browser.arrive("Your devices").await?;
    ensure!(stage.house().sessions().await?.len() == 1, "the session lives");
    Ok(())
}
