//! The stream of all records.

use dancecard_core::{ListQuery, Record, RecordKey, SharedStore, Store, WriteMode};

use super::case::area;
use super::env::{DAY, Env, HOUR};
use super::expect::{exactly, lists, present, same, same_meta, that};
use super::poll::{cancel_after, next};
use crate::failure::{Failure, Outcome};

area! {
    an_empty_engine_lists_nothing(One, List) = LIST;
    each_record_is_listed_once(One, List) = LIST;
    odd_keys_are_listed_as_they_are(One, List) = LIST;
    entries_carry_the_facts(One, List) = LIST;
    entries_carry_the_version(One, List) = LIST;
    entries_carry_a_touched_expiry(One, List, Touch) = LIST;
    deleted_records_are_not_listed(One, List) = LIST;
    purged_records_are_not_listed(One, List, NoNativeExpiry) = LIST;
    changed_records_are_listed_once(One, List) = LIST;
    listing_twice_at_once_agrees(One, List) = LIST;
    listing_while_writing_is_consistent(One, List) = LIST;
    what_is_listed_can_be_deleted_meanwhile(One, List) = LIST;
    a_listing_may_be_dropped(One, List) = BEGUN;
    an_engine_lists_the_same_after_a_restart(One, List, Reopen) = DURABLE;
}

async fn fill(env: &Env, store: &SharedStore, count: usize) -> Outcome<Vec<RecordKey>> {
    let keys = env.keys(count);
    for key in &keys {
        store.write(key, env.record("listed"), WriteMode::Create).await?;
    }
    Ok(keys)
}

async fn an_empty_engine_lists_nothing(env: &Env) -> Outcome {
    lists(&env.store(), []).await.map(drop)
}

async fn each_record_is_listed_once(env: &Env) -> Outcome {
    let store = env.store();
    let mut keys = Vec::new();
    for count in [1, 1, 8, 90, 400] {
        keys.extend(fill(env, &store, count).await?);
        lists(&store, &keys).await?;
    }
    Ok(())
}

async fn odd_keys_are_listed_as_they_are(env: &Env) -> Outcome {
    let store = env.store();
    let whole = env.generator().bytes(64);
    let lengths = (1..=64).filter_map(|length| whole.get(..length)).map(RecordKey::new);
    let odd = [&b"\0"[..], b"\0\0", b"a", b"A", b"a\0", b"'", b"%", b"\xff"].map(RecordKey::new);
    let keys: Vec<_> = lengths.chain(odd).collect();
    for key in &keys {
        store.write(key, env.record("listed"), WriteMode::Overwrite).await?;
    }
    lists(&store, &keys).await.map(drop)
}

async fn entries_carry_the_facts(env: &Env) -> Outcome {
    let store = env.store();
    let plain = env.meta();
    let metas = [
        plain.clone(),
        plain.clone().with_principal(Some("erin".into())).with_device(Some("agent"), Some("192.0.2.3")),
        plain.clone().with_renewed_at(env.later(HOUR)).with_idle(None),
        plain.into_retired(Some(env.key())),
    ];
    for meta in metas {
        let (key, _) = env.create(&store, &Record::new(meta.clone(), b"data".to_vec())).await?;
        let entries = env.listed(&store, ListQuery::all()).await?;
        let entry = entries.into_iter().find(|entry| entry.key == key);
        let entry = entry.ok_or_else(|| Failure::new("the record listed", "it is missing"))?;
        same_meta(&entry.meta, &meta)?;
    }
    Ok(())
}

async fn entries_carry_the_version(env: &Env) -> Outcome {
    let store = env.store();
    let (key, first) = env.create(&store, &env.record("first")).await?;
    let second = env.rewrite(&store, &key, &env.record("second")).await?;
    let entries = lists(&store, [&key]).await?;
    let listed = entries.first().map(|entry| &entry.version);
    that(listed != Some(&first), "the present version", "an earlier one")?;
    that(listed == Some(&second), "the present version", "one it never had")
}

async fn entries_carry_a_touched_expiry(env: &Env) -> Outcome {
    let store = env.store();
    let (key, version) = env.create(&store, &env.record_for(HOUR)).await?;
    store.touch(&key, env.later(DAY)).await?;
    let entries = lists(&store, [&key]).await?;
    for entry in entries {
        same("expires_at (ms)", entry.meta.expires_at().as_millis(), env.later(DAY).as_millis())?;
        that(entry.version == version, "the version it had", "another")?;
    }
    Ok(())
}

async fn deleted_records_are_not_listed(env: &Env) -> Outcome {
    let store = env.store();
    let keys = fill(env, &store, 30).await?;
    let (gone, kept) = keys.split_at(10);
    for key in gone {
        store.delete(key).await?;
    }
    lists(&store, kept).await.map(drop)
}

async fn purged_records_are_not_listed(env: &Env) -> Outcome {
    let store = env.store();
    let (_, _) = env.create(&store, &env.record_for(HOUR)).await?;
    let (kept, _) = env.create(&store, &env.record_for(DAY)).await?;
    store.purge_expired(env.later(HOUR), 10).await?;
    lists(&store, [&kept]).await.map(drop)
}

async fn changed_records_are_listed_once(env: &Env) -> Outcome {
    let store = env.store();
    let keys = fill(env, &store, 20).await?;
    for key in &keys {
        env.rewrite(&store, key, &env.record("changed")).await?;
        store.write(key, env.record("again"), WriteMode::Overwrite).await?;
    }
    for key in keys.iter().take(5) {
        store.delete(key).await?;
        store.write(key, env.record("created again"), WriteMode::Create).await?;
    }
    lists(&store, &keys).await.map(drop)
}

async fn listing_twice_at_once_agrees(env: &Env) -> Outcome {
    let store = env.store();
    let keys = fill(env, &store, 60).await?;
    let (mut one, mut other) = (store.list(ListQuery::all()), store.list(ListQuery::all()));
    let (mut seen, mut also) = (Vec::new(), Vec::new());
    for _ in 0..=keys.len() {
        seen.extend(next(&mut one).await.transpose()?);
        also.extend(next(&mut other).await.transpose()?);
    }
    exactly(seen, &keys)?;
    exactly(also, &keys).map(drop)
}

/// Between any two items, others write: create, change, delete, and delete and create again.
async fn listing_while_writing_is_consistent(env: &Env) -> Outcome {
    let store = env.store();
    let staying = fill(env, &store, 120).await?;
    let leaving = fill(env, &store, 120).await?;
    let mut random = env.generator();
    let mut seen = Vec::new();
    let mut stream = store.list(ListQuery::all());
    while let Some(entry) = next(&mut stream).await {
        seen.push(entry?.key);
        if let (Some(stay), Some(leave)) = (random.pick(&staying), random.pick(&leaving)) {
            env.rewrite(&store, stay, &env.record("changed meanwhile")).await?;
            store.delete(leave).await?;
        }
        if seen.len() <= 200 {
            env.create(&store, &env.record("came meanwhile")).await?;
        }
        that(seen.len() <= 440, "an end of the listing", "more items than there ever were records")?;
    }
    for key in &staying {
        let times = seen.iter().filter(|other| *other == key).count();
        same("a record that lived throughout was listed so often:", times, 1)?;
    }
    seen.sort();
    that(seen.windows(2).all(|pair| pair.first() != pair.last()), "no record twice", "one twice")
}

/// This is how "sign out everywhere" goes about it.
async fn what_is_listed_can_be_deleted_meanwhile(env: &Env) -> Outcome {
    let store = env.store();
    let keys = fill(env, &store, 150).await?;
    let mut deleted = 0;
    let mut stream = store.list(ListQuery::all());
    while let Some(entry) = next(&mut stream).await {
        store.delete(&entry?.key).await?;
        deleted += 1;
    }
    drop(stream);
    same("records listed and deleted", deleted, keys.len())?;
    lists(&store, []).await.map(drop)
}

/// Many times, so that an engine that leaks a connection or a lock with each runs out of them.
async fn a_listing_may_be_dropped(env: &Env) -> Outcome {
    let store = env.store();
    let keys = fill(env, &store, 100).await?;
    for round in 0..300 {
        let mut stream = store.list(ListQuery::all());
        match round % 3 {
            0 => {}
            1 => drop(cancel_after(1, next(&mut stream)).await),
            _ => that(next(&mut stream).await.transpose()?.is_some(), "an item", "none")?,
        }
        drop(stream);
        env.create(&store, &env.record("after the drop")).await?;
    }
    for key in &keys {
        present(&store, key, &env.record("listed")).await?;
    }
    same("records listed", env.listed(&store, ListQuery::all()).await?.len(), keys.len() + 300)
}

async fn an_engine_lists_the_same_after_a_restart(env: &Env) -> Outcome {
    let store = env.store();
    let keys = fill(env, &store, 40).await?;
    let store = env.restart(store).await?;
    lists(&store, &keys).await.map(drop)
}
