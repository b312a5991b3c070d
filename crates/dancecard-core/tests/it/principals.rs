//! Whose sessions there are, and how many there may be.

use dancecard_core::{
    AtLimit, Capabilities, ErrorKind, EventKind, ListQuery, Outcome, Policy, Principal, Result, TokenAction,
};

use crate::house::{Browser, House, at_once};
use crate::probe::Probe;

fn ada() -> Principal {
    Principal::from("ada")
}

fn limited(limit: usize, at_limit: AtLimit) -> House {
    House::with(Policy::default().with_max_sessions(limit, at_limit))
}

async fn signed_in(house: &House, browser: &Browser) -> Result<bool> {
    Ok(browser.open(house).principal().await?.is_some())
}

#[tokio::test]
async fn a_device_list_has_the_living_sessions_in_order() -> Result<()> {
    let house = House::new();
    let mut devices = Vec::new();
    for (agent, address) in [("Lynx", "192.0.2.1"), ("Mosaic", "192.0.2.2"), ("Arena", "192.0.2.3")] {
        let mut browser = Browser::default();
        let session = browser.open(&house);
        session.set_device(Some(agent), Some(address));
        session.sign_in("ada")?;
        browser.finish(&house, &session).await?;
        devices.push(browser);
        house.wait(60);
    }
    house.member("bob").await?;
    house.visitor("a").await?;
    house.manager.end(&devices[1].key()).await?;

    let entries = house.manager.sessions_of(&ada()).await?;
    let agents: Vec<_> = entries.iter().filter_map(|entry| entry.meta.user_agent()).collect();
    assert_eq!(agents, ["Lynx", "Arena"]);
    assert_eq!(entries[0].meta.address(), Some("192.0.2.1"));
    assert_eq!(entries[0].key, devices[0].key());
    assert!(entries[0].meta.created_at() < entries[1].meta.created_at());
    Ok(())
}

#[tokio::test]
async fn a_device_says_when_it_was_last_seen() -> Result<()> {
    let house = House::new();
    let mut browser = house.member("ada").await?;
    house.wait(1000);
    let session = browser.open(&house);
    session.get::<i64>("a").await?;
    browser.finish(&house, &session).await?;
    let entries = house.manager.sessions_of(&ada()).await?;
    assert_eq!(entries.first().map(|entry| entry.meta.last_seen()), Some(house.manager.now()));
    Ok(())
}

#[tokio::test]
async fn the_list_of_all_has_each_living_session_once() -> Result<()> {
    let house = House::new();
    let mut browsers = [house.member("ada").await?, house.visitor("a").await?];
    let session = browsers[0].open(&house);
    session.cycle_id()?;
    browsers[0].finish(&house, &session).await?;
    house.manager.end_all(&Principal::from("bob")).await?;
    let mut entries = house.manager.list(ListQuery::all());
    let mut keys = Vec::new();
    while let Some(entry) = std::future::poll_fn(|context| entries.as_mut().poll_next(context)).await {
        keys.push(entry?.key);
    }
    keys.sort();
    let mut expected: Vec<_> = browsers.iter().map(Browser::key).collect();
    expected.sort();
    assert_eq!(keys, expected);
    Ok(())
}

#[tokio::test]
async fn the_oldest_session_makes_room() -> Result<()> {
    let house = limited(2, AtLimit::EndOldest);
    let mut browsers = Vec::new();
    for _ in 0..3 {
        browsers.push(house.member("ada").await?);
        house.wait(1);
    }
    let alive =
        [signed_in(&house, &browsers[0]), signed_in(&house, &browsers[1]), signed_in(&house, &browsers[2])];
    let [first, second, third] = alive;
    assert_eq!((first.await?, second.await?, third.await?), (false, true, true));
    let bob = house.member("bob").await?;
    assert!(signed_in(&house, &bob).await?);
    Ok(())
}

#[tokio::test]
async fn the_idlest_session_makes_room() -> Result<()> {
    let house = limited(2, AtLimit::EndIdlest);
    let (mut first, second) = (house.member("ada").await?, house.member("ada").await?);
    house.wait(1000);
    let session = first.open(&house);
    session.set("busy", 1)?;
    first.finish(&house, &session).await?;
    let third = house.member("ada").await?;
    assert!(signed_in(&house, &first).await?);
    assert!(!signed_in(&house, &second).await?);
    assert!(signed_in(&house, &third).await?);
    Ok(())
}

#[tokio::test]
async fn a_new_session_is_refused() -> Result<()> {
    let house = limited(1, AtLimit::RefuseNew);
    let first = house.member("ada").await?;
    house.wait(1);
    let mut late = Browser::default();
    let session = late.open(&house);
    session.sign_in("ada")?;
    let committed = late.finish(&house, &session).await?;
    assert_eq!(committed.outcome, Outcome::Undone);
    assert!(matches!(committed.token, TokenAction::Keep));
    assert!(signed_in(&house, &first).await?);
    assert_eq!(house.live().await, 1);
    assert_eq!(house.events.count(EventKind::SignInUndone), 1);

    let session = late.open(&house);
    session.sign_in("ada")?;
    assert_eq!(session.save().await.unwrap_err().kind(), ErrorKind::Refused);
    Ok(())
}

/// Refused is not signed out: the visitor goes on as before, in the same request too.
#[tokio::test]
async fn a_visitor_whose_sign_in_is_refused_keeps_the_session() -> Result<()> {
    let house = limited(1, AtLimit::RefuseNew);
    let first = house.member("ada").await?;
    let mut visitor = house.visitor("cart").await?;
    let own = visitor.key();
    let session = visitor.open(&house);
    session.sign_in("ada")?;
    assert_eq!(session.save().await.unwrap_err().kind(), ErrorKind::Refused);
    session.set("told", 1)?;
    assert_eq!(visitor.finish(&house, &session).await?.outcome, Outcome::Updated);

    let session = visitor.open(&house);
    session.sign_in("ada")?;
    assert_eq!(visitor.finish(&house, &session).await?.outcome, Outcome::Undone);
    assert_eq!(visitor.key(), own);
    assert_eq!(visitor.sees(&house, "cart").await?, Some(1));
    assert_eq!(visitor.sees(&house, "told").await?, Some(1));
    assert_eq!(visitor.open(&house).principal().await?, None);
    assert!(signed_in(&house, &first).await?);
    assert_eq!(house.live().await, 2);
    Ok(())
}

/// What an earlier save of the same request began is told to the browser, though the sign-in is refused.
#[tokio::test]
async fn a_refused_sign_in_leaves_what_was_saved_before_it() -> Result<()> {
    let house = limited(1, AtLimit::RefuseNew);
    house.member("ada").await?;
    let mut visitor = Browser::default();
    let session = visitor.open(&house);
    session.set("cart", 1)?;
    session.save().await?;
    session.sign_in("ada")?;
    assert_eq!(visitor.finish(&house, &session).await?.outcome, Outcome::Undone);
    assert_eq!(visitor.sees(&house, "cart").await?, Some(1));
    Ok(())
}

/// Only who refuses pays for looking first.
#[tokio::test]
async fn a_limit_costs_one_list_and_a_refusal_two() -> Result<()> {
    for (at_limit, lists) in [(AtLimit::EndOldest, 1), (AtLimit::EndIdlest, 1), (AtLimit::RefuseNew, 2)] {
        let house = limited(2, at_limit);
        let session = Browser::default().open(&house);
        session.sign_in("ada")?;
        house.manager.commit(&session).await?;
        let calls = house.store.calls();
        assert_eq!(calls.iter().filter(|call| **call == "list").count(), lists, "{at_limit:?}: {calls:?}");
        assert_eq!(calls.len(), 3 + lists, "{at_limit:?}: {calls:?}");
    }
    Ok(())
}

#[tokio::test]
async fn signing_in_again_in_the_same_browser_is_no_new_session() -> Result<()> {
    for at_limit in [AtLimit::EndOldest, AtLimit::EndIdlest, AtLimit::RefuseNew] {
        let house = limited(1, at_limit);
        let mut browser = house.member("ada").await?;
        house.wait(1);
        let session = browser.open(&house);
        session.sign_in("ada")?;
        assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Rotated);
        assert!(signed_in(&house, &browser).await?);
    }
    Ok(())
}

/// A second sign-in gets in between every two calls of the first; one session stays, and the other one knows.
#[tokio::test]
async fn of_two_sign_ins_at_once_one_stays() -> Result<()> {
    for at_limit in [AtLimit::EndOldest, AtLimit::EndIdlest, AtLimit::RefuseNew] {
        for call in 0..6 {
            let house = limited(1, at_limit);
            let (mut browser, other) = (Browser::default(), house.clone());
            let session = browser.open(&house);
            session.sign_in("ada")?;
            house.store.before(call, move || {
                let session = Browser::default().open(&other);
                session.sign_in("ada").expect("it is open");
                at_once(other.manager.commit(&session)).expect("it is stored");
            });
            let committed = browser.finish(&house, &session).await?;
            house.store.calls();
            let stays = committed.outcome == Outcome::Created;
            assert_eq!(stays, browser.cookie.is_some(), "{at_limit:?} {call}");
            assert_eq!(house.manager.sessions_of(&ada()).await?.len(), 1, "{at_limit:?} {call}");
            if stays {
                assert!(signed_in(&house, &browser).await?, "{at_limit:?} {call}");
            }
        }
    }
    Ok(())
}

/// A limit that can't be counted would be none.
#[tokio::test]
async fn a_limit_needs_an_engine_that_can_list() -> Result<()> {
    let capabilities = Capabilities::new();
    let house =
        House::over(Probe::with(capabilities), Policy::default().with_max_sessions(1, AtLimit::EndOldest));
    let session = Browser::default().open(&house);
    session.sign_in("ada")?;
    let error = house.manager.commit(&session).await.unwrap_err();
    assert_eq!((error.kind(), error.engine()), (ErrorKind::Unsupported, "probe"));
    assert!(house.store.memory().is_empty());
    Ok(())
}

#[tokio::test]
async fn an_engine_without_an_index_still_signs_in() -> Result<()> {
    let house = House::over(Probe::simple(), Policy::default());
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    session.sign_in("ada")?;
    browser.finish(&house, &session).await?;
    assert_eq!(browser.open(&house).principal().await?, Some(ada()));
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    assert_eq!(house.manager.end_all(&ada()).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(house.manager.sessions_of(&ada()).await.unwrap_err().is_unsupported());
    Ok(())
}

#[tokio::test]
async fn a_list_that_fails_ends_nothing_and_says_so() -> Result<()> {
    let house = House::new();
    let browser = house.member("ada").await?;
    house.store.go_down();
    assert!(house.manager.end_all(&ada()).await.unwrap_err().is_unavailable());
    assert_eq!(house.store.calls(), ["list", "overwrite", "list"]);
    assert!(signed_in(&house, &browser).await?);
    assert_eq!(house.events.count(EventKind::StoreError), 3);
    Ok(())
}

/// Odd names are told apart, and one is no prefix of another.
#[tokio::test]
async fn names_are_taken_as_they_are() -> Result<()> {
    let house = House::new();
    for name in ["", "a", "a\u{0}", "a b", "A", "é", "e\u{301}", "%", "*", "'; drop table sessions"] {
        house.member(name).await?;
    }
    for name in ["", "a", "a\u{0}", "a b", "A", "é", "e\u{301}", "%", "*", "'; drop table sessions"] {
        assert_eq!(house.manager.end_all(&name.into()).await?, 1, "{name:?}");
    }
    assert_eq!(house.live().await, 0);
    Ok(())
}
