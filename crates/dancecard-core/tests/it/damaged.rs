//! One record among others that can't be read.

use dancecard_core::{AtLimit, ErrorKind, EventKind, Outcome, Policy, Record, Result, Store, WriteMode};

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

/// Cut anywhere, the data are an error that says where they are and what helps, and never part of a session. Only the
/// text alone is as good as the whole.
#[tokio::test]
async fn data_that_were_cut_name_the_engine_and_the_remedy() -> Result<()> {
    let house = House::new();
    let browser = house.visitor("a").await?;
    let whole = house.stored(&browser.key()).await.expect("it is stored");
    let text = br#"{"a":1}"#.len();
    for length in (0..whole.payload().len()).filter(|length| *length != text) {
        let cut = Record::new(whole.meta(), whole.payload()[..length].to_vec());
        house.store.memory().write(&browser.key(), cut, WriteMode::Overwrite).await?;
        let (read, written) = (browser.open(&house), browser.open(&house));
        written.set("b", 2)?;
        let errors = [
            read.get::<i64>("a").await.unwrap_err(),
            read.keys().await.unwrap_err(),
            house.manager.commit(&written).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(
                (error.kind(), error.engine()),
                (ErrorKind::Corrupt, house.store.engine()),
                "{length}"
            );
            assert!(error.detail().is_some_and(|remedy| remedy.contains("end the session")), "{error}");
        }
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
