//! Requests that are overtaken.

use anyhow::Result;
use futures_util::future::try_join;

use crate::opened::Opened;

#[tokio::test]
async fn a_slow_request_does_not_undo_a_sign_out() -> Result<()> {
    let shop = Opened::new()?;
    let member = shop.member("Ada").await?;
    let cookie = member.cookie();
    let other_tab = shop.visitor().with_cookie(cookie.clone());
    let meanwhile = async {
        shop.shop.gate().until_waiting(1).await;
        member.post("/sign-out", &[]).await?;
        assert_eq!(shop.shop.gate().open(), 1);
        Ok(())
    };
    let (reply, ()) = try_join(other_tab.post("/slow", &[]), meanwhile).await?;
    assert!(reply.leads_to("/slow"));
    assert!(shop.sessions().await?.is_empty());
    assert!(shop.visitor().with_cookie(cookie).get("/devices").await?.leads_to("/sign-in"));
    Ok(())
}

#[tokio::test]
async fn a_slow_request_that_is_not_overtaken_stores_what_it_wrote() -> Result<()> {
    let shop = Opened::new()?;
    let member = shop.member("Ada").await?;
    let meanwhile = async {
        shop.shop.gate().until_waiting(1).await;
        member.post("/cart/add", &[("product", "fan")]).await?;
        member.post("/slow/finish", &[]).await
    };
    try_join(member.post("/slow", &[]), meanwhile).await?;
    let page = member.get("/slow").await?;
    assert!(page.shows("you are still signed in") && page.shows("</span>1<span"), "{}", page.text);
    Ok(())
}
