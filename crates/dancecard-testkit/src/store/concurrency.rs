//! Many writers at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dancecard_core::{Record, RecordKey, SharedStore, Store, Version, WriteMode};

use super::case::area;
use super::env::Env;
use super::expect::{absent, fresh, present, same, that};
use super::replace::Rotation;
use super::subject::BoxFuture;
use super::tasks::{at_once, pause, won};
use crate::failure::{Failure, Outcome};

area! {
    racing_creates_have_one_winner(Several, ConditionalWrite) = CREATE;
    racing_updates_have_one_winner(Several, ConditionalWrite) = UPDATE;
    racing_increments_lose_nothing(Several, ConditionalWrite) = UPDATE;
    racing_increments_of_peers_lose_nothing(Several, ConditionalWrite, Peer) = SHARED;
    racing_replaces_have_one_winner(Several, Replace) = REPLACE;
    a_replace_and_an_update_have_one_winner(Several, Replace) = REPLACE;
    a_delete_wins_over_racing_updates(Several, ConditionalWrite) = NO_RETURN;
    versions_are_fresh_under_races(Several) = FRESH;
}

fn winners(results: &[bool]) -> usize {
    results.iter().filter(|won| **won).count()
}

async fn racing_creates_have_one_winner(env: &Env) -> Outcome {
    for _ in 0..25 {
        let key = env.key();
        let create = |number: usize| {
            let (store, key, record) = (env.store(), key.clone(), env.record(format!("of {number}")));
            async move {
                let won = won(store.write(&key, record, WriteMode::Create).await)?;
                Ok(won.then_some(number))
            }
        };
        let results = at_once((0..8).map(create).collect()).await?;
        let winners: Vec<_> = results.into_iter().flatten().collect();
        same("winners of eight creates:", winners.len(), 1)?;
        for winner in winners {
            present(&env.store(), &key, &env.record(format!("of {winner}"))).await?;
        }
    }
    Ok(())
}

async fn racing_updates_have_one_winner(env: &Env) -> Outcome {
    for _ in 0..25 {
        let (key, version) = env.create(&env.store(), &env.record("before")).await?;
        let update = |number: usize| {
            let (store, key, version) = (env.store(), key.clone(), version.clone());
            let record = env.record(format!("of {number}"));
            async move { won(store.write(&key, record, WriteMode::Update(version)).await) }
        };
        let results = at_once((0..8).map(update).collect()).await?;
        same("winners of eight updates at one version:", winners(&results), 1)?;
    }
    Ok(())
}

fn counted(payload: &[u8]) -> Outcome<u64> {
    let number = std::str::from_utf8(payload).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Failure::new("a number that was written", "something else"))
}

/// Adds one so many times, each time on the version that was loaded.
async fn increment(store: SharedStore, key: RecordKey, record: Record, times: usize) -> Outcome {
    let mut left = times;
    while left > 0 {
        let found = store.load(&key).await?.ok_or_else(|| Failure::new("the counter", "no record"))?;
        let next = counted(found.payload())? + 1;
        // An engine that answers at once would let nobody in between.
        pause(1 + left % 3).await;
        let record = Record::new(record.meta.clone(), next.to_string().into_bytes());
        left -=
            usize::from(won(store.write(&key, record, WriteMode::Update(found.version().clone())).await)?);
    }
    Ok(())
}

/// Sixteen tasks, fifty increments each.
pub(super) async fn count(env: &Env, stores: [SharedStore; 2]) -> Outcome {
    let record = env.record("0");
    let (key, _) = env.create(&stores[0], &record).await?;
    let task = |number: usize| increment(stores[number % 2].clone(), key.clone(), record.clone(), 50);
    at_once((0..16).map(task).collect()).await?;
    let found = stores[0].load(&key).await?.ok_or_else(|| Failure::new("the counter", "no record"))?;
    same("the counter after 16 x 50 increments", counted(found.payload())?, 800)
}

async fn racing_increments_lose_nothing(env: &Env) -> Outcome {
    count(env, [env.store(), env.store()]).await
}

async fn racing_increments_of_peers_lose_nothing(env: &Env) -> Outcome {
    count(env, [env.store(), env.peer().await?]).await
}

async fn racing_replaces_have_one_winner(env: &Env) -> Outcome {
    let store = env.store();
    for _ in 0..15 {
        let first = Rotation::of(env, &store, "alice").await?;
        let keys = env.keys(8);
        let replace = |new: &RecordKey| {
            let (store, new, old, version) =
                (store.clone(), new.clone(), first.old.clone(), first.version.clone());
            let (marker, successor) = (first.marker.clone(), first.successor.clone());
            async move { won(store.replace(&old, &version, marker, &new, successor).await) }
        };
        let results = at_once(keys.iter().map(replace).collect()).await?;
        same("winners of eight replaces of one record:", winners(&results), 1)?;
        let mut successors = 0;
        for key in &keys {
            successors += usize::from(store.load(key).await?.is_some());
        }
        same("successors of the record:", successors, 1)?;
        present(&store, &first.old, &first.marker).await?;
    }
    Ok(())
}

async fn a_replace_and_an_update_have_one_winner(env: &Env) -> Outcome {
    let store = env.store();
    for round in 0..25 {
        let rotation = Arc::new(Rotation::of(env, &store, "alice").await?);
        let race = |replaces: bool| {
            let (store, rotation, record) = (store.clone(), rotation.clone(), env.record("updated"));
            async move {
                let update = WriteMode::Update(rotation.version.clone());
                let won = if replaces {
                    won(rotation.run(&store).await)?
                } else {
                    won(store.write(&rotation.old, record, update).await)?
                };
                Ok((replaces, won))
            }
        };
        let replace_first = round % 2 == 0;
        let results = at_once(vec![race(replace_first), race(!replace_first)]).await?;
        let winners: Vec<_> = results.iter().filter(|(_, won)| *won).collect();
        same("winners of an update and a replace at one version:", winners.len(), 1)?;
        match winners.first() {
            Some((true, _)) => rotation.done(&store).await?,
            _ => {
                present(&store, &rotation.old, &env.record("updated")).await?;
                absent(&store, &rotation.new).await?;
            }
        }
    }
    Ok(())
}

/// Updates until the record is gone. Once the delete was acknowledged there is nothing left to update.
async fn update_until_gone(
    store: SharedStore,
    key: RecordKey,
    record: Record,
    gone: Arc<AtomicBool>,
) -> Outcome {
    for round in 0.. {
        let deleted = gone.load(Ordering::SeqCst);
        let Some(found) = store.load(&key).await? else { break };
        that(!deleted, "no record after the delete", "a record")?;
        pause(round % 3).await;
        won(store.write(&key, record.clone(), WriteMode::Update(found.version().clone())).await)?;
        pause(1).await;
    }
    Ok(())
}

async fn delete_later(store: SharedStore, key: RecordKey, pauses: usize, gone: Arc<AtomicBool>) -> Outcome {
    pause(pauses).await;
    store.delete(&key).await?;
    gone.store(true, Ordering::SeqCst);
    Ok(())
}

async fn a_delete_wins_over_racing_updates(env: &Env) -> Outcome {
    let store = env.store();
    for round in 0..20 {
        let (key, _) = env.create(&store, &env.record("signed in")).await?;
        let gone = Arc::new(AtomicBool::new(false));
        let task = |number: usize| -> BoxFuture<'static, Outcome> {
            let (store, key, gone) = (store.clone(), key.clone(), gone.clone());
            match number {
                0 => Box::pin(delete_later(store, key, round, gone)),
                _ => Box::pin(update_until_gone(store, key, env.record("busy"), gone)),
            }
        };
        at_once((0..5).map(task).collect()).await?;
        absent(&store, &key).await?;
    }
    Ok(())
}

/// Creates, overwrites and deletes one key; gives the versions it got.
async fn churn(store: SharedStore, key: RecordKey, record: Record, rounds: usize) -> Outcome<Vec<Version>> {
    let mut versions = Vec::new();
    for round in 0..rounds {
        let mode = if round % 2 == 0 { WriteMode::Create } else { WriteMode::Overwrite };
        match store.write(&key, record.clone(), mode).await {
            Ok(version) => versions.push(version),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
        if round % 3 == 0 {
            store.delete(&key).await?;
        }
    }
    Ok(versions)
}

async fn versions_are_fresh_under_races(env: &Env) -> Outcome {
    let key = env.key();
    let task = |_| churn(env.store(), key.clone(), env.record("the same"), 40);
    let versions = at_once((0..8).map(task).collect()).await?;
    let mut seen = Vec::new();
    versions.into_iter().flatten().try_for_each(|version| fresh(&mut seen, version))
}
