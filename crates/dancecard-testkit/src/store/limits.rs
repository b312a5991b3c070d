//! What does not fit is refused, and nothing else suffers.

use std::collections::BTreeSet;

use dancecard_core::{ErrorKind, ListQuery, Record, RecordKey, SharedStore, Store, Version, WriteMode};

use super::case::area;
use super::env::{DAY, Env, HOUR};
use super::expect::{absent, fails, present, same, that, unchanged};
use super::poll::next;
use crate::failure::{Failure, Outcome};

area! {
    the_largest_payload_fits(One, MaxPayload) = LARGEST;
    a_payload_that_is_too_large_is_refused(One, MaxPayload) = ROOM;
    a_payload_that_is_too_large_changes_nothing(One, MaxPayload) = ROOM;
    four_megabytes_round_trip(One, NoMaxPayload) = ROUND_TRIP;
    a_full_engine_says_so_and_evicts_nothing(One, Limited) = ROOM;
    a_full_engine_still_changes_and_deletes(One, Limited) = ROOM;
    a_full_engine_works_again_after_deletes(One, Limited) = ROOM;
    a_full_engine_works_again_after_a_purge(One, Limited, NoNativeExpiry) = ROOM;
    ten_thousand_records(One) = LIVE;
    ten_thousand_records_are_listed_once(One, List) = LIST;
    ten_thousand_records_are_purged(One, NoNativeExpiry) = COUNTS;
    ten_thousand_writes_to_one_key(One) = FRESH;
}

fn most(env: &Env) -> usize {
    env.capabilities().max_payload.unwrap_or(usize::MAX)
}

async fn the_largest_payload_fits(env: &Env) -> Outcome {
    let store = env.store();
    let record = env.record(env.generator().bytes(most(env)));
    let (key, _) = env.create(&store, &record).await?;
    present(&store, &key, &record).await?;
    env.rewrite(&store, &key, &record).await?;
    present(&store, &key, &record).await.map(drop)
}

async fn a_payload_that_is_too_large_is_refused(env: &Env) -> Outcome {
    let store = env.store();
    let key = env.key();
    for excess in [1, 1000] {
        let record = env.record(vec![7; most(env) + excess]);
        for mode in [WriteMode::Create, WriteMode::Overwrite] {
            fails(store.write(&key, record.clone(), mode).await, ErrorKind::TooLarge)?;
            absent(&store, &key).await?;
        }
    }
    Ok(())
}

async fn a_payload_that_is_too_large_changes_nothing(env: &Env) -> Outcome {
    let store = env.store();
    let (key, version) = env.create(&store, &env.record("kept")).await?;
    let large = env.record(vec![7; most(env) + 1]);
    fails(env.try_rewrite(&store, &key, large).await?, ErrorKind::TooLarge)?;
    unchanged(&store, &key, &env.record("kept"), &version).await
}

async fn four_megabytes_round_trip(env: &Env) -> Outcome {
    let store = env.store();
    let record = env.record(env.generator().bytes(4 << 20));
    let (key, _) = env.create(&store, &record).await?;
    present(&store, &key, &record).await.map(drop)
}

type Kept = Vec<(RecordKey, Version)>;

fn usual(env: &Env) -> Record {
    Record::new(env.record_for(HOUR).meta, vec![b'x'; 1024])
}

/// Fills the small engine until it says that it is full; everything in it stays as it was.
async fn fill(env: &Env, store: &SharedStore) -> Outcome<Kept> {
    let mut kept = Vec::new();
    while kept.len() <= 20_000 {
        let key = env.key();
        match store.write(&key, usual(env), WriteMode::Create).await {
            Ok(version) => kept.push((key, version)),
            Err(error) if error.kind() == ErrorKind::Full => {
                absent(store, &key).await?;
                return Ok(kept);
            }
            Err(error) => {
                return Err(Failure::from(error).at("filling the engine; expected Full at its limit"));
            }
        }
    }
    Err(Failure::new("an engine that is full before 20,000 records", "room for all of them"))
}

async fn all_kept(env: &Env, store: &SharedStore, kept: &[(RecordKey, Version)]) -> Outcome {
    for (key, version) in kept {
        unchanged(store, key, &usual(env), version)
            .await
            .map_err(|failure| failure.at("in the full engine"))?;
    }
    Ok(())
}

async fn a_full_engine_says_so_and_evicts_nothing(env: &Env) -> Outcome {
    let store = env.limited().await?;
    let mut kept = fill(env, &store).await?;
    that(!kept.is_empty(), "room for some records", "none")?;
    for _ in 0..20 {
        add_or_be_refused(env, &store, WriteMode::Create, &mut kept).await?;
    }
    add_or_be_refused(env, &store, WriteMode::Overwrite, &mut kept).await?;
    all_kept(env, &store, &kept).await
}

/// Where a record goes may depend on its key: one is refused, and the next still finds room.
async fn add_or_be_refused(env: &Env, store: &SharedStore, mode: WriteMode, kept: &mut Kept) -> Outcome {
    let key = env.key();
    match store.write(&key, usual(env), mode).await {
        Ok(version) => kept.push((key, version)),
        refused => {
            fails(refused, ErrorKind::Full)?;
            absent(store, &key).await?;
        }
    }
    Ok(())
}

async fn a_full_engine_still_changes_and_deletes(env: &Env) -> Outcome {
    let store = env.limited().await?;
    let kept = fill(env, &store).await?;
    let Some(((key, _), rest)) = kept.split_first() else { return Err(Failure::new("records", "none")) };
    let marker = Record::new(env.meta().into_retired(None), Vec::new());
    env.rewrite(&store, key, &marker).await.map_err(|failure| failure.at("a change to a smaller record"))?;
    present(&store, key, &marker).await?;
    store.delete(key).await.map_err(|error| Failure::from(error).at("a delete"))?;
    absent(&store, key).await?;
    all_kept(env, &store, rest).await
}

async fn a_full_engine_works_again_after_deletes(env: &Env) -> Outcome {
    let store = env.limited().await?;
    let kept = fill(env, &store).await?;
    let (gone, left) = kept.split_at(kept.len().div_ceil(2));
    for (key, _) in gone {
        store.delete(key).await?;
    }
    let (key, _) =
        env.create(&store, &usual(env)).await.map_err(|failure| failure.at("after half was deleted"))?;
    present(&store, &key, &usual(env)).await?;
    all_kept(env, &store, left).await
}

async fn a_full_engine_works_again_after_a_purge(env: &Env) -> Outcome {
    let store = env.limited().await?;
    let kept = fill(env, &store).await?;
    let purged = store.purge_expired(env.later(2 * HOUR), usize::MAX).await?;
    same("purged", purged, kept.len())?;
    let again = fill(env, &store).await?;
    that(again.len() >= kept.len() / 2, format!("room for some {}", kept.len()), format!("{}", again.len()))?;
    all_kept(env, &store, &again).await
}

fn small(number: usize) -> Vec<u8> {
    number.to_string().into_bytes()
}

async fn fill_many(env: &Env, store: &SharedStore) -> Outcome<Vec<RecordKey>> {
    let keys = env.keys(env.settings().records);
    for (number, key) in keys.iter().enumerate() {
        store.write(key, env.record(small(number)), WriteMode::Create).await?;
    }
    Ok(keys)
}

async fn ten_thousand_records(env: &Env) -> Outcome {
    let store = env.store();
    let keys = fill_many(env, &store).await?;
    for (number, key) in keys.iter().enumerate() {
        present(&store, key, &env.record(small(number))).await?;
    }
    for (number, key) in keys.iter().enumerate().filter(|(number, _)| number % 2 == 0) {
        store.delete(key).await.map_err(|error| Failure::from(error).at(format!("delete {number}")))?;
    }
    for (number, key) in keys.iter().enumerate() {
        let there = store.load(key).await?.is_some();
        same(&format!("record {number} is there:"), there, number % 2 == 1)?;
    }
    Ok(())
}

async fn ten_thousand_records_are_listed_once(env: &Env) -> Outcome {
    let store = env.store();
    let keys: BTreeSet<_> = fill_many(env, &store).await?.into_iter().collect();
    let mut listed = BTreeSet::new();
    let mut stream = store.list(ListQuery::all());
    while let Some(entry) = next(&mut stream).await {
        that(listed.insert(entry?.key), "each record once", "one twice")?;
    }
    same("records listed", listed.len(), keys.len())?;
    that(listed == keys, "the records written", "others")
}

async fn ten_thousand_records_are_purged(env: &Env) -> Outcome {
    let store = env.store();
    let many = fill_many(env, &store).await?.len();
    let (live, _) = env.create(&store, &env.record_for(2 * DAY)).await?;
    let limit = many.div_ceil(10);
    let mut purged = 0;
    while purged < many {
        let some = store.purge_expired(env.later(DAY), limit).await?;
        same(&format!("purged with limit {limit}"), some, limit.min(many - purged))?;
        purged += some;
    }
    same("purged when none is left", store.purge_expired(env.later(DAY), limit).await?, 0)?;
    present(&store, &live, &env.record_for(2 * DAY)).await.map(drop)
}

async fn ten_thousand_writes_to_one_key(env: &Env) -> Outcome {
    let store = env.store();
    let (key, version) = env.create(&store, &env.record("0")).await?;
    let mut seen = BTreeSet::from([version.as_bytes().to_vec()]);
    let many = env.settings().records.max(1);
    for number in 0..many {
        let version = store.write(&key, env.record(small(number)), WriteMode::Overwrite).await?;
        let new = seen.insert(version.as_bytes().to_vec());
        that(new, "a version that the key never had before", format!("one it had, at write {number}"))?;
    }
    present(&store, &key, &env.record(small(many - 1))).await.map(drop)
}
