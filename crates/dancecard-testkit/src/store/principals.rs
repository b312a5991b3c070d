//! Whose records: the index and how it keeps up.

use dancecard_core::{ListQuery, Meta, Principal, Record, RecordKey, SharedStore, Store, WriteMode};

use super::case::area;
use super::env::{Env, HOUR, MINUTE};
use super::expect::{conflicts, lists_of, same, same_meta, that};
use super::poll::next;
use crate::failure::{Failure, Outcome};

area! {
    a_principal_without_records_lists_nothing(One, PrincipalIndex) = LIST_OF;
    a_principal_lists_all_its_records(One, PrincipalIndex) = LIST_OF;
    principals_are_told_apart_exactly(One, PrincipalIndex) = LIST_OF;
    records_without_a_principal_are_nobodys(One, PrincipalIndex) = LIST_OF;
    entries_of_a_principal_carry_the_facts(One, PrincipalIndex) = LIST_OF;
    the_index_follows_a_sign_in(One, PrincipalIndex) = LIST_OF;
    the_index_follows_a_change_of_principal(One, PrincipalIndex) = LIST_OF;
    the_index_follows_a_sign_out(One, PrincipalIndex) = LIST_OF;
    the_index_follows_a_delete(One, PrincipalIndex) = LIST_OF;
    the_index_follows_a_recreation(One, PrincipalIndex) = LIST_OF;
    the_index_follows_a_retirement(One, PrincipalIndex) = LIST_OF;
    the_index_follows_a_purge(One, PrincipalIndex, NoNativeExpiry) = LIST_OF;
    the_index_follows_an_overwrite(One, PrincipalIndex) = LIST_OF;
    the_index_keeps_a_touched_record(One, PrincipalIndex, Touch) = LIST_OF;
    the_index_survives_a_restart(One, PrincipalIndex, Reopen) = DURABLE;
    the_index_is_shared_with_peers(One, PrincipalIndex, Peer) = SHARED;
    what_is_listed_can_be_ended_meanwhile(One, PrincipalIndex) = LIST_OF;
    a_listing_of_a_principal_may_be_dropped(One, PrincipalIndex) = BEGUN;
    three_hundred_records_of_one_principal(One, PrincipalIndex) = LIST_OF;
}

/// Names that a careless filter takes for one another, or for something else.
fn names() -> Vec<String> {
    let plain = [
        "",
        " ",
        "a",
        "A",
        "a ",
        " a",
        "ab",
        "abc",
        "b",
        "a%",
        "a_",
        "%",
        "_",
        "*",
        "a*",
        "?",
        "[a]",
        "'",
        "''",
        "\"",
        "a'b",
        "' OR '1'='1",
        "a;--",
        "\\",
        "\\%",
        "a\\",
        "a\nb",
        "a\0",
        "a\0b",
        "\0",
        "null",
        "NULL",
        "0",
        "1",
        "1.0",
        "01",
        "é",
        "e\u{301}",
        "É",
        "ß",
        "ss",
        "日本",
        "日本語",
        "\u{1f600}",
        "{a}",
        "a:b",
        "a/b",
        "a|b",
        "true",
    ];
    let long = [
        ("x".repeat(255)),
        ("x".repeat(256)),
        ("x".repeat(4096)),
        ("x".repeat(4095) + "y"),
        ("é".repeat(2048)),
    ];
    plain.map(String::from).into_iter().chain(long).collect()
}

async fn a_principal_without_records_lists_nothing(env: &Env) -> Outcome {
    let store = env.store();
    lists_of(&store, "nobody", []).await?;
    env.create(&store, &env.record_of("somebody")).await?;
    lists_of(&store, "nobody", []).await.map(drop)
}

async fn a_principal_lists_all_its_records(env: &Env) -> Outcome {
    let store = env.store();
    let (mut alices, mut bobs) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        alices.push(env.create(&store, &env.record_of("alice")).await?.0);
        bobs.push(env.create(&store, &env.record_of("bob")).await?.0);
        lists_of(&store, "alice", &alices).await?;
        lists_of(&store, "bob", &bobs).await?;
    }
    Ok(())
}

async fn principals_are_told_apart_exactly(env: &Env) -> Outcome {
    let store = env.store();
    let names = names();
    let mut keys = Vec::new();
    for name in &names {
        let place = format!("signing in a principal of {} bytes", name.len());
        keys.push(env.create(&store, &env.record_of(name)).await.map_err(|failure| failure.at(place))?.0);
    }
    for (name, key) in names.iter().zip(&keys) {
        lists_of(&store, name, [key]).await?;
    }
    Ok(())
}

async fn records_without_a_principal_are_nobodys(env: &Env) -> Outcome {
    let store = env.store();
    env.create(&store, &env.record("nobody's")).await?;
    let (key, _) = env.create(&store, &env.record_of("alice")).await?;
    lists_of(&store, "alice", [&key]).await?;
    lists_of(&store, "", []).await?;
    lists_of(&store, "null", []).await.map(drop)
}

async fn entries_of_a_principal_carry_the_facts(env: &Env) -> Outcome {
    let store = env.store();
    let record = Record::new(
        env.meta().with_principal(Some("erin".into())).with_device(Some("agent"), Some("192.0.2.3")),
        b"data".to_vec(),
    );
    let (key, version) = env.create(&store, &record).await?;
    for entry in lists_of(&store, "erin", [&key]).await? {
        same_meta(&entry.meta, &record.meta)?;
        that(entry.version == version, "the present version", "another")?;
    }
    Ok(())
}

async fn the_index_follows_a_sign_in(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record("a visitor")).await?;
    env.rewrite(&store, &key, &env.record_of("alice")).await?;
    lists_of(&store, "alice", [&key]).await.map(drop)
}

async fn the_index_follows_a_change_of_principal(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_of("alice")).await?;
    let mut before = "alice";
    for name in ["bob", "alice", "alicea", "a"] {
        env.rewrite(&store, &key, &env.record_of(name)).await?;
        lists_of(&store, name, [&key]).await?;
        lists_of(&store, before, []).await?;
        before = name;
    }
    Ok(())
}

async fn the_index_follows_a_sign_out(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_of("alice")).await?;
    let (other, _) = env.create(&store, &env.record_of("alice")).await?;
    env.rewrite(&store, &key, &env.record("nobody's now")).await?;
    lists_of(&store, "alice", [&other]).await.map(drop)
}

async fn the_index_follows_a_delete(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_of("alice")).await?;
    let (other, _) = env.create(&store, &env.record_of("alice")).await?;
    store.delete(&key).await?;
    lists_of(&store, "alice", [&other]).await?;
    store.delete(&other).await?;
    lists_of(&store, "alice", []).await.map(drop)
}

async fn the_index_follows_a_recreation(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_of("alice")).await?;
    store.delete(&key).await?;
    store.write(&key, env.record_of("bob"), WriteMode::Create).await?;
    lists_of(&store, "alice", []).await?;
    lists_of(&store, "bob", [&key]).await.map(drop)
}

/// The marker that an ended session leaves behind belongs to nobody.
async fn the_index_follows_a_retirement(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_of("alice")).await?;
    let marker = Record::new(env.record_of("alice").meta.into_retired(Some(env.key())), Vec::new());
    env.rewrite(&store, &key, &marker).await?;
    lists_of(&store, "alice", []).await.map(drop)
}

async fn the_index_follows_a_purge(env: &Env) -> Outcome {
    let store = env.store();
    let of_alice = |life| Meta::new(env.now(), env.later(life)).with_principal(Some("alice".into()));
    env.create(&store, &Record::new(of_alice(MINUTE), Vec::new())).await?;
    let (kept, _) = env.create(&store, &Record::new(of_alice(2 * HOUR), Vec::new())).await?;
    same("purged", store.purge_expired(env.later(HOUR), 10).await?, 1)?;
    lists_of(&store, "alice", [&kept]).await.map(drop)
}

async fn the_index_follows_an_overwrite(env: &Env) -> Outcome {
    let store = env.store();
    let key = env.key();
    for name in ["alice", "bob"] {
        store.write(&key, env.record_of(name), WriteMode::Overwrite).await?;
        lists_of(&store, name, [&key]).await?;
    }
    lists_of(&store, "alice", []).await.map(drop)
}

async fn the_index_keeps_a_touched_record(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_of("alice")).await?;
    store.touch(&key, env.later(3 * HOUR)).await?;
    store.purge_expired(env.later(2 * HOUR), 10).await?;
    for entry in lists_of(&store, "alice", [&key]).await? {
        let touched = env.later(3 * HOUR).as_millis();
        same("expires_at (ms)", entry.meta.expires_at().as_millis(), touched)?;
    }
    Ok(())
}

async fn the_index_survives_a_restart(env: &Env) -> Outcome {
    let store = env.store();
    let (alices, _) = env.create(&store, &env.record_of("alice")).await?;
    let (bobs, _) = env.create(&store, &env.record_of("alice")).await?;
    env.rewrite(&store, &bobs, &env.record_of("bob")).await?;
    let store = env.restart(store).await?;
    lists_of(&store, "alice", [&alices]).await?;
    lists_of(&store, "bob", [&bobs]).await.map(drop)
}

async fn the_index_is_shared_with_peers(env: &Env) -> Outcome {
    let (here, there) = (env.store(), env.peer().await?);
    let (key, _) = env.create(&here, &env.record_of("alice")).await?;
    lists_of(&there, "alice", [&key]).await?;
    env.rewrite(&there, &key, &env.record_of("bob")).await?;
    lists_of(&here, "alice", []).await?;
    lists_of(&here, "bob", [&key]).await.map(drop)
}

/// A record of the principal per key, and one under another key that must not be hit.
async fn sign_in(env: &Env, store: &SharedStore, count: usize) -> Outcome<Vec<RecordKey>> {
    env.create(store, &env.record_of("mallory")).await?;
    let keys = env.keys(count);
    for key in &keys {
        store.write(key, env.record_of("alice"), WriteMode::Create).await?;
    }
    Ok(keys)
}

async fn what_is_listed_can_be_ended_meanwhile(env: &Env) -> Outcome {
    let store = env.store();
    let keys = sign_in(env, &store, 40).await?;
    let mut stream = store.list(ListQuery::of(Principal::new("alice")));
    let mut ended = 0;
    while let Some(entry) = next(&mut stream).await {
        let entry = entry?;
        store.delete(&entry.key).await?;
        ended += 1;
        if store.capabilities().conditional_write.is_supported() {
            let update = WriteMode::Update(entry.version);
            conflicts(store.write(&entry.key, env.record_of("alice"), update).await)?;
        }
    }
    same("records listed and ended", ended, keys.len())?;
    lists_of(&store, "alice", []).await.map(drop)
}

async fn a_listing_of_a_principal_may_be_dropped(env: &Env) -> Outcome {
    let store = env.store();
    let keys = sign_in(env, &store, 10).await?;
    for round in 0..200 {
        let mut stream = store.list(ListQuery::of(Principal::new("alice")));
        if round % 2 == 0 {
            let item = next(&mut stream).await.transpose()?;
            item.ok_or_else(|| Failure::new("an item", "none"))?;
        }
        drop(stream);
        env.rewrite(&store, &keys[round % keys.len()], &env.record_of("alice")).await?;
    }
    lists_of(&store, "alice", &keys).await.map(drop)
}

async fn three_hundred_records_of_one_principal(env: &Env) -> Outcome {
    let store = env.store();
    let keys = sign_in(env, &store, 300).await?;
    lists_of(&store, "alice", &keys).await?;
    let (gone, kept) = keys.split_at(150);
    for key in gone {
        store.delete(key).await?;
    }
    lists_of(&store, "alice", kept).await?;
    if store.capabilities().list.is_supported() {
        let entries = env.listed(&store, ListQuery::all()).await?;
        same("records listed in all", entries.len(), kept.len() + 1)?;
    }
    let (key, _) = env.create(&store, &env.record_of("alice")).await?;
    lists_of(&store, "alice", kept.iter().chain([&key])).await?;
    let mallorys = env.listed(&store, ListQuery::of(Principal::new("mallory"))).await?;
    same("records of another principal", mallorys.len(), 1)
}
