//! Reading and writing, and what it costs.

use std::collections::BTreeMap;

use dancecard_core::{ErrorKind, Outcome, Policy, Result, Status, TokenAction};
use serde::{Deserialize, Serialize};

use crate::house::{Browser, House};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Cart {
    items: Vec<String>,
    voucher: Option<u32>,
}

#[tokio::test]
async fn what_is_set_is_got_in_the_same_request_and_in_the_next() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let cart = Cart { items: vec!["shoes".into()], voucher: Some(7) };
    let session = browser.open(&house);
    session.set("cart", &cart)?;
    assert_eq!(session.get("cart").await?, Some(cart.clone()));
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Created);

    let session = browser.open(&house);
    assert_eq!(session.get("cart").await?, Some(cart));
    assert_eq!(session.get::<u8>("nothing").await?, None);
    Ok(())
}

#[tokio::test]
async fn any_text_is_a_key() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let keys = ["", "\"", "\\", "a\nb", "é", "\u{0}", "a b", "{\"x\":1}", "\u{1f600}"];
    let session = browser.open(&house);
    for (number, key) in keys.into_iter().enumerate() {
        session.set(key, number)?;
    }
    browser.finish(&house, &session).await?;

    let session = browser.open(&house);
    for (number, key) in keys.into_iter().enumerate() {
        assert_eq!(session.get(key).await?, Some(number), "{key:?}");
    }
    let mut found = session.keys().await?;
    found.sort();
    let mut expected = keys.map(String::from);
    expected.sort();
    assert_eq!(found, expected);
    Ok(())
}

#[tokio::test]
async fn a_request_that_ignores_the_session_asks_the_engine_nothing() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    let committed = browser.finish(&house, &session).await?;
    assert_eq!(committed.outcome, Outcome::Unchanged);
    assert!(matches!(committed.token, TokenAction::Keep));
    assert!(!session.was_used());
    assert_eq!(house.store.calls(), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn to_ask_whether_there_is_a_session_is_to_use_it() -> Result<()> {
    let house = House::new();
    let browser = house.visitor("a").await?;
    let session = browser.open(&house);
    assert!(!session.was_used() && format!("{session:?}").contains("Unloaded") && !session.was_used());
    assert_eq!(session.status(), Status::Unloaded);
    assert!(session.was_used());
    let session = browser.open(&house);
    assert!(session.live().is_ok() && session.was_used());
    assert_eq!(house.store.calls(), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn reading_costs_one_call_however_much_is_read() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    for _ in 0..3 {
        assert_eq!(session.get("a").await?, Some(1));
        assert_eq!(session.keys().await?, ["a"]);
        assert_eq!(session.principal().await?, None);
    }
    assert!(session.was_used());
    assert_eq!(session.status(), Status::Loaded);
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Unchanged);
    assert_eq!(house.store.calls(), ["load"]);
    Ok(())
}

#[tokio::test]
async fn reading_and_writing_costs_two_calls_and_so_does_writing_alone() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    let before: i64 = session.get("a").await?.unwrap_or_default();
    session.set("a", before + 1)?;
    assert_eq!(session.status(), Status::Dirty);
    let committed = browser.finish(&house, &session).await?;
    assert_eq!(committed.outcome, Outcome::Updated);
    assert!(matches!(committed.token, TokenAction::Keep));
    assert_eq!(house.store.calls(), ["load", "update"]);

    let session = browser.open(&house);
    session.set("b", 1)?;
    session.remove("a")?;
    assert_eq!(house.store.calls(), [""; 0]);
    browser.finish(&house, &session).await?;
    assert_eq!(house.store.calls(), ["load", "update"]);
    assert_eq!(browser.sees(&house, "a").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_key_that_was_just_written_is_read_without_a_call() -> Result<()> {
    let house = House::new();
    let browser = house.visitor("a").await?;
    let session = browser.open(&house);
    session.set("a", 2)?;
    session.remove("b")?;
    assert_eq!(session.get("a").await?, Some(2));
    assert_eq!(session.get::<i64>("b").await?, None);
    session.clear()?;
    assert_eq!(session.get::<i64>("c").await?, None);
    assert_eq!(house.store.calls(), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_value_that_is_there_already_is_not_written() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    session.set("a", 1)?;
    session.remove("nothing")?;
    session.update("a", |n: &mut i64| *n += 0)?;
    let committed = browser.finish(&house, &session).await?;
    assert_eq!(committed.outcome, Outcome::Unchanged);
    assert_eq!(house.store.calls(), ["load"]);
    Ok(())
}

#[tokio::test]
async fn a_visitor_who_stores_nothing_is_not_stored() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let session = browser.open(&house);
    assert_eq!(session.status(), Status::Fresh);
    assert_eq!(session.get::<i64>("a").await?, None);
    assert_eq!(session.take::<i64>("a").await?, None);
    session.remove("a")?;
    session.clear()?;
    session.cycle_id()?;
    let committed = browser.finish(&house, &session).await?;
    assert_eq!(committed.outcome, Outcome::Unchanged);
    assert!(matches!(committed.token, TokenAction::Keep));
    assert_eq!(house.store.calls(), [""; 0]);
    assert!(house.store.memory().is_empty());
    Ok(())
}

#[tokio::test]
async fn removing_everything_from_a_session_keeps_the_session() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    session.clear()?;
    assert_eq!(browser.finish(&house, &session).await?.outcome, Outcome::Updated);
    assert!(browser.cookie.is_some());
    assert_eq!(browser.open(&house).keys().await?, [""; 0]);
    assert_eq!(house.live().await, 1);
    Ok(())
}

#[tokio::test]
async fn take_gives_a_value_once() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("flash").await?;
    let session = browser.open(&house);
    assert_eq!(session.take("flash").await?, Some(1));
    assert_eq!(session.take::<i64>("flash").await?, None);
    browser.finish(&house, &session).await?;
    assert_eq!(browser.sees(&house, "flash").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_value_of_another_type_is_an_error_and_stays() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    let error = session.get::<String>("a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Value);
    assert_eq!(session.take::<Vec<u8>>("a").await.unwrap_err().kind(), ErrorKind::Value);
    browser.finish(&house, &session).await?;
    assert_eq!(browser.sees(&house, "a").await?, Some(1));

    let session = browser.open(&house);
    session.update("a", |text: &mut String| text.push('!'))?;
    let error = browser.finish(&house, &session).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Value);
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    Ok(())
}

#[tokio::test]
async fn a_value_that_json_has_no_form_for_is_an_error_at_once() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let session = browser.open(&house);
    session.set("a", 1)?;
    let odd = BTreeMap::from([((1, 2), 3)]);
    assert_eq!(session.set("a", &odd).unwrap_err().kind(), ErrorKind::Value);
    assert_eq!(session.get("a").await?, Some(1));
    browser.finish(&house, &session).await?;
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    Ok(())
}

/// A map whose keys are not text can't be JSON; that is the caller's value, not a damaged record.
#[tokio::test]
async fn an_update_to_a_value_that_json_has_no_form_for_is_an_error_of_the_value() -> Result<()> {
    #[derive(Default, Deserialize)]
    struct Odd;
    impl Serialize for Odd {
        fn serialize<S: serde::Serializer>(&self, output: S) -> std::result::Result<S::Ok, S::Error> {
            BTreeMap::from([((1, 2), 3)]).serialize(output)
        }
    }
    let (house, browser) = (House::new(), Browser::default());
    let session = browser.open(&house);
    session.update("a", |_: &mut Odd| {})?;
    assert_eq!(session.get::<u8>("a").await.unwrap_err().kind(), ErrorKind::Value);
    Ok(())
}

#[tokio::test]
async fn a_session_of_one_key_with_a_type() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let session = browser.open(&house);
    let cart = session.typed::<Cart>("cart");
    assert_eq!(cart.get().await?, Cart::default());
    cart.update(|cart| cart.items.push("shoes".into()))?;
    cart.clone().update(|cart| cart.items.push("hat".into()))?;
    assert_eq!(cart.get().await?.items, ["shoes", "hat"]);
    browser.finish(&house, &session).await?;

    let session = browser.open(&house);
    let cart = session.typed::<Cart>("cart");
    assert_eq!(cart.take().await?.map(|cart| cart.items.len()), Some(2));
    cart.set(&Cart::default())?;
    cart.remove()?;
    browser.finish(&house, &session).await?;
    assert_eq!(browser.open(&house).keys().await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_loaded_session_is_read_without_waiting() -> Result<()> {
    let house = House::new();
    let mut browser = house.member("ada").await?;
    let session = browser.open(&house).load().await?;
    assert_eq!(session.principal(), Some("ada".into()));
    assert_eq!(session.get::<i64>("a")?, None);
    session.set("a", 3)?;
    session.set("b", 4)?;
    assert_eq!(session.get("a")?, Some(3));
    assert_eq!(session.take("b")?, Some(4));
    assert_eq!(session.keys()?, ["a"]);
    browser.finish(&house, &session).await?;
    assert_eq!(browser.sees(&house, "a").await?, Some(3));
    assert_eq!(browser.sees(&house, "b").await?, None);
    Ok(())
}

#[tokio::test]
async fn two_requests_that_set_different_keys_lose_nothing() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let (one, other) = (browser.open(&house), browser.open(&house));
    assert_eq!(one.keys().await?, other.keys().await?);
    one.set("b", 2)?;
    other.set("c", 3)?;
    browser.finish(&house, &one).await?;
    browser.finish(&house, &other).await?;
    for (key, value) in [("a", 1), ("b", 2), ("c", 3)] {
        assert_eq!(browser.sees(&house, key).await?, Some(value), "{key}");
    }
    Ok(())
}

#[tokio::test]
async fn updates_are_exact() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("n").await?;
    let open = |_| browser.open(&house);
    let sessions: Vec<_> = (0..10).map(open).collect();
    for session in &sessions {
        assert_eq!(session.get("n").await?, Some(1));
        session.update("n", |n: &mut i64| *n += 1)?;
    }
    for session in &sessions {
        browser.finish(&house, session).await?;
    }
    assert_eq!(browser.sees(&house, "n").await?, Some(11));
    Ok(())
}

#[tokio::test]
async fn clear_takes_what_another_added_meanwhile() -> Result<()> {
    let house = House::new();
    let mut browser = house.visitor("a").await?;
    let (clears, adds) = (browser.open(&house), browser.open(&house));
    assert_eq!(clears.get("a").await?, Some(1));
    clears.clear()?;
    clears.set("kept", 1)?;
    adds.set("b", 2)?;
    browser.finish(&house, &adds).await?;
    browser.finish(&house, &clears).await?;
    assert_eq!(browser.open(&house).keys().await?, ["kept"]);
    Ok(())
}

/// The keys are known without running the updates, which may not be fit for a value that is not there.
#[tokio::test]
async fn keys_run_no_update() -> Result<()> {
    let (house, mut browser) = (House::new(), Browser::default());
    let session = browser.open(&house);
    session.set("list", ["first"])?;
    browser.finish(&house, &session).await?;

    let session = browser.open(&house);
    session.update("list", |list: &mut Vec<String>| list[0].push('!'))?;
    assert_eq!(session.keys().await?, ["list"]);
    assert_eq!(session.get("list").await?, Some(vec!["first!".to_owned()]));
    Ok(())
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_anything_is_stored() -> Result<()> {
    let house = House::with(Policy::default().with_max_payload(1000));
    let mut browser = house.visitor("a").await?;
    let session = browser.open(&house);
    session.set("big", "x".repeat(1000))?;
    session.cycle_id()?;
    let error = browser.finish(&house, &session).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(house.store.calls(), ["load"]);
    assert_eq!(browser.sees(&house, "a").await?, Some(1));
    assert_eq!(house.live().await, 1);
    Ok(())
}

#[tokio::test]
async fn the_engines_own_limit_counts_too() -> Result<()> {
    let probe = crate::probe::Probe::with(dancecard_core::Capabilities::new().with_max_payload(Some(100)));
    let (house, mut browser) = (House::over(probe, Policy::default()), Browser::default());
    let session = browser.open(&house);
    session.set("big", "x".repeat(100))?;
    assert_eq!(browser.finish(&house, &session).await.unwrap_err().kind(), ErrorKind::TooLarge);
    assert_eq!(house.store.calls(), [""; 0]);
    Ok(())
}
