//! An engine that fails.

use anyhow::Result;
use axum::http::StatusCode;
use dancecard_testkit::{Fault, Operation};

use crate::client::PASSWORD;
use crate::opened::Opened;

#[tokio::test]
async fn a_page_that_can_not_be_read_says_sorry() -> Result<()> {
    let shop = Opened::new()?;
    let member = shop.member("Ada").await?;
    let cookie = member.cookie();
    // The last four are kept from the handler by its extractor.
    for page in ["/", "/cart", "/slow", "/devices", "/password", "/live", "/live/events"] {
        shop.faults.next(Operation::Load, Fault::FailBefore);
        let reply = member.get(page).await?;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{page}");
        assert!(reply.shows("One moment, please") && !reply.shows("injected"), "{page}: {}", reply.text);
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{page}");
    }
    // Nobody is signed out by it.
    assert_eq!(member.cookie(), cookie);
    assert!(member.get("/devices").await?.status.is_success());
    Ok(())
}

#[tokio::test]
async fn a_change_that_can_not_be_stored_is_not_claimed() -> Result<()> {
    let shop = Opened::new()?;
    let client = shop.visitor();
    client.post("/cart/add", &[("product", "tie")]).await?;
    shop.faults.next(Operation::Write, Fault::FailBefore);
    let reply = client.post("/cart/add", &[("product", "fan")]).await?;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(reply.shows("nothing was changed"));
    let cart = client.get("/cart").await?;
    assert!(cart.shows("Bow tie") && !cart.shows("Folding fan"));
    Ok(())
}

#[tokio::test]
async fn a_sign_in_that_can_not_be_stored_gives_no_cookie() -> Result<()> {
    let shop = Opened::new()?;
    shop.member("Ada").await?;
    let client = shop.visitor();
    shop.faults.next(Operation::Write, Fault::FailBefore);
    let reply = client.post("/sign-in", &[("name", "Ada"), ("password", PASSWORD)]).await?;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(client.cookie(), None);
    Ok(())
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused() -> Result<()> {
    let shop = Opened::new()?;
    let password = "x".repeat(20_000);
    let reply = shop.visitor().post("/sign-up", &[("name", "Ada"), ("password", &password)]).await?;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    Ok(())
}
