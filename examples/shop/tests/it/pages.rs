//! What pages cost, and what they send along.

use anyhow::Result;

use crate::opened::Opened;

#[tokio::test]
async fn a_visitor_who_stores_nothing_costs_nothing() -> Result<()> {
    let shop = Opened::new()?;
    for path in ["/", "/cart", "/sign-in", "/sign-up", "/slow", "/about", "/signed-out", "/assets/style.css"]
    {
        let (reply, calls) = shop.calls(shop.visitor().get(path)).await?;
        assert_eq!(calls.to_string(), "nothing", "{path}");
        assert!(reply.status.is_success(), "{path}");
        assert_eq!(reply.header("set-cookie"), None, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_page_asks_once_and_a_change_writes_once() -> Result<()> {
    let shop = Opened::new()?;
    let client = shop.visitor();
    let (_, calls) = shop.calls(client.post("/cart/add", &[("product", "fan")])).await?;
    assert_eq!(calls.to_string(), "1 write");
    // It shows the flash, and takes it out.
    let (_, calls) = shop.calls(client.get("/")).await?;
    assert_eq!(calls.to_string(), "1 load, 1 write");
    let (_, calls) = shop.calls(client.get("/")).await?;
    assert_eq!(calls.to_string(), "1 load");
    let (_, calls) = shop.calls(client.post("/cart/add", &[("product", "fan")])).await?;
    assert_eq!(calls.to_string(), "1 load, 1 write");
    Ok(())
}

#[tokio::test]
async fn pages_without_a_session_ask_for_nothing_and_may_be_kept() -> Result<()> {
    let shop = Opened::new()?;
    let member = shop.member("Ada").await?;
    for path in ["/about", "/signed-out", "/nowhere", "/assets/style.css"] {
        let (reply, calls) = shop.calls(member.get(path)).await?;
        assert_eq!(calls.to_string(), "nothing", "{path}");
        assert_eq!(reply.header("vary"), None, "{path}");
        assert_ne!(reply.header("cache-control"), Some("no-store"), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn pages_with_a_session_are_kept_by_nobody() -> Result<()> {
    let shop = Opened::new()?;
    let member = shop.member("Ada").await?;
    for path in ["/", "/cart", "/devices", "/password", "/slow", "/live"] {
        let reply = member.get(path).await?;
        assert!(reply.status.is_success(), "{path}");
        let sent = (reply.header("cache-control"), reply.header("vary"));
        assert_eq!(sent, (Some("no-store"), Some("Cookie")), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn every_answer_narrows_down_what_it_may_do() -> Result<()> {
    let shop = Opened::new()?;
    for path in ["/", "/about", "/devices", "/nowhere", "/assets/live.js", "/assets/nothing"] {
        let reply = shop.visitor().get(path).await?;
        let content = reply.header("content-security-policy").unwrap_or_default();
        assert!(content.starts_with("default-src 'none';"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn what_people_type_is_text() -> Result<()> {
    let shop = Opened::new()?;
    let member = shop.member("<script>alert(1)</script>").await?;
    let page = member.get("/").await?;
    assert!(page.shows("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.shows("<script"));
    let reply = member.get("/%22%3E%3Cscript%3E").await?;
    assert!(!reply.shows("<script"), "{}", reply.text);
    Ok(())
}
