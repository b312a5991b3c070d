//! Requests that other sites bring about.

use anyhow::Result;
use axum::http::{HeaderMap, StatusCode};

use crate::opened::Opened;

const FORMS: [&str; 10] = [
    "/cart/add",
    "/cart/remove",
    "/sign-up",
    "/sign-in",
    "/sign-out",
    "/devices/end",
    "/devices/end-others",
    "/password",
    "/slow",
    "/slow/finish",
];

#[tokio::test]
async fn forms_of_other_sites_never_get_to_the_session() -> Result<()> {
    let shop = Opened::new()?;
    let member = shop.member("Ada").await?;
    let origins = [vec![], vec![("sec-fetch-site", "same-site")], vec![("origin", "https://evil.example")]];
    for origin in origins {
        let pairs = origin.iter().map(|(name, value)| Ok((name.parse()?, value.parse()?)));
        let headers = pairs.collect::<Result<HeaderMap>>()?;
        for path in FORMS {
            let (reply, calls) = shop.calls(member.post_with(path, headers.clone(), &[])).await?;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path} {origin:?}");
            assert_eq!(calls.to_string(), "nothing", "{path} {origin:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_old_browser_says_it_with_the_origin() -> Result<()> {
    let shop = Opened::new()?;
    let headers = HeaderMap::from_iter([("origin".parse()?, "https://shop.example".parse()?)]);
    let reply = shop.visitor().post_with("/cart/add", headers, &[("product", "fan")]).await?;
    assert!(reply.leads_to("/"));
    Ok(())
}

/// What changes something is no address to go to: those that have no page answer a GET with 405, or are none at all.
#[tokio::test]
async fn no_get_changes_anything() -> Result<()> {
    let shop = Opened::new()?;
    let member = shop.member("Ada").await?;
    member.get("/").await?;
    for path in FORMS {
        let (_, calls) = shop.calls(member.get(&format!("{path}?product=fan&key=00"))).await?;
        assert_eq!(calls.total(), calls.of(dancecard_testkit::Operation::Load), "{path}");
    }
    assert!(member.get("/devices").await?.status.is_success());
    Ok(())
}
