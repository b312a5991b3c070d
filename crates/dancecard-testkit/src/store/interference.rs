//! Readers, touches, purges and listings beside writers.

use dancecard_core::{
    ListQuery, Principal, Record, RecordKey, SharedStore, Store, Timestamp, Version, WriteMode,
};

use super::case::area;
use super::env::{DAY, Env, HOUR, MINUTE};
use super::expect::{lists_of, present, same, that};
use super::poll::{collect, next};
use super::subject::BoxFuture;
use super::tasks::{at_once, pause, won};
use crate::failure::{Failure, Outcome};

area! {
    a_reader_sees_the_old_or_the_new(Several) = ATOMIC;
    touches_defeat_no_writer(Several, Touch, ConditionalWrite) = TOUCH_YIELDS;
    racing_touches_keep_the_latest(Several, Touch) = TOUCH;
    a_purge_spares_what_is_touched_meanwhile(Several, Touch, NoNativeExpiry) = PURGE;
    a_purge_spares_what_is_written_meanwhile(Several, ConditionalWrite, NoNativeExpiry) = PURGE;
    purges_at_once_count_each_record_once(Several, NoNativeExpiry) = COUNTS;
    listing_while_others_write_is_consistent(Several, List) = LIST;
    the_index_is_true_after_a_race(Several, PrincipalIndex) = LIST_OF;
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
    for round in 0..times {
        let found = store.load(&key).await?.ok_or_else(|| Failure::new("a record, as throughout", "none"))?;
        let number = found.payload().first().copied().unwrap_or_default();
        let whole = records
            .get(usize::from(number))
            .is_some_and(|record| found.payload() == record.payload && found.meta() == record.meta);
        that(whole, "one of the records that were written", "a mixture")?;
        pause(round % 3).await;
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
            for round in 0..100 {
                pause(round % 3).await;
                version = store.write(&key, record.clone(), WriteMode::Update(version)).await?;
            }
            Outcome::Ok(())
        }
    };
    let toucher = || {
        let (store, key, at) = (store.clone(), key.clone(), env.later(DAY));
        async move {
            for round in 0..100 {
                same("touch of a record says", store.touch(&key, at).await?, true)?;
                pause(round % 2).await;
            }
            Outcome::Ok(())
        }
    };
    let touchers = (0..4).map(|_| Box::pin(toucher()) as BoxFuture<'static, Outcome>);
    let writing: BoxFuture<'static, Outcome> = Box::pin(writer(version));
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

/// Records, and whether what was done to each was acknowledged.
type Answers = Vec<(RecordKey, bool)>;

async fn purge(store: SharedStore, now: Timestamp) -> Outcome<Answers> {
    for _ in 0..12 {
        store.purge_expired(now, 4).await?;
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

/// Waits for its turn, two in each round of the runtime, and then acts.
async fn in_turn(number: usize, key: RecordKey, act: BoxFuture<'static, Outcome<bool>>) -> Outcome<Answers> {
    pause(number / 2).await;
    Ok(vec![(key, act.await?)])
}

/// Acts on expired records while they are purged. Where the act was acknowledged the record is there; the others are
/// gone.
async fn beside_a_purge(
    env: &Env,
    act: impl Fn(RecordKey, Version) -> BoxFuture<'static, Outcome<bool>>,
) -> Outcome {
    let store = env.store();
    for _ in 0..10 {
        let mut tasks: Vec<BoxFuture<'static, Outcome<Answers>>> = Vec::new();
        for (number, (key, version)) in expired(env, &store, 40).await?.into_iter().enumerate() {
            tasks.push(Box::pin(in_turn(number, key.clone(), act(key, version))));
        }
        tasks.push(Box::pin(purge(store.clone(), env.later(HOUR))));
        for (key, acknowledged) in at_once(tasks).await?.into_iter().flatten() {
            let there = store.load(&key).await?.is_some();
            same("the record is there, as acknowledged:", there, acknowledged)?;
        }
    }
    Ok(())
}

async fn a_purge_spares_what_is_touched_meanwhile(env: &Env) -> Outcome {
    let act = |key: RecordKey, _| -> BoxFuture<'static, Outcome<bool>> {
        let (store, at) = (env.store(), env.later(DAY));
        Box::pin(async move { Ok(store.touch(&key, at).await?) })
    };
    beside_a_purge(env, act).await
}

async fn a_purge_spares_what_is_written_meanwhile(env: &Env) -> Outcome {
    let act = |key: RecordKey, version| -> BoxFuture<'static, Outcome<bool>> {
        let (store, live) = (env.store(), env.record_for(DAY));
        Box::pin(async move { won(store.write(&key, live, WriteMode::Update(version)).await) })
    };
    beside_a_purge(env, act).await
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
    let mut tasks: Vec<BoxFuture<'static, Outcome>> = Vec::new();
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
