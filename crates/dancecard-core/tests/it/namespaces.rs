//! Several managers on one engine.

use dancecard_core::{Outcome, Result, TokenAction};

use crate::house::{Browser, House};

#[tokio::test]
async fn a_token_of_one_manager_means_nothing_to_another() -> Result<()> {
    let house = House::new();
    let shop = house.manager.clone().with_namespace("shop");
    let admin = house.manager.clone().with_namespace("admin");
    let session = shop.open([]);
    session.sign_in("ada")?;
    let mut browser = Browser::default();
    browser.receive(shop.commit(&session).await?.token);
    let token = browser.cookie;
    assert_eq!(browser.visit(&shop).principal().await?, Some("ada".into()));

    for other in [&admin, &house.manager] {
        let session = browser.visit(other);
        assert_eq!(session.principal().await?, None);
        session.set("a", 1)?;
        let committed = other.commit(&session).await?;
        assert_eq!(committed.outcome, Outcome::Created);
        let TokenAction::Set { token: new, .. } = committed.token else { panic!("a new token is needed") };
        assert!(token.is_some_and(|token| token.as_str() != new.as_str()));
    }
    let session = browser.visit(&admin);
    session.destroy()?;
    admin.commit(&session).await?;
    assert_eq!(browser.visit(&shop).principal().await?, Some("ada".into()));
    Ok(())
}

/// One application's cookie, two managers with the same rules: what one stores the other reads.
#[tokio::test]
async fn without_a_namespace_managers_share() -> Result<()> {
    let house = House::new();
    let browser = house.visitor("a").await?;
    let again = House::over(house.store.clone(), house.manager.policy().clone());
    assert_eq!(browser.sees(&again, "a").await?, Some(1));
    Ok(())
}
