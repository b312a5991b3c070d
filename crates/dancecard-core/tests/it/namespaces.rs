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

/// A person can be a customer here and an administrator there, under one name.
#[tokio::test]
async fn principals_of_two_managers_are_not_each_others() -> Result<()> {
    let house = House::new();
    let managers = [house.manager.clone(), house.manager.clone().with_namespace("admin")];
    let mut browsers = Vec::new();
    for manager in &managers {
        let session = manager.open([]);
        session.sign_in("ada")?;
        let mut browser = Browser::default();
        browser.receive(manager.commit(&session).await?.token);
        browsers.push(browser);
    }
    for (manager, browser) in managers.iter().zip(&browsers) {
        let mine = manager.sessions_of(&"ada".into()).await?;
        assert_eq!(mine.len(), 1);
        assert_eq!(mine[0].meta.principal(), Some(&"ada".into()));
        let session = browser.visit(manager);
        assert_eq!(session.principal().await?, Some("ada".into()));
        assert_eq!(session.meta().await?.and_then(|meta| meta.principal().cloned()), Some("ada".into()));
        let key = &mine[0].key;
        for other in managers.iter().filter(|other| !other.is_same_as(manager)) {
            assert!(!other.end_one(&"ada".into(), key).await?);
        }
    }
    assert_eq!(managers[1].end_all(&"ada".into()).await?, 1);
    assert_eq!(browsers[0].visit(&managers[0]).principal().await?, Some("ada".into()));
    assert_eq!(browsers[1].visit(&managers[1]).principal().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_limit_of_sessions_counts_one_namespace() -> Result<()> {
    let policy = dancecard_core::Policy::default().with_max_sessions(1, dancecard_core::AtLimit::EndOldest);
    let house = House::with(policy);
    let admin = house.manager.clone().with_namespace("admin");
    let browser = house.member("ada").await?;
    let session = admin.open([]);
    session.sign_in("ada")?;
    admin.commit(&session).await?;
    assert_eq!(browser.visit(&house.manager).principal().await?, Some("ada".into()));
    assert_eq!(admin.sessions_of(&"ada".into()).await?.len(), 1);
    Ok(())
}
