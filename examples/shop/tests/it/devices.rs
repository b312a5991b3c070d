//! Several sessions of one user, and of two.

use anyhow::{Context, Result};
use axum::http::StatusCode;

use crate::client::{PASSWORD, Reply};
use crate::opened::Opened;

/// The keys in the forms of a device list: those of all but this device.
fn keys(page: &Reply) -> Vec<String> {
    let forms = page.text.split("name=\"key\" value=\"").skip(1);
    forms.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[tokio::test]
async fn one_device_ends_another() -> Result<()> {
    let shop = Opened::new()?;
    let (desk, phone) = (shop.member("Ada").await?, shop.again("Ada").await?);
    let page = desk.get("/devices").await?;
    assert_eq!(page.text.matches("this one</span>").count(), 1);
    let key = keys(&page).pop().context("the phone is listed")?;

    desk.post("/devices/end", &[("key", &key)]).await?;
    assert!(desk.get("/devices").await?.shows("That device is signed out."));
    assert!(phone.get("/devices").await?.leads_to("/sign-in"));
    desk.post("/devices/end", &[("key", &key)]).await?;
    assert!(desk.get("/devices").await?.shows("It was signed out already."));
    Ok(())
}

#[tokio::test]
async fn nobody_ends_a_device_of_someone_else() -> Result<()> {
    let shop = Opened::new()?;
    let (ada, eve) = (shop.member("Ada").await?, shop.member("Eve").await?);
    let phone = shop.again("Ada").await?;
    let key = keys(&ada.get("/devices").await?).pop().context("the phone is listed")?;

    for key in [key.as_str(), "", "not hex", "00"] {
        eve.post("/devices/end", &[("key", key)]).await?;
        assert!(eve.get("/devices").await?.shows("It was signed out already."), "{key}");
    }
    assert_eq!(phone.get("/devices").await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn one_device_ends_all_others() -> Result<()> {
    let shop = Opened::new()?;
    let (desk, eve) = (shop.member("Ada").await?, shop.member("Eve").await?);
    let others = [shop.again("Ada").await?, shop.again("Ada").await?];
    desk.post("/devices/end-others", &[]).await?;
    assert!(desk.get("/devices").await?.shows("Signed out elsewhere: 2."));
    for other in &others {
        assert!(other.get("/devices").await?.leads_to("/sign-in"));
    }
    assert_eq!(eve.get("/devices").await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn a_new_password_leaves_one_session_under_a_new_id() -> Result<()> {
    let shop = Opened::new()?;
    let (desk, phone) = (shop.member("Ada").await?, shop.again("Ada").await?);
    let before = desk.cookie();
    for (old, new) in [("wrong", "a better password"), (PASSWORD, "short")] {
        let reply = desk.post("/password", &[("old", old), ("new", new)]).await?;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(shop.sessions().await?.len(), 2);

    let reply = desk.post("/password", &[("old", PASSWORD), ("new", "a better password")]).await?;
    assert!(reply.leads_to("/devices"));
    assert!(desk.get("/devices").await?.shows("Your password is changed."));
    assert!(phone.get("/devices").await?.leads_to("/sign-in"));
    assert!(shop.visitor().with_cookie(before).get("/devices").await?.leads_to("/sign-in"));
    assert_eq!(shop.sessions().await?.len(), 1);
    Ok(())
}
