//! Writes on a condition, and the versions they yield.

use dancecard_core::{Record, Store, Version, WriteMode};

use super::case::area;
use super::env::{Env, HOUR};
use super::expect::{absent, conflicts, fresh, lists, lists_of, present, refused, that, unchanged};
use crate::failure::{Failure, Outcome};

area! {
    create_over_an_existing_record_conflicts(One) = CREATE;
    create_after_a_delete_succeeds(One) = CREATE;
    a_conflicting_create_changes_nothing(One) = CONFLICT;
    a_conflicting_create_keeps_the_index(One, PrincipalIndex) = CONFLICT;
    update_at_the_present_version_succeeds(One, ConditionalWrite) = UPDATE;
    stale_update_conflicts(One, ConditionalWrite) = UPDATE;
    update_of_an_absent_key_conflicts(One, ConditionalWrite) = UPDATE;
    foreign_versions_conflict(One, ConditionalWrite) = UPDATE;
    a_conflicting_update_changes_nothing(One, ConditionalWrite) = CONFLICT;
    a_conflicting_update_creates_nothing(One, ConditionalWrite) = CONFLICT;
    a_conflicting_update_keeps_the_index(One, ConditionalWrite, PrincipalIndex) = CONFLICT;
    a_deleted_record_is_not_recreated(One, ConditionalWrite) = NO_RETURN;
    every_write_yields_a_fresh_version(One) = FRESH;
    an_equal_write_yields_a_fresh_version(One) = FRESH;
    versions_are_fresh_after_recreation(One) = FRESH;
    a_version_from_before_recreation_conflicts(One, ConditionalWrite) = FRESH;
    versions_are_fresh_after_a_restart(One, Reopen) = FRESH;
    a_version_outlives_a_restart(One, Reopen, ConditionalWrite) = UPDATE;
    a_load_gives_the_version_of_the_write(One) = FRESH;
    overwrite_replaces_and_creates(One) = OVERWRITE;
    an_unsupported_update_is_refused(One, NoConditionalWrite) = REFUSES;
    an_unsupported_update_creates_nothing(One, NoConditionalWrite) = REFUSES;
}

async fn create_over_an_existing_record_conflicts(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record("first")).await?;
    conflicts(store.write(&key, env.record("second"), WriteMode::Create).await)?;
    conflicts(store.write(&key, env.record("first"), WriteMode::Create).await)
        .map_err(|f| f.at("an equal record"))
}

async fn create_after_a_delete_succeeds(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record("first")).await?;
    store.delete(&key).await?;
    store.write(&key, env.record("second"), WriteMode::Create).await?;
    present(&store, &key, &env.record("second")).await.map(drop)
}

async fn a_conflicting_create_changes_nothing(env: &Env) -> Outcome {
    let store = env.store();
    let record = env.record("first");
    let (key, version) = env.create(&store, &record).await?;
    let other =
        Record::new(env.meta().with_expires_at(env.later(2 * HOUR)), b"longer than the first".to_vec());
    conflicts(store.write(&key, other, WriteMode::Create).await)?;
    unchanged(&store, &key, &record, &version).await
}

async fn a_conflicting_create_keeps_the_index(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_of("alice")).await?;
    conflicts(store.write(&key, env.record_of("mallory"), WriteMode::Create).await)?;
    lists_of(&store, "alice", [&key]).await?;
    lists_of(&store, "mallory", []).await.map(drop)
}

async fn update_at_the_present_version_succeeds(env: &Env) -> Outcome {
    let store = env.store();
    let (key, mut version) = env.create(&store, &env.record("0")).await?;
    for step in 1..20 {
        let record = env.record(step.to_string());
        version = store.write(&key, record.clone(), WriteMode::Update(version)).await?;
        unchanged(&store, &key, &record, &version).await?;
    }
    Ok(())
}

async fn stale_update_conflicts(env: &Env) -> Outcome {
    let store = env.store();
    let (key, first) = env.create(&store, &env.record("first")).await?;
    let second = store.write(&key, env.record("second"), WriteMode::Update(first.clone())).await?;
    conflicts(store.write(&key, env.record("lost"), WriteMode::Update(first.clone())).await)?;
    store.write(&key, env.record("third"), WriteMode::Update(second)).await?;
    conflicts(store.write(&key, env.record("lost"), WriteMode::Update(first)).await)?;
    present(&store, &key, &env.record("third")).await.map(drop)
}

async fn update_of_an_absent_key_conflicts(env: &Env) -> Outcome {
    let store = env.store();
    let (_, version) = env.create(&store, &env.record("elsewhere")).await?;
    conflicts(store.write(&env.key(), env.record("lost"), WriteMode::Update(version)).await)
}

/// A version is opaque: one that another engine made, or none would make, is merely not the present one.
async fn foreign_versions_conflict(env: &Env) -> Outcome {
    let store = env.store();
    let record = env.record("kept");
    let (key, version) = env.create(&store, &record).await?;
    let long = [b'9'; 300];
    let odd = [&b""[..], b"\0", b"\"etag\"", b"\xff\xff\xff\xff\xff\xff\xff\xff", b"0", b"1", &long];
    let numbers = [0, u64::MAX, i64::MAX as u64, i64::MAX as u64 + 1].map(Version::from_u64);
    for foreign in
        odd.map(Version::from_bytes).into_iter().chain(numbers).filter(|foreign| *foreign != version)
    {
        let place = format!("a version of {} bytes", foreign.as_bytes().len());
        let written = store.write(&key, env.record("lost"), WriteMode::Update(foreign)).await;
        conflicts(written).map_err(|failure| failure.at(place))?;
    }
    unchanged(&store, &key, &record, &version).await
}

async fn a_conflicting_update_changes_nothing(env: &Env) -> Outcome {
    let store = env.store();
    let (key, stale) = env.create(&store, &env.record("first")).await?;
    let record = env.record("second");
    let version = env.rewrite(&store, &key, &record).await?;
    let other =
        Record::new(env.meta().with_expires_at(env.later(2 * HOUR)), b"longer than the second".to_vec());
    conflicts(store.write(&key, other, WriteMode::Update(stale)).await)?;
    unchanged(&store, &key, &record, &version).await
}

async fn a_conflicting_update_creates_nothing(env: &Env) -> Outcome {
    let store = env.store();
    let (_, version) = env.create(&store, &env.record("elsewhere")).await?;
    let key = env.key();
    conflicts(store.write(&key, env.record("lost"), WriteMode::Update(version)).await)?;
    absent(&store, &key).await?;
    store.write(&key, env.record("created"), WriteMode::Create).await?;
    present(&store, &key, &env.record("created")).await.map(drop)
}

async fn a_conflicting_update_keeps_the_index(env: &Env) -> Outcome {
    let store = env.store();
    let (key, stale) = env.create(&store, &env.record_of("alice")).await?;
    env.rewrite(&store, &key, &env.record_of("bob")).await?;
    conflicts(store.write(&key, env.record_of("alice"), WriteMode::Update(stale.clone())).await)?;
    conflicts(store.write(&env.key(), env.record_of("alice"), WriteMode::Update(stale)).await)?;
    lists_of(&store, "alice", []).await?;
    lists_of(&store, "bob", [&key]).await.map(drop)
}

async fn a_deleted_record_is_not_recreated(env: &Env) -> Outcome {
    let store = env.store();
    let (key, version) = env.create(&store, &env.record("signed in")).await?;
    store.delete(&key).await?;
    conflicts(store.write(&key, env.record("back again"), WriteMode::Update(version)).await)?;
    absent(&store, &key).await?;
    if store.capabilities().list.is_supported() {
        lists(&store, []).await?;
    }
    Ok(())
}

async fn every_write_yields_a_fresh_version(env: &Env) -> Outcome {
    let store = env.store();
    let (key, version) = env.create(&store, &env.record("0")).await?;
    let mut seen = vec![version];
    for step in 0..30 {
        let record = env.record(step.to_string());
        let version = match step % 2 {
            0 => env.rewrite(&store, &key, &record).await?,
            _ => store.write(&key, record, WriteMode::Overwrite).await?,
        };
        fresh(&mut seen, version)?;
    }
    Ok(())
}

async fn an_equal_write_yields_a_fresh_version(env: &Env) -> Outcome {
    let store = env.store();
    let record = env.record("the same");
    let (key, version) = env.create(&store, &record).await?;
    let mut seen = vec![version];
    for _ in 0..5 {
        fresh(&mut seen, env.rewrite(&store, &key, &record).await?)?;
        fresh(&mut seen, store.write(&key, record.clone(), WriteMode::Overwrite).await?)?;
    }
    Ok(())
}

/// The ABA problem: a writer that loaded before the delete must not take the new record for the one it knew.
async fn versions_are_fresh_after_recreation(env: &Env) -> Outcome {
    let store = env.store();
    let key = env.key();
    let mut seen = Vec::new();
    for round in 0..10 {
        let record = env.record("the same");
        let mode = if round % 2 == 0 { WriteMode::Create } else { WriteMode::Overwrite };
        fresh(&mut seen, store.write(&key, record.clone(), mode).await?)?;
        fresh(&mut seen, env.rewrite(&store, &key, &record).await?)?;
        store.delete(&key).await?;
    }
    Ok(())
}

async fn a_version_from_before_recreation_conflicts(env: &Env) -> Outcome {
    let store = env.store();
    let record = env.record("the same");
    let (key, before) = env.create(&store, &record).await?;
    store.delete(&key).await?;
    let version = store.write(&key, record.clone(), WriteMode::Create).await?;
    conflicts(store.write(&key, env.record("lost"), WriteMode::Update(before)).await)?;
    unchanged(&store, &key, &record, &version).await
}

async fn versions_are_fresh_after_a_restart(env: &Env) -> Outcome {
    let mut store = env.store();
    let key = env.key();
    let mut seen = Vec::new();
    for round in 1..=4 {
        let place = |failure: Failure| failure.at(format!("restart {round}"));
        let version = store.write(&key, env.record("the same"), WriteMode::Create).await?;
        fresh(&mut seen, version).map_err(place)?;
        fresh(&mut seen, env.rewrite(&store, &key, &env.record("changed")).await?).map_err(place)?;
        if round % 2 == 0 {
            store = env.restart(store).await?;
            store.delete(&key).await?;
        } else {
            store.delete(&key).await?;
            store = env.restart(store).await?;
        }
    }
    Ok(())
}

async fn a_version_outlives_a_restart(env: &Env) -> Outcome {
    let store = env.store();
    let (key, stale) = env.create(&store, &env.record("first")).await?;
    let version = env.rewrite(&store, &key, &env.record("second")).await?;
    let store = env.restart(store).await?;
    conflicts(store.write(&key, env.record("lost"), WriteMode::Update(stale)).await)?;
    store.write(&key, env.record("third"), WriteMode::Update(version)).await?;
    present(&store, &key, &env.record("third")).await.map(drop)
}

async fn a_load_gives_the_version_of_the_write(env: &Env) -> Outcome {
    let store = env.store();
    let (key, version) = env.create(&store, &env.record("0")).await?;
    unchanged(&store, &key, &env.record("0"), &version).await?;
    let version = store.write(&key, env.record("1"), WriteMode::Overwrite).await?;
    unchanged(&store, &key, &env.record("1"), &version).await
}

async fn overwrite_replaces_and_creates(env: &Env) -> Outcome {
    let store = env.store();
    let key = env.key();
    for payload in ["created", "replaced", ""] {
        let version = store.write(&key, env.record(payload), WriteMode::Overwrite).await?;
        unchanged(&store, &key, &env.record(payload), &version).await?;
    }
    store.delete(&key).await?;
    absent(&store, &key).await
}

async fn an_unsupported_update_is_refused(env: &Env) -> Outcome {
    let store = env.store();
    let record = env.record("first");
    let (key, version) = env.create(&store, &record).await?;
    for offered in [version.clone(), Version::from_u64(0)] {
        refused(store.write(&key, env.record("second"), WriteMode::Update(offered)).await)?;
        unchanged(&store, &key, &record, &version).await?;
    }
    Ok(())
}

async fn an_unsupported_update_creates_nothing(env: &Env) -> Outcome {
    let store = env.store();
    let (_, version) = env.create(&store, &env.record("elsewhere")).await?;
    let key = env.key();
    refused(store.write(&key, env.record("lost"), WriteMode::Update(version)).await)?;
    absent(&store, &key).await?;
    let loaded = store.load(&key).await?;
    that(loaded.is_none(), "still no record", "a record")
}
