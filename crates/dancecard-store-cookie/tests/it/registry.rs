//! What is asked of the registry, and what it is told.

use std::time::Duration;

use dancecard_core::{ErrorKind, ListQuery, MemoryStore, Policy, Result, Store};
use dancecard_http::CookieConfig;
use dancecard_testkit::{Counter, CountingStore, Fault, FaultStore, Operation};

use crate::house::{Browser, House, alone};

fn counted(policy: Policy) -> (House, Counter) {
    let registry = CountingStore::new(MemoryStore::new());
    let counter = registry.counter();
    (House::with(alone().with_registry(registry), policy, CookieConfig::default()), counter)
}

#[tokio::test]
async fn calls_are_those_of_any_engine() -> Result<()> {
    let (house, counter) = counted(Policy::default());
    let mut browser = Browser::default();
    let mut before = counter.calls();
    let mut calls = || {
        let calls = counter.calls() - before;
        before = counter.calls();
        calls.to_string()
    };
    browser.sets(&house, "a", "1").await?;
    assert_eq!(calls(), "1 write");
    browser.ask(&house, async |_| Ok(())).await.1?;
    assert_eq!(calls(), "nothing");
    browser.reads(&house, "a").await?;
    assert_eq!(calls(), "1 load");
    browser.sets(&house, "a", "2").await?;
    assert_eq!(calls(), "1 load, 1 write");
    browser.signs_in(&house, "ada").await?;
    assert_eq!(calls(), "3 loads, 1 replace");
    Ok(())
}

/// The registry learns who and when, never what.
#[tokio::test]
async fn no_data_reach_the_registry() -> Result<()> {
    let shared = dancecard_core::SharedStore::new(MemoryStore::new());
    let house = House::over(alone().with_registry(shared.clone()));
    let mut browser = Browser::default();
    browser.sets(&house, "secret", "plaintext").await?;
    let mut entries = shared.list(ListQuery::all());
    let entry = std::future::poll_fn(|context| entries.as_mut().poll_next(context)).await.expect("one")?;
    let stored = shared.load(&entry.key).await?.expect("there");
    assert_eq!(stored.payload().len(), 16, "a digest");
    Ok(())
}

/// Two requests at once: each finds the other's facts in its way, and both are answered. The browser keeps what comes last.
#[tokio::test]
async fn requests_at_once_are_both_answered() -> Result<()> {
    let (house, _) = counted(Policy::default());
    let mut browser = Browser::default();
    browser.sets(&house, "a", "1").await?;
    let (first, second) = (browser.clone(), browser.clone());
    let late = first
        .ask(&house, async |session| {
            session.get::<String>("a").await?;
            let (answer, _) = second.ask(&house, async |session| session.set("b", "second")).await;
            answer.finished?;
            session.set("c", "first")?;
            Ok(answer.headers)
        })
        .await;
    browser.receive(&late.1?);
    browser.receive(&late.0.headers);
    late.0.finished?;
    assert_eq!(browser.reads(&house, "c").await?.as_deref(), Some("first"));
    assert_eq!(browser.reads(&house, "b").await?, None, "it came in the earlier response");
    Ok(())
}

/// A request that was under way when the id was renewed may read; a write would have no id to go with.
#[tokio::test]
async fn in_the_grace_of_a_renewal_the_old_cookie_reads() -> Result<()> {
    let renewal = Policy::default().with_renewal(Duration::from_secs(60), Duration::from_secs(30));
    let (house, _) = counted(renewal);
    let mut browser = Browser::default();
    browser.sets(&house, "a", "1").await?;
    house.clock.advance(Duration::from_secs(61));
    let mut slow = browser.clone();
    browser.sets(&house, "a", "2").await?;
    assert_ne!(browser.token(), slow.token());

    assert_eq!(slow.reads(&house, "a").await?.as_deref(), Some("1"), "what it brought");
    let refused = slow.sets(&house, "a", "3").await.unwrap_err();
    assert_eq!((refused.kind(), refused.retry()), (ErrorKind::Unavailable, dancecard_core::Retry::Safe));
    assert_eq!(browser.reads(&house, "a").await?.as_deref(), Some("2"));
    house.clock.advance(Duration::from_secs(31));
    assert_eq!(slow.reads(&house, "a").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_registry_that_is_down_is_an_error_that_names_it() -> Result<()> {
    let registry = FaultStore::new(MemoryStore::new());
    let faults = registry.faults();
    let house = House::over(alone().with_registry(registry));
    let mut browser = Browser::default();
    browser.sets(&house, "a", "1").await?;
    faults.next(Operation::Load, Fault::FailBefore);
    let error = browser.reads(&house, "a").await.unwrap_err();
    assert_eq!((error.kind(), error.engine()), (ErrorKind::Unavailable, "cookie"));
    assert!(error.to_string().contains("the registry said"), "{error}");
    Ok(())
}
