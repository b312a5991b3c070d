//! Sign-ins that are announced before the password is checked.

use dancecard_core::{Outcome, Principal, Result, TokenAction};

use crate::house::{Browser, House};

fn ada() -> Principal {
    "ada".into()
}

/// Someone checks an old password; meanwhile it is changed, and everyone is signed out.
#[tokio::test]
async fn an_end_of_all_while_the_password_is_checked_undoes_the_sign_in() -> Result<()> {
    let house = House::new();
    let session = Browser::default().open(&house);
    session.begin_sign_in("ada").await?;
    house.manager.end_all(&ada()).await?;
    session.sign_in("ada")?;
    let committed = house.manager.commit(&session).await?;
    assert_eq!(committed.outcome, Outcome::Undone);
    assert!(matches!(committed.token, TokenAction::Keep));
    assert_eq!(house.live().await, 0);
    Ok(())
}

/// What comes between, a sign-out of whoever used this browser before for example, does not undo the announcement.
#[tokio::test]
async fn a_destroy_before_the_sign_in_leaves_the_announcement() -> Result<()> {
    let house = House::new();
    let session = house.member("bob").await?.open(&house);
    session.begin_sign_in("ada").await?;
    house.manager.end_all(&ada()).await?;
    session.destroy()?;
    session.sign_in("ada")?;
    assert_eq!(house.manager.commit(&session).await?.outcome, Outcome::Undone);
    assert_eq!(house.live().await, 0);
    Ok(())
}

#[tokio::test]
async fn an_announcement_is_for_one_principal_and_one_sign_in() -> Result<()> {
    let house = House::new();
    let session = Browser::default().open(&house);
    session.begin_sign_in("ada").await?;
    house.manager.end_all(&ada()).await?;
    session.sign_in("bob")?;
    session.save().await?;
    session.begin_sign_in("ada").await?;
    session.sign_in("ada")?;
    session.save().await?;
    house.manager.end_all(&ada()).await?;
    session.sign_in("ada")?;
    assert!(session.save().await.is_ok());
    assert_eq!(house.manager.sessions_of(&ada()).await?.len(), 1);
    Ok(())
}

/// The look at the mark is made earlier, not twice.
#[tokio::test]
async fn an_announced_sign_in_costs_no_more() -> Result<()> {
    let house = House::new();
    let plain = Browser::default().open(&house);
    plain.sign_in("ada")?;
    house.manager.commit(&plain).await?;
    let calls = house.store.calls().len();
    let announced = Browser::default().open(&house);
    announced.begin_sign_in("ada").await?;
    announced.sign_in("ada")?;
    house.manager.commit(&announced).await?;
    assert_eq!(house.store.calls().len(), calls);
    Ok(())
}

#[tokio::test]
async fn an_announcement_alone_changes_nothing() -> Result<()> {
    let house = House::new();
    let session = Browser::default().open(&house);
    session.begin_sign_in("ada").await?;
    assert_eq!(house.manager.commit(&session).await?.outcome, Outcome::Unchanged);
    assert_eq!(house.live().await, 0);
    Ok(())
}
