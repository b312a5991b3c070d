//! Many callers at once.

use std::sync::Arc;

use dancecard_core::{
    Error, ListQuery, Principal, Record, RecordKey, SharedStore, Store, Version, WriteMode,
};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::case::area;
use super::env::{DAY, Env, HOUR, MINUTE};
use super::expect::{absent, fresh, lists_of, present, same, that};
use super::poll::{collect, next};
use super::replace::Rotation;
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
    a_reader_sees_the_old_or_the_new(Several) = ATOMIC;
    touches_defeat_no_writer(Several, Touch, ConditionalWrite) = TOUCH_YIELDS;
    racing_touches_keep_the_latest(Several, Touch) = TOUCH;
    a_purge_spares_what_is_touched_meanwhile(Several, Touch, NoNativeExpiry) = PURGE;
    a_purge_spares_what_is_written_meanwhile(Several, ConditionalWrite, NoNativeExpiry) = PURGE;
    purges_at_once_count_each_record_once(Several, NoNativeExpiry) = COUNTS;
    listing_while_others_write_is_consistent(Several, List) = LIST;
    the_index_is_true_after_a_race(Several, PrincipalIndex) = LIST_OF;
}

/// Runs the tasks at once and gives what they yield.
async fn at_once<T, F>(tasks: Vec<F>) -> Outcome<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Outcome<T>> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(tasks.len()));
    let mut running = JoinSet::new();
    for task in tasks {
        let barrier = barrier.clone();
        running.spawn(async move {
            barrier.wait().await;
            task.await
        });
    }
    let mut results = Vec::new();
    while let Some(result) = running.join_next().await {
        results.push(result??);
    }
    Ok(results)
}

/// Whether a conditional call won; any error but a conflict is a failure.
fn won<T>(result: Result<T, Error>) -> Outcome<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(error.into()),
    }
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
        let record = Record::new(record.meta.clone(), next.to_string().into_bytes());
        left -=
            usize::from(won(store.write(&key, record, WriteMode::Update(found.version().clone())).await)?);
    }
    Ok(())
}

/// Sixteen tasks, fifty increments each.
async fn count(env: &Env, stores: [SharedStore; 2]) -> Outcome {
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
    for _ in 0..25 {
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
        let results = at_once(vec![race(true), race(false)]).await?;
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

/// Updates until the record is gone.
async fn update_until_gone(store: SharedStore, key: RecordKey, record: Record) -> Outcome {
    while let Some(found) = store.load(&key).await? {
        won(store.write(&key, record.clone(), WriteMode::Update(found.version().clone())).await)?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn a_delete_wins_over_racing_updates(env: &Env) -> Outcome {
    let store = env.store();
    for _ in 0..20 {
        let (key, _) = env.create(&store, &env.record("signed in")).await?;
        let task = |number: usize| {
            let (store, key, record) = (store.clone(), key.clone(), env.record("busy"));
            async move {
                match number {
                    0 => Ok(store.delete(&key).await?),
                    _ => update_until_gone(store, key, record).await,
                }
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

/// Records whose payload, length and facts all tell the same number.
fn uniform(env: &Env, number: u8) -> Record {
    let agent = number.to_string();
    let meta = env.meta().with_device(Some(&agent), None).with_principal(Some(agent.as_str().into()));
    Record::new(meta, vec![number; 500 + 300 * usize::from(number)])
}

async fn overwrite(store: SharedStore, key: RecordKey, records: Vec<Record>) -> Outcome {
    for record in records {
        store.write(&key, record, WriteMode::Overwrite).await?;
    }
    Ok(())
}

async fn read(store: SharedStore, key: RecordKey, records: Vec<Record>, times: usize) -> Outcome {
    for _ in 0..times {
        let found = store.load(&key).await?.ok_or_else(|| Failure::new("a record, as throughout", "none"))?;
        let number = found.payload().first().copied().unwrap_or_default();
        let whole = records
            .get(usize::from(number))
            .is_some_and(|record| found.payload() == record.payload && found.meta() == record.meta);
        that(whole, "one of the records that were written", "a mixture")?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn a_reader_sees_the_old_or_the_new(env: &Env) -> Outcome {
    let store = env.store();
    let records: Vec<_> = (0..8).map(|number| uniform(env, number)).collect();
    let (key, _) = env.create(&store, &uniform(env, 0)).await?;
    let task = |number: usize| {
        let (store, key, mut records) = (store.clone(), key.clone(), records.clone());
        async move {
            if number.is_multiple_of(2) {
                return read(store, key, records, 200).await;
            }
            records.rotate_left(number);
            let often = records.iter().cycle().take(100).cloned().collect();
            overwrite(store, key, often).await
        }
    };
    at_once((0..6).map(task).collect()).await.map(drop)
}

/// One writer that loads once and then goes by the versions of its own writes, among many that touch.
async fn touches_defeat_no_writer(env: &Env) -> Outcome {
    let store = env.store();
    let (key, version) = env.create(&store, &env.record("0")).await?;
    let writer = |mut version: Version| {
        let (store, key, record) = (store.clone(), key.clone(), env.record("written"));
        async move {
            for _ in 0..100 {
                tokio::task::yield_now().await;
                version = store.write(&key, record.clone(), WriteMode::Update(version)).await?;
            }
            Outcome::Ok(())
        }
    };
    let toucher = || {
        let (store, key, at) = (store.clone(), key.clone(), env.later(DAY));
        async move {
            for _ in 0..100 {
                same("touch of a record says", store.touch(&key, at).await?, true)?;
                tokio::task::yield_now().await;
            }
            Outcome::Ok(())
        }
    };
    let touchers = (0..4).map(|_| Box::pin(toucher()) as super::subject::BoxFuture<'static, Outcome>);
    let writing: super::subject::BoxFuture<'static, Outcome> = Box::pin(writer(version));
    at_once(touchers.chain([writing]).collect()).await.map(drop)
}

async fn racing_touches_keep_the_latest(env: &Env) -> Outcome {
    let store = env.store();
    for _ in 0..20 {
        let (key, _) = env.create(&store, &env.record_for(HOUR)).await?;
        let touch = |hours: u32| {
            let (store, key, at) = (store.clone(), key.clone(), env.later(hours * HOUR));
            async move { Ok(store.touch(&key, at).await?) }
        };
        at_once((1..=8).rev().map(touch).collect()).await?;
        present(&store, &key, &env.record_for(8 * HOUR)).await?;
    }
    Ok(())
}

/// Something done to each of these records, in order, with the answer for each.
type Answers = Vec<(RecordKey, bool)>;

async fn purge(store: SharedStore, now: dancecard_core::Timestamp) -> Outcome<Answers> {
    for _ in 0..5 {
        store.purge_expired(now, 10).await?;
    }
    Ok(Vec::new())
}

async fn expired(env: &Env, store: &SharedStore, count: usize) -> Outcome<Vec<(RecordKey, Version)>> {
    let mut records = Vec::new();
    for _ in 0..count {
        records.push(env.create(store, &env.record_for(MINUTE)).await?);
    }
    Ok(records)
}

/// A record whose touch or write was acknowledged is there; the others are gone, or were not reached.
async fn acknowledged(env: &Env, answers: Answers) -> Outcome {
    for (key, acknowledged) in answers {
        let there = env.store().load(&key).await?.is_some();
        same("the record is there, as acknowledged:", there, acknowledged)?;
    }
    Ok(())
}

async fn a_purge_spares_what_is_touched_meanwhile(env: &Env) -> Outcome {
    let store = env.store();
    for _ in 0..10 {
        let records = expired(env, &store, 40).await?;
        let (other, at) = (store.clone(), env.later(DAY));
        let touching = async move {
            let mut answers = Vec::new();
            for (key, _) in records.into_iter().rev() {
                let there = other.touch(&key, at).await?;
                answers.push((key, there));
            }
            Ok(answers)
        };
        let tasks: Vec<super::subject::BoxFuture<'static, Outcome<Answers>>> =
            vec![Box::pin(touching), Box::pin(purge(store.clone(), env.later(HOUR)))];
        let answers = at_once(tasks).await?;
        acknowledged(env, answers.into_iter().flatten().collect()).await?;
    }
    Ok(())
}

async fn a_purge_spares_what_is_written_meanwhile(env: &Env) -> Outcome {
    let store = env.store();
    for _ in 0..10 {
        let records = expired(env, &store, 40).await?;
        let (other, live) = (store.clone(), env.record_for(DAY));
        let writing = async move {
            let mut answers = Vec::new();
            for (key, version) in records.into_iter().rev() {
                let written = won(other.write(&key, live.clone(), WriteMode::Update(version)).await)?;
                answers.push((key, written));
            }
            Ok(answers)
        };
        let tasks: Vec<super::subject::BoxFuture<'static, Outcome<Answers>>> =
            vec![Box::pin(writing), Box::pin(purge(store.clone(), env.later(HOUR)))];
        let answers = at_once(tasks).await?;
        acknowledged(env, answers.into_iter().flatten().collect()).await?;
    }
    Ok(())
}

async fn purges_at_once_count_each_record_once(env: &Env) -> Outcome {
    let store = env.store();
    expired(env, &store, 200).await?;
    let purge = |_| {
        let (store, now) = (store.clone(), env.later(HOUR));
        async move {
            let mut purged = 0;
            for _ in 0..20 {
                purged += store.purge_expired(now, 10).await?;
            }
            Ok(purged)
        }
    };
    let counts = at_once((0..4).map(purge).collect()).await?;
    same("purged by all together", counts.iter().sum::<usize>(), 200)
}

async fn write_beside(store: SharedStore, keys: Vec<RecordKey>, record: Record) -> Outcome {
    for key in keys {
        store.write(&key, record.clone(), WriteMode::Create).await?;
        store.write(&key, record.clone(), WriteMode::Overwrite).await?;
        store.delete(&key).await?;
    }
    Ok(())
}

async fn list_throughout(store: SharedStore, staying: Vec<RecordKey>, rounds: usize) -> Outcome {
    for _ in 0..rounds {
        let mut listed = Vec::new();
        let mut stream = store.list(ListQuery::all());
        while let Some(entry) = next(&mut stream).await {
            listed.push(entry?.key);
        }
        listed.sort();
        that(listed.windows(2).all(|pair| pair.first() != pair.last()), "no record twice", "one twice")?;
        let there = staying.iter().filter(|key| listed.binary_search(key).is_ok()).count();
        same("listed of the records that live throughout:", there, staying.len())?;
    }
    Ok(())
}

async fn listing_while_others_write_is_consistent(env: &Env) -> Outcome {
    let store = env.store();
    let staying = env.keys(100);
    for key in &staying {
        store.write(key, env.record("stays"), WriteMode::Create).await?;
    }
    let mut tasks: Vec<super::subject::BoxFuture<'static, Outcome>> = Vec::new();
    for _ in 0..2 {
        tasks.push(Box::pin(write_beside(store.clone(), env.keys(150), env.record("passes"))));
        tasks.push(Box::pin(list_throughout(store.clone(), staying.clone(), 15)));
    }
    let often = staying.iter().flat_map(|key| [key; 5]).cloned().collect::<Vec<_>>();
    let (other, record) = (store.clone(), env.record("changed"));
    tasks.push(Box::pin(async move {
        for key in often {
            other.write(&key, record.clone(), WriteMode::Overwrite).await?;
        }
        Ok(())
    }));
    at_once(tasks).await.map(drop)
}

async fn the_index_is_true_after_a_race(env: &Env) -> Outcome {
    let store = env.store();
    let names: Vec<String> = (0..6).map(|number| format!("user {number}")).collect();
    for _ in 0..15 {
        let (key, _) = env.create(&store, &env.record("a visitor")).await?;
        let sign_in = |name: &String| {
            let (store, key, record) = (store.clone(), key.clone(), env.record_of(name));
            async move { Ok(store.write(&key, record, WriteMode::Overwrite).await?) }
        };
        at_once(names.iter().map(sign_in).collect()).await?;
        let found = store.load(&key).await?.ok_or_else(|| Failure::new("the record", "none"))?;
        let whose = found.meta().principal().map(|who| who.as_str().to_owned());
        for name in &names {
            let listed = collect(store.list(ListQuery::of(Principal::new(name.as_str())))).await?;
            same("listed under that principal:", listed.len(), usize::from(whose.as_ref() == Some(name)))?;
        }
        store.delete(&key).await?;
        for name in &names {
            lists_of(&store, name, []).await?;
        }
    }
    Ok(())
}
