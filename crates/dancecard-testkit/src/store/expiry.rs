//! Nothing is dropped early; touch moves the expiry forward; purge takes what is over and nothing else.

use std::time::Duration;

use dancecard_core::{Meta, Record, RecordKey, SharedStore, Store, Timestamp, WriteMode};

use super::case::area;
use super::env::{DAY, Env, HOUR, MINUTE};
use super::expect::{absent, equal, present, same, that, unchanged};
use crate::failure::{Failure, Outcome};

const MILLI: Duration = Duration::from_millis(1);

area! {
    a_live_record_is_loaded_until_its_last_millisecond(One) = LIVE;
    a_record_without_a_limit_stays(One) = LIVE;
    an_expired_record_is_whole_or_gone(One) = LIVE;
    writes_of_others_drop_no_live_record(One) = LIVE;
    a_shorter_expiry_is_kept_as_written(One) = ROUND_TRIP;
    touch_moves_the_expiry_forward(One, Touch) = TOUCH;
    touch_never_shortens(One, Touch) = TOUCH;
    touch_never_creates(One, Touch) = TOUCH;
    touch_never_revives_a_deleted_record(One, Touch) = TOUCH;
    touch_keeps_the_version(One, Touch) = TOUCH;
    touch_keeps_the_payload_and_the_other_facts(One, Touch) = TOUCH;
    touch_says_whether_a_record_was_there(One, Touch) = TOUCH;
    touch_concerns_only_its_key(One, Touch) = TOUCH;
    touch_does_not_defeat_a_writer(One, Touch, ConditionalWrite) = TOUCH_YIELDS;
    a_write_after_a_touch_sets_its_own_expiry(One, Touch) = ROUND_TRIP;
    a_touch_survives_a_restart(One, Touch, Reopen) = DURABLE;
    purge_takes_the_expired(One, NoNativeExpiry) = COUNTS;
    purge_takes_only_the_expired(One) = PURGE;
    purge_goes_by_the_moment_it_is_given(One, NoNativeExpiry) = PURGE;
    purge_respects_its_limit(One, NoNativeExpiry) = PURGE;
    purge_says_how_many(One, NoNativeExpiry) = COUNTS;
    purge_spares_a_touched_record(One, Touch) = PURGE;
    purge_finds_a_touched_record_when_its_time_comes(One, Touch, NoNativeExpiry) = COUNTS;
    purge_goes_by_the_expiry_of_the_last_write(One, NoNativeExpiry) = PURGE;
    purged_keys_are_free(One, NoNativeExpiry) = ABSENT;
    purge_finds_the_expired_after_a_restart(One, NoNativeExpiry, Reopen) = COUNTS;
}

async fn a_live_record_is_loaded_until_its_last_millisecond(env: &Env) -> Outcome {
    let store = env.store();
    let record = env.record_for(HOUR);
    let (key, version) = env.create(&store, &record).await?;
    for now in [env.now(), env.later(HOUR / 2), env.later(HOUR - MILLI)] {
        store.purge_expired(now, 1000).await?;
        unchanged(&store, &key, &record, &version).await?;
    }
    Ok(())
}

async fn a_record_without_a_limit_stays(env: &Env) -> Outcome {
    let store = env.store();
    let record = Record::new(Meta::new(env.now(), Timestamp::MAX), b"forever".to_vec());
    let (key, _) = env.create(&store, &record).await?;
    store.purge_expired(env.later(1000 * DAY), 1000).await?;
    present(&store, &key, &record).await.map(drop)
}

async fn an_expired_record_is_whole_or_gone(env: &Env) -> Outcome {
    let store = env.store();
    let over = env.now().saturating_sub(HOUR);
    let record = Record::new(Meta::new(over.saturating_sub(HOUR), over), b"over".to_vec());
    let (key, _) = env.create(&store, &record).await?;
    // Looked at once: it may be gone a moment later.
    match store.load(&key).await? {
        Some(found) => equal(Some(found), &record).map(drop),
        None => absent(&store, &key).await,
    }
}

/// An engine may reclaim a little with each write, but only by what is over, whatever moments a record names.
async fn writes_of_others_drop_no_live_record(env: &Env) -> Outcome {
    let store = env.store();
    let live: Vec<_> = env.keys(200);
    for key in &live {
        store.write(key, env.record_for(10 * MINUTE), WriteMode::Create).await?;
    }
    let plain = Meta::new(env.now(), env.later(DAY));
    let odd = [
        plain.clone().with_idle(Some(MINUTE)),
        plain.clone().with_idle(Some(DAY)).with_absolute_at(env.later(MINUTE)),
        plain.clone().into_retired(None),
        Meta::new(env.now(), Timestamp::MAX).with_idle(Some(MINUTE)),
        Meta::new(env.now(), env.now().saturating_sub(DAY)),
    ];
    for meta in odd.iter().cycle().take(1000) {
        env.create(&store, &Record::new(meta.clone(), b"odd".to_vec())).await?;
    }
    for key in &live {
        present(&store, key, &env.record_for(10 * MINUTE)).await?;
    }
    Ok(())
}

async fn a_shorter_expiry_is_kept_as_written(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_for(DAY)).await?;
    for life in [HOUR, MINUTE, 2 * HOUR] {
        env.rewrite(&store, &key, &env.record_for(life)).await?;
        present(&store, &key, &env.record_for(life)).await?;
    }
    Ok(())
}

async fn expires(store: &SharedStore, key: &RecordKey, at: Timestamp) -> Outcome {
    let found = store.load(key).await?.ok_or_else(|| Failure::new("a record", "no record"))?;
    same("expires_at (ms)", found.expires_at().as_millis(), at.as_millis())
}

/// Touches a record that must be there.
async fn touch(store: &SharedStore, key: &RecordKey, at: Timestamp) -> Outcome {
    same("touch of a record says", store.touch(key, at).await?, true)
}

async fn touch_moves_the_expiry_forward(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_for(HOUR)).await?;
    for at in [env.later(HOUR + MILLI), env.later(2 * HOUR), env.later(30 * DAY), Timestamp::MAX] {
        touch(&store, &key, at).await?;
        expires(&store, &key, at).await?;
    }
    Ok(())
}

async fn touch_never_shortens(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_for(HOUR)).await?;
    let earlier = [env.later(HOUR), env.later(HOUR - MILLI), env.now(), Timestamp::from_millis(0)];
    for at in earlier {
        touch(&store, &key, at).await?;
        expires(&store, &key, env.later(HOUR)).await?;
    }
    touch(&store, &key, env.later(DAY)).await?;
    touch(&store, &key, env.later(2 * HOUR)).await?;
    expires(&store, &key, env.later(DAY)).await
}

async fn touch_never_creates(env: &Env) -> Outcome {
    let store = env.store();
    let key = env.key();
    same("touch of nothing says", store.touch(&key, env.later(DAY)).await?, false)?;
    absent(&store, &key).await?;
    store.write(&key, env.record("created"), WriteMode::Create).await?;
    present(&store, &key, &env.record("created")).await.map(drop)
}

async fn touch_never_revives_a_deleted_record(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record("signed out")).await?;
    touch(&store, &key, env.later(2 * HOUR)).await?;
    store.delete(&key).await?;
    same("touch of a deleted record says", store.touch(&key, env.later(DAY)).await?, false)?;
    absent(&store, &key).await
}

async fn touch_keeps_the_version(env: &Env) -> Outcome {
    let store = env.store();
    let (key, version) = env.create(&store, &env.record_for(HOUR)).await?;
    for hours in [2, 1, 3] {
        touch(&store, &key, env.later(hours * HOUR)).await?;
        let found = store.load(&key).await?;
        that(
            found.is_some_and(|found| *found.version() == version),
            "the version it had",
            "another, or none",
        )?;
    }
    Ok(())
}

async fn touch_keeps_the_payload_and_the_other_facts(env: &Env) -> Outcome {
    let store = env.store();
    let meta = env.meta().with_principal(Some("dora".into())).with_device(Some("agent"), Some("192.0.2.9"));
    let mut record = Record::new(meta, env.generator().bytes(3000));
    let (key, _) = env.create(&store, &record).await?;
    touch(&store, &key, env.later(2 * HOUR)).await?;
    record.meta = record.meta.with_expires_at(env.later(2 * HOUR));
    present(&store, &key, &record).await.map(drop)
}

async fn touch_says_whether_a_record_was_there(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_for(HOUR)).await?;
    same("with a record, and moved:", store.touch(&key, env.later(2 * HOUR)).await?, true)?;
    same("with a record, not moved:", store.touch(&key, env.now()).await?, true)?;
    store.delete(&key).await?;
    same("without a record:", store.touch(&key, env.later(3 * HOUR)).await?, false)
}

async fn touch_concerns_only_its_key(env: &Env) -> Outcome {
    let store = env.store();
    let (touched, _) = env.create(&store, &env.record_for(HOUR)).await?;
    let (other, version) = env.create(&store, &env.record_for(HOUR)).await?;
    touch(&store, &touched, env.later(DAY)).await?;
    unchanged(&store, &other, &env.record_for(HOUR), &version).await
}

async fn touch_does_not_defeat_a_writer(env: &Env) -> Outcome {
    let store = env.store();
    let (key, mut version) = env.create(&store, &env.record("0")).await?;
    for step in 1..6_u32 {
        touch(&store, &key, env.later((step + 1) * HOUR)).await?;
        let update = WriteMode::Update(version);
        version = store.write(&key, env.record(step.to_string()), update).await?;
    }
    present(&store, &key, &env.record("5")).await.map(drop)
}

async fn a_write_after_a_touch_sets_its_own_expiry(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_for(HOUR)).await?;
    touch(&store, &key, env.later(DAY)).await?;
    env.rewrite(&store, &key, &env.record_for(2 * HOUR)).await?;
    present(&store, &key, &env.record_for(2 * HOUR)).await?;
    touch(&store, &key, env.later(3 * HOUR)).await?;
    expires(&store, &key, env.later(3 * HOUR)).await
}

async fn a_touch_survives_a_restart(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_for(HOUR)).await?;
    touch(&store, &key, env.later(DAY)).await?;
    let store = env.restart(store).await?;
    expires(&store, &key, env.later(DAY)).await
}

/// So many records that live for so long.
async fn fill(env: &Env, store: &SharedStore, count: usize, life: Duration) -> Outcome<Vec<RecordKey>> {
    let keys = env.keys(count);
    for key in &keys {
        store.write(key, env.record_for(life), WriteMode::Create).await?;
    }
    Ok(keys)
}

async fn left(store: &SharedStore, keys: &[RecordKey]) -> Outcome<usize> {
    let mut left = 0;
    for key in keys {
        left += usize::from(store.load(key).await?.is_some());
    }
    Ok(left)
}

async fn purge_takes_the_expired(env: &Env) -> Outcome {
    let store = env.store();
    let over = fill(env, &store, 20, MINUTE).await?;
    store.purge_expired(env.later(HOUR), 1000).await?;
    same("expired records left", left(&store, &over).await?, 0)
}

async fn purge_takes_only_the_expired(env: &Env) -> Outcome {
    let store = env.store();
    fill(env, &store, 20, MINUTE).await?;
    let live = fill(env, &store, 20, HOUR + MILLI).await?;
    for _ in 0..5 {
        store.purge_expired(env.later(HOUR), 1000).await?;
    }
    for key in &live {
        present(&store, key, &env.record_for(HOUR + MILLI)).await?;
    }
    Ok(())
}

/// To the millisecond: what expires at `now` is over, what expires one later is not.
async fn purge_goes_by_the_moment_it_is_given(env: &Env) -> Outcome {
    let store = env.store();
    let mut keys = Vec::new();
    for life in [MINUTE - MILLI, MINUTE, MINUTE + MILLI] {
        keys.push((env.create(&store, &env.record_for(life)).await?.0, life));
    }
    store.purge_expired(env.later(MINUTE), 1000).await?;
    for (key, life) in keys {
        let (stays, found) = (life > MINUTE, store.load(&key).await?.is_some());
        same(&format!("{} ms of life, purged at 60,000 ms, is there:", life.as_millis()), found, stays)?;
    }
    Ok(())
}

async fn purge_respects_its_limit(env: &Env) -> Outcome {
    let store = env.store();
    let over = fill(env, &store, 25, MINUTE).await?;
    let now = env.later(HOUR);
    same("purged with limit 0", store.purge_expired(now, 0).await?, 0)?;
    same("left after limit 0", left(&store, &over).await?, 25)?;
    for expected in [15, 5, 0] {
        store.purge_expired(now, 10).await?;
        same("left after purges of 10", left(&store, &over).await?, expected)?;
    }
    Ok(())
}

async fn purge_says_how_many(env: &Env) -> Outcome {
    let store = env.store();
    fill(env, &store, 25, MINUTE).await?;
    fill(env, &store, 5, DAY).await?;
    let now = env.later(HOUR);
    for (limit, expected) in [(0, 0), (10, 10), (1, 1), (usize::MAX, 14), (10, 0)] {
        let purged = store.purge_expired(now, limit).await?;
        same(&format!("purged with limit {limit}:"), purged, expected)?;
    }
    Ok(())
}

async fn purge_spares_a_touched_record(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_for(10 * MINUTE)).await?;
    fill(env, &store, 10, 10 * MINUTE).await?;
    touch(&store, &key, env.later(2 * HOUR)).await?;
    for hours in [1, 1] {
        store.purge_expired(env.later(hours * HOUR), 1000).await?;
        expires(&store, &key, env.later(2 * HOUR)).await?;
    }
    Ok(())
}

async fn purge_finds_a_touched_record_when_its_time_comes(env: &Env) -> Outcome {
    let store = env.store();
    let keys = fill(env, &store, 30, MINUTE).await?;
    for (index, key) in keys.iter().enumerate() {
        touch(&store, key, env.later(if index < 20 { HOUR } else { 3 * HOUR })).await?;
    }
    same("purged before the touched expiry", store.purge_expired(env.later(HOUR - MILLI), 1000).await?, 0)?;
    same("purged at the touched expiry", store.purge_expired(env.later(HOUR), 1000).await?, 20)?;
    same("records left", left(&store, &keys).await?, 10)?;
    same("purged at the last expiry", store.purge_expired(env.later(DAY), 1000).await?, 10)
}

async fn purge_goes_by_the_expiry_of_the_last_write(env: &Env) -> Outcome {
    let store = env.store();
    let (longer, _) = env.create(&store, &env.record_for(MINUTE)).await?;
    let (shorter, _) = env.create(&store, &env.record_for(DAY)).await?;
    env.rewrite(&store, &longer, &env.record_for(DAY)).await?;
    env.rewrite(&store, &shorter, &env.record_for(MINUTE)).await?;
    same("purged", store.purge_expired(env.later(HOUR), 1000).await?, 1)?;
    absent(&store, &shorter).await?;
    present(&store, &longer, &env.record_for(DAY)).await.map(drop)
}

async fn purged_keys_are_free(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_for(MINUTE)).await?;
    store.purge_expired(env.later(HOUR), 1000).await?;
    absent(&store, &key).await?;
    let version = store.write(&key, env.record_for(DAY), WriteMode::Create).await?;
    same("purged", store.purge_expired(env.later(HOUR), 1000).await?, 0)?;
    unchanged(&store, &key, &env.record_for(DAY), &version).await
}

async fn purge_finds_the_expired_after_a_restart(env: &Env) -> Outcome {
    let store = env.store();
    fill(env, &store, 12, MINUTE).await?;
    fill(env, &store, 3, DAY).await?;
    let store = env.restart(store).await?;
    same("purged", store.purge_expired(env.later(HOUR), 1000).await?, 12)
}
