//! Sign-ins that are announced before the password is checked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dancecard_core::{Outcome, Policy, Result, Store as _, Support, TokenAction};

use crate::house::{Browser, House, ada, at_once};
use crate::probe::Probe;

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

/// A password is changed: the handler ends the other sessions itself, which is no reason to undo its own sign-in.
#[tokio::test]
async fn ones_own_sign_out_of_others_leaves_the_sign_in() -> Result<()> {
    for store in [
        Probe::new(),
        Probe::with(Probe::new().memory().capabilities().with_conditional_write(Support::None)),
    ] {
        let house = House::over(store, Policy::default());
        let (other, mut mine) = (house.member("ada").await?, Browser::default());
        for _ in 0..2 {
            let session = mine.open(&house);
            session.begin_sign_in("ada").await?;
            session.sign_in("ada")?;
            session.sign_out_others().await?;
            let committed = mine.finish(&house, &session).await?;
            assert!(matches!(committed.outcome, Outcome::Created | Outcome::Rotated), "{committed:?}");
        }
        assert_eq!(mine.open(&house).principal().await?, Some(ada()));
        assert_eq!(other.open(&house).principal().await?, None);
    }
    Ok(())
}

/// Wherever somebody else's "end all" gets in between, the sign-in is undone all the same.
#[tokio::test]
async fn ones_own_sign_out_of_others_hides_no_end_of_all() -> Result<()> {
    for call in 0.. {
        let house = House::new();
        let session = Browser::default().open(&house);
        session.begin_sign_in("ada").await?;
        session.sign_in("ada")?;
        house.store.calls();
        let (other, done) = (house.clone(), Arc::new(AtomicBool::new(false)));
        let flag = done.clone();
        house.store.before(call, move || {
            flag.store(true, Ordering::SeqCst);
            at_once(other.manager.end_all(&ada())).expect("they end");
        });
        session.sign_out_others().await?;
        if !done.load(Ordering::SeqCst) {
            break;
        }
        assert_eq!(house.manager.commit(&session).await?.outcome, Outcome::Undone, "call {call}");
        assert_eq!(house.live().await, 0, "call {call}");
    }
    Ok(())
}

/// What is saved between the two is not the sign-in.
#[tokio::test]
async fn a_save_before_the_sign_in_leaves_the_announcement() -> Result<()> {
    let house = House::new();
    let session = Browser::default().open(&house);
    session.begin_sign_in("ada").await?;
    session.set("tries", 1)?;
    session.save().await?;
    house.manager.end_all(&ada()).await?;
    session.sign_in("ada")?;
    assert_eq!(house.manager.commit(&session).await?.outcome, Outcome::Undone);
    assert_eq!(house.manager.sessions_of(&ada()).await?.len(), 0);
    Ok(())
}
