//! What clients send: made-up, malformed, several at once.

use dancecard_core::{Outcome, Result, TokenAction};

use crate::house::{Browser, House, made_up};

#[tokio::test]
async fn a_made_up_token_is_never_adopted() -> Result<()> {
    let token = made_up();
    let scripts: [fn(&dancecard_core::Session) -> Result<()>; 6] = [
        |session| session.set("a", 1),
        |session| session.clear().and_then(|()| session.set("a", 1)),
        |session| session.destroy().and_then(|()| session.set("a", 1)),
        |session| session.cycle_id().and_then(|()| session.set("a", 1)),
        |session| session.sign_in("ada"),
        |session| session.destroy().and_then(|()| session.sign_in("ada")),
    ];
    for (number, script) in scripts.into_iter().enumerate() {
        let (house, mut browser) = (House::new(), Browser { cookie: Some(token) });
        let session = browser.open(&house);
        script(&session)?;
        let committed = browser.finish(&house, &session).await?;
        assert_eq!(committed.outcome, Outcome::Created, "script {number}");
        assert!(!browser.has(&token), "script {number}");
        assert!(house.stored(&crate::house::key_of(&token)).await.is_none(), "script {number}");
        assert_eq!(house.live().await, 1, "script {number}");
    }
    Ok(())
}

#[tokio::test]
async fn a_made_up_token_that_is_only_looked_at_is_forgotten_and_stores_nothing() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser { cookie: Some(made_up()) });
    let session = browser.open(&house);
    assert_eq!(session.get::<u8>("a").await?, None);
    let committed = browser.finish(&house, &session).await?;
    assert!(matches!(committed.token, TokenAction::Forget));
    assert!(house.store.memory().is_empty());
    Ok(())
}

#[tokio::test]
async fn tokens_of_another_shape_reach_no_engine() -> Result<()> {
    let house = House::new();
    let long = "A".repeat(4096);
    let bad = ["", "short", "../../etc/passwd", "\0", &long, &"=".repeat(43), &"é".repeat(21)];
    for token in bad {
        let session = house.manager.open([token.as_bytes()]);
        assert_eq!(session.get::<u8>("a").await?, None);
        house.manager.commit(&session).await?;
        assert_eq!(house.store.calls(), [""; 0], "{token:?}");
    }
    Ok(())
}

#[tokio::test]
async fn of_several_tokens_the_first_that_lives_counts() -> Result<()> {
    let house = House::new();
    let (one, other) = (house.visitor("one").await?, house.visitor("other").await?);
    let made_up = made_up();
    let token = |browser: &Browser| browser.cookie.map(|token| token.as_str().to_owned());
    let (one, other) = (token(&one).unwrap_or_default(), token(&other).unwrap_or_default());
    let session = house.manager.open([made_up.as_str().as_bytes(), one.as_bytes(), other.as_bytes()]);
    assert_eq!(session.keys().await?, ["one"]);

    let many = [made_up.as_str(); 4].map(str::as_bytes);
    let session = house.manager.open(many.into_iter().chain([one.as_bytes()]));
    assert_eq!(session.keys().await?, [""; 0]);
    Ok(())
}
