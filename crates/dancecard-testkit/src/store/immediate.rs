//! Engines that also answer without a future: both ways lead to the same record.
//!
//! All other cases take the short way where there is one, as [`SharedStore`](dancecard_core::SharedStore) does.

use dancecard_core::{Store, WriteMode};

use super::case::area;
use super::concurrency::count;
use super::env::Env;
use super::expect::{absent, conflicts, lists_of, present, refused, unchanged};
use crate::failure::Outcome;

area! {
    both_ways_see_the_same_record(One, Immediate) = AT_ONCE;
    both_ways_compare_before_they_write(One, Immediate) = AT_ONCE;
    both_ways_keep_one_index(One, Immediate, PrincipalIndex) = AT_ONCE;
    racing_increments_both_ways_lose_nothing(Several, Immediate, ConditionalWrite) = AT_ONCE;
}

async fn both_ways_see_the_same_record(env: &Env) -> Outcome {
    let (store, waiting) = (env.store(), env.waiting()?);
    for (one, other) in [(&store, &waiting), (&waiting, &store)] {
        absent(one, &env.key()).await?;
        let record = env.record(env.generator().bytes(3000));
        let (key, version) = env.create(one, &record).await?;
        unchanged(one, &key, &record, &version).await?;
        unchanged(other, &key, &record, &version).await?;
        let version = env.rewrite(other, &key, &env.record("changed")).await?;
        unchanged(one, &key, &env.record("changed"), &version).await?;
        one.delete(&key).await?;
        absent(one, &key).await?;
        absent(other, &key).await?;
    }
    Ok(())
}

async fn both_ways_compare_before_they_write(env: &Env) -> Outcome {
    let compares = env.capabilities().conditional_write.is_supported();
    for store in [env.store(), env.waiting()?] {
        let (key, stale) = env.create(&store, &env.record("first")).await?;
        conflicts(store.write(&key, env.record("lost"), WriteMode::Create).await)?;
        env.rewrite(&store, &key, &env.record("second")).await?;
        for key in [&key, &env.key()] {
            let lost = store.write(key, env.record("lost"), WriteMode::Update(stale.clone())).await;
            if compares { conflicts(lost)? } else { refused(lost)? }
        }
        present(&store, &key, &env.record("second")).await?;
        store.write(&key, env.record("third"), WriteMode::Overwrite).await?;
        present(&store, &key, &env.record("third")).await?;
    }
    Ok(())
}

async fn both_ways_keep_one_index(env: &Env) -> Outcome {
    let (store, waiting) = (env.store(), env.waiting()?);
    let (key, _) = env.create(&store, &env.record_of("alice")).await?;
    let (other, _) = env.create(&waiting, &env.record_of("alice")).await?;
    lists_of(&store, "alice", [&key, &other]).await?;
    env.rewrite(&waiting, &key, &env.record_of("bob")).await?;
    env.rewrite(&store, &other, &env.record_of("bob")).await?;
    lists_of(&store, "alice", []).await?;
    lists_of(&store, "bob", [&key, &other]).await.map(drop)
}

async fn racing_increments_both_ways_lose_nothing(env: &Env) -> Outcome {
    count(env, [env.store(), env.waiting()?]).await
}
