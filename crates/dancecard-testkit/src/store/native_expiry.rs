//! An engine that drops expired records by itself does so, in real time, and drops nothing else.

use std::time::Duration;

use dancecard_core::{Clock, Meta, Record, RecordKey, Store, SystemClock, Timestamp, WriteMode};

use super::case::area;
use super::env::{Env, HOUR};
use super::expect::{absent, that};
use super::expiring::Expiring;
use crate::failure::Outcome;

/// How long records live that are to be gone soon.
const MOMENT: Duration = Duration::from_millis(200);
/// The time between two looks at the server.
const PAUSE: Duration = Duration::from_millis(20);

area! {
    the_expired_is_dropped_and_nothing_else(One, NativeExpiry) = BY_ITSELF;
}

async fn the_expired_is_dropped_and_nothing_else(env: &Env) -> Outcome {
    let expiring = env.expiring().await?;
    let mut stay = vec![created(env, &expiring, env.record_for(HOUR)).await?];
    stay.push(in_time(env, &expiring, Change::Write).await?);
    if expiring.store.capabilities().touch.is_supported() {
        stay.push(in_time(env, &expiring, Change::Touch).await?);
    }
    let shortened = created(env, &expiring, env.record_for(HOUR)).await?;
    let end = SystemClock.now().saturating_add(MOMENT);
    env.rewrite(&expiring.store, &shortened, &until(end)).await?;
    let brief = created(env, &expiring, until(end)).await?;
    for key in [&brief, &shortened] {
        goes(&expiring, key, end).await?;
    }
    for key in &stay {
        that(expiring.holds(key).await?, "a record that lives on the server", "none")?;
        that(expiring.store.load(key).await?.is_some(), "a record that lives", "none")?;
    }
    Ok(())
}

fn until(end: Timestamp) -> Record {
    Record::new(Meta::new(SystemClock.now(), end), b"{}".to_vec())
}

async fn created(env: &Env, expiring: &Expiring, record: Record) -> Outcome<RecordKey> {
    Ok(env.create(&expiring.store, &record).await?.0)
}

/// What lets a record live longer.
#[derive(Clone, Copy)]
enum Change {
    Write,
    Touch,
}

/// A record that was to end in a moment, and was given an hour before that. Where a busy machine was too late, another one.
async fn in_time(env: &Env, expiring: &Expiring, change: Change) -> Outcome<RecordKey> {
    let store = &expiring.store;
    let mut life = MOMENT;
    loop {
        let (key, end) = (env.key(), SystemClock.now().saturating_add(life));
        store.write(&key, until(end), WriteMode::Create).await?;
        let changed = match change {
            Change::Write => env.rewrite(store, &key, &env.record_for(HOUR)).await.map(|_| true),
            Change::Touch => store.touch(&key, env.later(HOUR)).await.map_err(Into::into),
        };
        if SystemClock.now() < end {
            that(changed?, "a record to touch", "none")?;
            return Ok(key);
        }
        life *= 2;
    }
}

/// Waits until the server has let go of a record, which must not be before its end.
async fn goes(expiring: &Expiring, key: &RecordKey, end: Timestamp) -> Outcome {
    let last = end.saturating_add(expiring.within);
    while expiring.holds(key).await? {
        let late = format!("a record {} ms after its end", expiring.within.as_millis());
        that(SystemClock.now() < last, "nothing on the server", late)?;
        tokio::time::sleep(PAUSE).await;
    }
    that(SystemClock.now() >= end, "a record until its end", "none before it")?;
    absent(&expiring.store, key).await
}
