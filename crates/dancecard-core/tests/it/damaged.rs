//! One record among others that can't be read.

use dancecard_core::{AtLimit, ErrorKind, EventKind, Outcome, Policy, Result};

use crate::house::{Browser, House, ada};

/// Three sessions of one principal, of which the second is damaged.
async fn three(house: &House) -> Result<[Browser; 3]> {
    let devices = [house.member("ada").await?, house.member("ada").await?, house.member("ada").await?];
    house.store.damage(&devices[1].key());
    Ok(devices)
}

#[tokio::test]
async fn the_others_end_and_the_caller_is_told() -> Result<()> {
    let house = House::new();
    let devices = three(&house).await?;
    let announced = Browser::default().open(&house);
    announced.begin_sign_in("ada").await?;

    let error = house.manager.end_all(&ada()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(house.events.count(EventKind::StoreError) > 0);
    assert_eq!(house.events.count(EventKind::Destroyed), 2);
    for device in [&devices[0], &devices[2]] {
        assert_eq!(device.open(&house).principal().await?, None);
    }
    announced.sign_in("ada")?;
    assert_eq!(house.manager.commit(&announced).await?.outcome, Outcome::Undone);
    Ok(())
}

#[tokio::test]
async fn the_list_of_devices_has_the_others() -> Result<()> {
    let house = House::new();
    let devices = three(&house).await?;
    let listed = house.manager.sessions_of(&ada()).await?;
    let keys: std::collections::BTreeSet<_> = listed.into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, [devices[0].key(), devices[2].key()].into());
    assert_eq!(house.events.count(EventKind::StoreError), 1);
    Ok(())
}

#[tokio::test]
async fn a_limit_counts_the_others() -> Result<()> {
    for at_limit in [AtLimit::EndOldest, AtLimit::EndIdlest, AtLimit::RefuseNew] {
        let house = House::with(Policy::default().with_max_sessions(3, at_limit));
        three(&house).await?;
        let mut browser = Browser::default();
        let session = browser.open(&house);
        session.sign_in("ada")?;
        assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Created, "{at_limit:?}");
        assert_eq!(browser.open(&house).principal().await?, Some(ada()), "{at_limit:?}");
    }
    Ok(())
}

/// One that can't be ended at the moment keeps none of the others alive.
#[tokio::test]
async fn an_end_that_fails_stops_no_other() -> Result<()> {
    let house = House::new();
    let devices = [house.member("ada").await?, house.member("ada").await?, house.member("ada").await?];
    house.store.calls();
    // The list, and the end of the first.
    house.store.fail(1, crate::probe::When::Before);
    assert!(house.manager.end_all(&ada()).await.unwrap_err().is_unavailable());
    house.store.calls();
    for device in devices {
        assert_eq!(device.open(&house).principal().await?, None);
    }
    Ok(())
}
