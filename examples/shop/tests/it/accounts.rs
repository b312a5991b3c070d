//! Signing up, in and out.

use std::time::Duration;

use anyhow::Result;
use axum::http::StatusCode;

use crate::client::PASSWORD;
use crate::opened::Opened;

#[tokio::test]
async fn the_cookie_is_strict_for_everyone_from_afar() -> Result<()> {
    let shop = Opened::new()?;
    let reply = shop.visitor().post("/cart/add", &[("product", "fan")]).await?;
    let line = reply.header("set-cookie").unwrap_or_default();
    let (pair, attributes) = line.split_once("; ").unwrap_or_default();
    assert!(pair.starts_with("__Host-session="));
    assert_eq!(attributes, "Path=/; HttpOnly; Secure; SameSite=Lax");
    Ok(())
}

#[tokio::test]
async fn signing_in_changes_the_id_and_keeps_the_cart() -> Result<()> {
    let shop = Opened::new()?;
    shop.member("Ada").await?;
    let client = shop.visitor();
    client.post("/cart/add", &[("product", "fan")]).await?;
    let before = client.cookie();
    client.sign_in("Ada").await?;
    assert_ne!(client.cookie(), before);

    let page = client.get("/").await?;
    assert!(page.shows("Good to see you, Ada.") && page.shows("</span>1<span"), "{}", page.text);
    let thief = shop.visitor().with_cookie(before);
    assert!(thief.get("/devices").await?.leads_to("/sign-in"));
    Ok(())
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_get_the_same_answer() -> Result<()> {
    let shop = Opened::new()?;
    shop.member("Ada").await?;
    let try_in = async |name: &str, password: &str| {
        let reply = shop.visitor().post("/sign-in", &[("name", name), ("password", password)]).await?;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(reply.header("set-cookie"), None);
        anyhow::Ok(reply.text.replace(name, "NAME"))
    };
    assert_eq!(try_in("Ada", "wrong").await?, try_in("Eve", PASSWORD).await?);
    Ok(())
}

#[tokio::test]
async fn unfit_names_and_passwords_are_refused() -> Result<()> {
    let shop = Opened::new()?;
    shop.member("Ada").await?;
    let long = "x".repeat(41);
    let cases = [
        (" ", PASSWORD, "one to forty characters"),
        (long.as_str(), PASSWORD, "one to forty characters"),
        ("Eve", "seven..", "at least eight characters."),
        (" ada ", PASSWORD, "That name is taken."),
    ];
    for (name, password, fault) in cases {
        let client = shop.visitor();
        let reply = client.post("/sign-up", &[("name", name), ("password", password)]).await?;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(reply.shows(fault), "{name}: {}", reply.text);
        assert_eq!(client.cookie(), None, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn signing_out_leaves_nothing() -> Result<()> {
    let shop = Opened::new()?;
    let member = shop.member("Ada").await?;
    let before = member.cookie();
    let reply = member.post("/sign-out", &[]).await?;
    assert!(reply.leads_to("/signed-out"));
    let line = reply.header("set-cookie").unwrap_or_default();
    assert_eq!(line, "__Host-session=; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=0");
    assert!(shop.sessions().await?.is_empty());
    assert!(shop.visitor().with_cookie(before).get("/devices").await?.leads_to("/sign-in"));
    Ok(())
}

#[tokio::test]
async fn who_asks_to_be_remembered_has_a_month() -> Result<()> {
    let shop = Opened::new()?;
    shop.member("Ada").await?.post("/sign-out", &[]).await?;
    let fields = [("name", "Ada"), ("password", PASSWORD), ("remember", "on")];
    shop.visitor().post("/sign-in", &fields).await?;
    let sessions = shop.sessions().await?;
    let [remembered] = sessions.as_slice() else { panic!("{} sessions", sessions.len()) };
    let month = Duration::from_secs(30 * 24 * 60 * 60);
    assert_eq!(remembered.meta.absolute_at().since(remembered.meta.created_at()), month);
    assert_eq!(remembered.meta.idle(), Some(month));
    Ok(())
}

#[tokio::test]
async fn private_pages_lead_to_the_sign_in_page_and_their_forms_are_refused() -> Result<()> {
    let shop = Opened::new()?;
    let visitor = shop.visitor();
    for path in ["/devices", "/password", "/live", "/live/events"] {
        assert!(visitor.get(path).await?.leads_to("/sign-in"), "{path}");
    }
    for path in ["/devices/end", "/devices/end-others", "/password", "/slow"] {
        let reply = visitor.post(path, &[("key", "00"), ("old", "x"), ("new", "x")]).await?;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    Ok(())
}
