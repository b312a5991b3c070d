//! The cart under several hands.

use anyhow::Result;
use futures_util::future::try_join_all;

use crate::opened::Opened;

#[tokio::test]
async fn things_put_in_at_once_are_all_there() -> Result<()> {
    let shop = Opened::new()?;
    let client = shop.visitor();
    client.post("/cart/add", &[("product", "tie")]).await?;
    let adding = (0..40).map(|_| client.post("/cart/add", &[("product", "fan")]));
    for reply in try_join_all(adding).await? {
        assert!(reply.leads_to("/"));
    }
    assert!(
        client.get("/cart").await?.shows("<th scope=\"row\">Folding fan</th><td class=\"number\">40</td>")
    );
    Ok(())
}

#[tokio::test]
async fn what_is_taken_out_is_gone() -> Result<()> {
    let shop = Opened::new()?;
    let client = shop.visitor();
    client.post("/cart/add", &[("product", "fan")]).await?;
    assert!(client.post("/cart/remove", &[("product", "fan")]).await?.leads_to("/cart"));
    assert!(client.get("/cart").await?.shows("There is nothing in it yet."));
    Ok(())
}

#[tokio::test]
async fn what_the_shop_does_not_have_is_not_stored() -> Result<()> {
    let shop = Opened::new()?;
    let client = shop.visitor();
    let (_, calls) = shop.calls(client.post("/cart/add", &[("product", "a yacht")])).await?;
    assert_eq!(calls.to_string(), "nothing");
    assert_eq!(client.cookie(), None);
    Ok(())
}
