//! Requests that are overtaken.

use anyhow::Result;
use axum::http::StatusCode;
use dancecard_testkit::{Fault, Gate, Operation};
use futures_util::future::try_join;

use crate::client::PASSWORD;
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

/// Before it has looked for the last "end all", when it is about to be written, and when it has been.
#[tokio::test]
async fn a_sign_in_with_the_old_password_does_not_outlive_the_change() -> Result<()> {
    overtake_a_sign_in(Operation::Load, Fault::HoldBefore).await?;
    overtake_a_sign_in(Operation::Write, Fault::HoldBefore).await?;
    overtake_a_sign_in(Operation::Write, Fault::HoldAfter).await
}

/// The old password was right when it was checked, and is changed while the engine is asked to store the sign-in.
async fn overtake_a_sign_in(operation: Operation, hold: fn(Gate) -> Fault) -> Result<()> {
    let shop = Opened::new()?;
    let (desk, thief) = (shop.member("Ada").await?, shop.visitor());
    let gate = Gate::new();
    shop.faults.next(operation, hold(gate.clone()));
    let change = async {
        gate.reached().await;
        let change = [("old", PASSWORD), ("new", "a better password")];
        assert!(desk.post("/password", &change).await?.leads_to("/devices"));
        gate.open();
        Ok(())
    };
    let entering = thief.post("/sign-in", &[("name", "Ada"), ("password", PASSWORD)]);
    let (reply, ()) = try_join(entering, change).await?;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(shop.sessions().await?.len(), 1);
    assert!(thief.get("/devices").await?.leads_to("/sign-in"));
    assert!(desk.get("/devices").await?.shows("Your password is changed."));
    Ok(())
}
