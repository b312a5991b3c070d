//! A caller that goes away in the middle: every operation is dropped at every await point it has.

use dancecard_core::{ListQuery, Record, RecordKey, SharedStore, Store, Versioned, WriteMode};

use super::case::area;
use super::env::{DAY, Env, HOUR, MINUTE};
use super::expect::{equal, lists_of, present, same, that};
use super::poll::{cancel_after, next};
use super::replace::Rotation;
use crate::failure::{Failure, Outcome};

area! {
    a_dropped_create_leaves_nothing_or_all(One) = DROPPED;
    a_dropped_update_leaves_the_old_or_the_new(One, ConditionalWrite) = DROPPED;
    a_dropped_overwrite_leaves_the_old_or_the_new(One) = DROPPED;
    a_dropped_delete_leaves_all_or_nothing(One) = DROPPED;
    a_dropped_touch_changes_the_expiry_or_nothing(One, Touch) = DROPPED;
    a_dropped_replace_leaves_two_exact_records_or_one(One, Replace) = DROPPED;
    a_dropped_native_replace_is_one_step(One, NativeReplace) = REPLACE;
    a_dropped_load_harms_nothing(One) = DROPPED;
    a_dropped_listing_harms_nothing(One, List) = DROPPED;
    a_dropped_purge_harms_nothing_live(One, NoNativeExpiry) = DROPPED;
    a_dropped_write_keeps_the_index_true(One, PrincipalIndex) = DROPPED;
}

const MOST_PAUSES: usize = 500;

/// Calls the step with 0, 1, 2, ... pauses until it says that the operation was not cut short any more, and sees
/// after each that the engine works.
macro_rules! at_every_pause {
    ($env:ident, $store:ident, $pauses:ident => $step:expr) => {{
        let $store = $env.store();
        for $pauses in 0..MOST_PAUSES {
            let place =
                |failure: Failure| failure.at(format!("dropped when pending for the {}. time", $pauses));
            let finished: Outcome<bool> = async { $step }.await;
            let finished = finished.map_err(place)?;
            works($env, &$store).await.map_err(place)?;
            if finished {
                return Ok(());
            }
        }
        Err(Failure::new("an end of the operation", format!("none after {MOST_PAUSES} pauses")))
    }};
}

/// The engine takes, changes, gives and removes a record.
async fn works(env: &Env, store: &SharedStore) -> Outcome {
    let place = |failure: Failure| failure.at("using the engine afterwards");
    let (key, _) = env.create(store, &env.record("before")).await.map_err(place)?;
    env.rewrite(store, &key, &env.record("after")).await.map_err(place)?;
    present(store, &key, &env.record("after")).await.map_err(place)?;
    store.delete(&key).await.map_err(|error| place(error.into()))
}

fn old(env: &Env) -> Record {
    Record::new(env.record_of("before").meta, vec![b'o'; 2000])
}

fn new(env: &Env) -> Record {
    Record::new(env.record_of("after").meta.with_expires_at(env.later(2 * HOUR)), vec![b'n'; 3000])
}

/// The record is one of those allowed; `None` among them is absence.
fn one_of(found: Option<Versioned>, allowed: &[Option<Record>]) -> Outcome {
    let fits = |state: &Option<Record>| match (state, &found) {
        (None, None) => true,
        (Some(record), Some(_)) => equal(found.clone(), record).is_ok(),
        _ => false,
    };
    let got = || found.as_ref().map_or("nothing".into(), |found| format!("{} bytes", found.payload().len()));
    that(allowed.iter().any(fits), "the old state or the new one, exactly", format!("a mixture: {}", got()))
}

async fn a_dropped_create_leaves_nothing_or_all(env: &Env) -> Outcome {
    at_every_pause!(env, store, pauses => {
        let key = env.key();
        let done = cancel_after(pauses, store.write(&key, new(env), WriteMode::Create)).await.transpose()?;
        one_of(store.load(&key).await?, &[None, Some(new(env))])?;
        Ok(done.is_some())
    })
}

async fn a_dropped_update_leaves_the_old_or_the_new(env: &Env) -> Outcome {
    at_every_pause!(env, store, pauses => {
        let (key, version) = env.create(&store, &old(env)).await?;
        let update = WriteMode::Update(version);
        let done = cancel_after(pauses, store.write(&key, new(env), update)).await.transpose()?;
        one_of(store.load(&key).await?, &[Some(old(env)), Some(new(env))])?;
        Ok(done.is_some())
    })
}

async fn a_dropped_overwrite_leaves_the_old_or_the_new(env: &Env) -> Outcome {
    at_every_pause!(env, store, pauses => {
        let (key, _) = env.create(&store, &old(env)).await?;
        let done = cancel_after(pauses, store.write(&key, new(env), WriteMode::Overwrite)).await.transpose()?;
        one_of(store.load(&key).await?, &[Some(old(env)), Some(new(env))])?;
        Ok(done.is_some())
    })
}

async fn a_dropped_delete_leaves_all_or_nothing(env: &Env) -> Outcome {
    at_every_pause!(env, store, pauses => {
        let (key, _) = env.create(&store, &old(env)).await?;
        let done = cancel_after(pauses, store.delete(&key)).await.transpose()?;
        one_of(store.load(&key).await?, &[Some(old(env)), None])?;
        Ok(done.is_some())
    })
}

async fn a_dropped_touch_changes_the_expiry_or_nothing(env: &Env) -> Outcome {
    at_every_pause!(env, store, pauses => {
        let (key, version) = env.create(&store, &old(env)).await?;
        let touched = Record::new(old(env).meta.with_expires_at(env.later(DAY)), old(env).payload);
        let done = cancel_after(pauses, store.touch(&key, env.later(DAY))).await.transpose()?;
        let found = store.load(&key).await?;
        that(found.as_ref().is_some_and(|found| *found.version() == version), "the version it had", "another")?;
        one_of(found, &[Some(old(env)), Some(touched)])?;
        Ok(done.is_some())
    })
}

/// A replace in two steps may stop between them, with a successor that nobody was told of.
async fn a_dropped_replace_leaves_two_exact_records_or_one(env: &Env) -> Outcome {
    at_every_pause!(env, store, pauses => {
        let rotation = Rotation::of(env, &store, "before").await?;
        let done = cancel_after(pauses, rotation.run(&store)).await.transpose()?;
        let successor = store.load(&rotation.new).await?;
        let ended = equal(store.load(&rotation.old).await?, &rotation.marker).is_ok();
        if ended {
            equal(store.load(&rotation.new).await?, &rotation.successor)?;
        } else {
            one_of(store.load(&rotation.old).await?, &[Some(rotation.before.clone()), Some(rotation.marker.clone())])?;
            one_of(successor, &[None, Some(rotation.successor.clone())])?;
        }
        Ok(done.is_some())
    })
}

async fn a_dropped_native_replace_is_one_step(env: &Env) -> Outcome {
    at_every_pause!(env, store, pauses => {
        let rotation = Rotation::of(env, &store, "before").await?;
        let done = cancel_after(pauses, rotation.run(&store)).await.transpose()?;
        // The successor first: if it is not there yet, and the old record is read as ended after, that is no mixture.
        let successor = store.load(&rotation.new).await?.is_some();
        let ended = equal(store.load(&rotation.old).await?, &rotation.marker).is_ok();
        that(ended || !successor, "both halves or none", "a successor beside the old session")?;
        if ended {
            rotation.done(&store).await?;
        }
        Ok(done.is_some())
    })
}

async fn a_dropped_load_harms_nothing(env: &Env) -> Outcome {
    at_every_pause!(env, store, pauses => {
        let (key, _) = env.create(&store, &old(env)).await?;
        let done = cancel_after(pauses, store.load(&key)).await.transpose()?;
        present(&store, &key, &old(env)).await?;
        Ok(done.is_some())
    })
}

async fn a_dropped_listing_harms_nothing(env: &Env) -> Outcome {
    for _ in 0..20 {
        env.create(&env.store(), &old(env)).await?;
    }
    at_every_pause!(env, store, pauses => {
        let mut stream = store.list(ListQuery::all());
        let mut listed = 0;
        let all = async {
            while let Some(entry) = next(&mut stream).await {
                entry?;
                listed += 1;
            }
            Outcome::Ok(())
        };
        let done = cancel_after(pauses, all).await.transpose()?;
        drop(stream);
        that(listed <= 20, "20 records at most", format!("{listed}"))?;
        Ok(done.is_some())
    })
}

async fn a_dropped_purge_harms_nothing_live(env: &Env) -> Outcome {
    at_every_pause!(env, store, pauses => {
        let over = Record::new(env.record_for(MINUTE).meta, vec![b'x'; 500]);
        let mut expired = Vec::new();
        for _ in 0..10 {
            expired.push(env.create(&store, &over).await?.0);
        }
        let (live, _) = env.create(&store, &new(env)).await?;
        let done = cancel_after(pauses, store.purge_expired(env.later(HOUR), 100)).await.transpose()?;
        present(&store, &live, &new(env)).await?;
        for key in &expired {
            one_of(store.load(key).await?, &[None, Some(over.clone())])?;
            store.delete(key).await?;
        }
        Ok(done.is_some())
    })
}

/// Whether the index agrees with the record, as soon as the record stands still.
async fn index_agrees(env: &Env, store: &SharedStore, key: &RecordKey) -> Outcome {
    for _ in 0..100 {
        let before = store.load(key).await?;
        let mut listed = Vec::new();
        for name in ["before", "after"] {
            let entries = env.listed(store, ListQuery::of(name.into())).await?;
            listed.extend(entries.iter().filter(|entry| entry.key == *key).map(|_| name));
        }
        let after = store.load(key).await?;
        let version = |found: &Option<Versioned>| found.as_ref().map(|found| found.version().clone());
        if version(&before) == version(&after) {
            let whose = after.and_then(|found| Some(found.meta().principal()?.as_str().to_owned()));
            return same(
                "the principals that list the record",
                listed,
                whose.as_deref().into_iter().collect(),
            );
        }
    }
    Err(Failure::new("a record that stands still", "one that changes all the time"))
}

async fn a_dropped_write_keeps_the_index_true(env: &Env) -> Outcome {
    at_every_pause!(env, store, pauses => {
        let (key, _) = env.create(&store, &old(env)).await?;
        let changed = cancel_after(pauses, store.write(&key, new(env), WriteMode::Overwrite)).await.transpose()?;
        index_agrees(env, &store, &key).await?;
        let deleted = cancel_after(pauses, store.delete(&key)).await.transpose()?;
        index_agrees(env, &store, &key).await?;
        let created = cancel_after(pauses, store.write(&key, new(env), WriteMode::Overwrite)).await.transpose()?;
        index_agrees(env, &store, &key).await?;
        store.delete(&key).await?;
        lists_of(&store, "nobody", []).await?;
        Ok(changed.is_some() && deleted.is_some() && created.is_some())
    })
}
