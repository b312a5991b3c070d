//! What is written is read, under its own key and no other.

use std::time::Duration;

use dancecard_core::{CodecTag, Meta, Record, RecordKey, Store, Timestamp, WriteMode};

use super::case::area;
use super::env::{DAY, Env, HOUR, MINUTE};
use super::expect::{absent, equal, present, same, unchanged};
use crate::failure::{Failure, Outcome};

area! {
    absent_is_none(One) = ABSENT;
    deleted_is_none(One) = ABSENT;
    bytes_round_trip_exactly(One) = ROUND_TRIP;
    bytes_round_trip_through_an_update(One) = ROUND_TRIP;
    meta_round_trips_to_the_millisecond(One) = ROUND_TRIP;
    meta_round_trips_through_an_update(One) = ROUND_TRIP;
    each_field_of_meta_stands_alone(One) = ROUND_TRIP;
    the_marker_of_an_ended_session_round_trips(One) = ROUND_TRIP;
    odd_moments_round_trip(One) = ROUND_TRIP;
    odd_texts_round_trip(One) = ROUND_TRIP;
    reading_changes_nothing(One) = ROUND_TRIP;
    keys_are_isolated(One) = BYTES;
    keys_of_every_length_are_told_apart(One) = BYTES;
    keys_are_bytes_not_text(One) = BYTES;
    delete_is_idempotent(One) = DELETE;
    delete_removes_only_its_key(One) = REMOVES;
    records_survive_a_restart(One, Reopen) = DURABLE;
    deletes_survive_a_restart(One, Reopen) = DURABLE;
    peers_see_the_same_records(One, Peer) = SHARED;
    health_is_good(One) = HEALTH;
}

async fn absent_is_none(env: &Env) -> Outcome {
    let store = env.store();
    absent(&store, &env.key()).await?;
    env.create(&store, &env.record("another")).await?;
    absent(&store, &env.key()).await
}

async fn deleted_is_none(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record("first")).await?;
    env.rewrite(&store, &key, &env.record("second")).await?;
    store.delete(&key).await?;
    absent(&store, &key).await
}

fn payloads(env: &Env) -> Vec<(&'static str, Vec<u8>)> {
    let mut random = env.generator();
    vec![
        ("no bytes", Vec::new()),
        ("one byte", vec![0xfe]),
        ("one zero", vec![0]),
        ("text", b"{\"a\":1}".to_vec()),
        ("not UTF-8", vec![0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80]),
        ("zeros at both ends", vec![0, 0, 1, 0, 0]),
        ("blanks and line ends", b" \r\n\ta \r\n".to_vec()),
        ("quotes", br#"'"\`;--$1?%_"#.to_vec()),
        ("all bytes", (0..=255).collect()),
        ("like an envelope", env.record("inner").to_envelope()),
        ("1 KiB", random.bytes(1024)),
        ("64 KiB", random.bytes(65_536)),
    ]
}

fn fits(env: &Env, payload: &[u8]) -> bool {
    env.capabilities().max_payload.is_none_or(|most| payload.len() <= most)
}

async fn bytes_round_trip_exactly(env: &Env) -> Outcome {
    let store = env.store();
    for (name, payload) in payloads(env).into_iter().filter(|(_, payload)| fits(env, payload)) {
        let record = env.record(&payload);
        let (key, _) = env.create(&store, &record).await.map_err(|failure| failure.at(name))?;
        present(&store, &key, &record).await.map_err(|failure| failure.at(name))?;
    }
    Ok(())
}

async fn bytes_round_trip_through_an_update(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record("to be changed")).await?;
    for (name, payload) in payloads(env).into_iter().filter(|(_, payload)| fits(env, payload)) {
        let record = env.record(&payload);
        env.rewrite(&store, &key, &record).await.map_err(|failure| failure.at(name))?;
        present(&store, &key, &record).await.map_err(|failure| failure.at(name))?;
    }
    Ok(())
}

/// Moments that are no whole seconds, so that none is rounded unseen; every field differs from every other.
fn rich(env: &Env) -> Meta {
    let at = |millis: u64| env.later(Duration::from_millis(millis));
    Meta::new(at(0).saturating_sub(Duration::from_millis(7_654_321)), at(3_599_999))
        .with_absolute_at(at(86_399_001))
        .with_renewed_at(at(0).saturating_sub(Duration::from_millis(1_234_567)))
        .with_idle(Some(Duration::from_secs(3601)))
        .with_codec(CodecTag(201))
        .with_principal(Some("alice@example.org".into()))
        .with_device(Some("Mozilla/5.0 (X11; Linux) “quoted”"), Some("2001:db8::1%eth0"))
}

async fn round_trips(env: &Env, meta: Meta) -> Outcome {
    let store = env.store();
    let record = Record::new(meta, b"{}".to_vec());
    let (key, _) = env.create(&store, &record).await?;
    present(&store, &key, &record).await.map(drop)
}

async fn meta_round_trips_to_the_millisecond(env: &Env) -> Outcome {
    round_trips(env, rich(env)).await
}

async fn meta_round_trips_through_an_update(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record_of("bob")).await?;
    let steps = [
        rich(env),
        env.meta(),
        rich(env).with_device(None, Some("192.0.2.1")),
        env.meta().into_retired(None),
    ];
    for (step, meta) in steps.into_iter().enumerate() {
        let record = Record::new(meta, b"{}".to_vec());
        env.rewrite(&store, &key, &record).await?;
        present(&store, &key, &record).await.map_err(|failure| failure.at(format!("update {}", step + 1)))?;
    }
    Ok(())
}

async fn each_field_of_meta_stands_alone(env: &Env) -> Outcome {
    let plain = Meta::new(env.now(), env.later(HOUR));
    let variants = [
        ("nothing optional", plain.clone()),
        ("absolute limit", plain.clone().with_absolute_at(env.later(DAY))),
        ("renewed", plain.clone().with_renewed_at(env.later(MINUTE))),
        ("idle", plain.clone().with_idle(Some(MINUTE))),
        ("codec 0", plain.clone().with_codec(CodecTag(0))),
        ("codec 255", plain.clone().with_codec(CodecTag(255))),
        ("principal", plain.clone().with_principal(Some("carol".into()))),
        ("user agent", plain.clone().with_device(Some("agent"), None)),
        ("address", plain.clone().with_device(None, Some("198.51.100.7"))),
        ("retired", plain.into_retired(None)),
    ];
    for (name, meta) in variants {
        round_trips(env, meta).await.map_err(|failure| failure.at(name))?;
    }
    Ok(())
}

async fn the_marker_of_an_ended_session_round_trips(env: &Env) -> Outcome {
    let foreign = RecordKey::new(&[7; 64]);
    for successor in [None, Some(env.key()), Some(foreign), Some(RecordKey::new(b"\0"))] {
        round_trips(env, rich(env).into_retired(successor)).await?;
    }
    Ok(())
}

async fn odd_moments_round_trip(env: &Env) -> Outcome {
    let epoch = Timestamp::from_millis(0);
    let before = Timestamp::from_millis(-86_400_001);
    let variants = [
        ("no limit at all", Meta::new(env.now(), Timestamp::MAX)),
        ("a limit at the beginning", Meta::new(env.now(), env.later(HOUR)).with_absolute_at(env.now())),
        ("begun at the epoch", Meta::new(epoch, env.later(HOUR))),
        ("begun before the epoch", Meta::new(before, env.later(HOUR)).with_renewed_at(before)),
        ("longest idle limit", Meta::new(env.now(), env.later(HOUR)).with_idle(Some(Duration::MAX))),
        (
            "begun in the future",
            Meta::new(env.later(MINUTE), env.later(HOUR)).with_renewed_at(env.later(DAY)),
        ),
    ];
    for (name, meta) in variants {
        round_trips(env, meta).await.map_err(|failure| failure.at(name))?;
    }
    Ok(())
}

async fn odd_texts_round_trip(env: &Env) -> Outcome {
    let long = "x".repeat(8192);
    for text in ["", " ", "a ", "\0", "a\0b", "'\"\\;--", "ß→日本語\u{301}", "\n\r\t", &long] {
        let meta = env.meta().with_device(Some(text), Some(text)).with_principal(Some(text.into()));
        let place = format!("a text of {} bytes", text.len());
        round_trips(env, meta).await.map_err(|failure| failure.at(place))?;
    }
    Ok(())
}

async fn reading_changes_nothing(env: &Env) -> Outcome {
    let store = env.store();
    let record = env.record("read often");
    let (key, version) = env.create(&store, &record).await?;
    for _ in 0..10 {
        unchanged(&store, &key, &record, &version).await?;
    }
    Ok(())
}

/// Writes a record of its own under each key, and reads all of them back.
async fn told_apart(env: &Env, keys: &[RecordKey]) -> Outcome {
    let store = env.store();
    let record = |index: usize| env.record(format!("record {index}"));
    for (index, key) in keys.iter().enumerate() {
        let place = || format!("key {index}, of {} bytes", key.as_bytes().len());
        absent(&store, key).await.map_err(|failure| failure.at(place()))?;
        let written = store.write(key, record(index), WriteMode::Create).await;
        written.map_err(|error| Failure::from(error).at(place()))?;
    }
    for (index, key) in keys.iter().enumerate() {
        let place = || format!("key {index}, of {} bytes", key.as_bytes().len());
        present(&store, key, &record(index)).await.map_err(|failure| failure.at(place()))?;
    }
    Ok(())
}

async fn keys_are_isolated(env: &Env) -> Outcome {
    told_apart(env, &env.keys(200)).await
}

/// Prefixes of one another, up to 64 bytes: profiles that share sessions with other frameworks bring such keys.
async fn keys_of_every_length_are_told_apart(env: &Env) -> Outcome {
    let whole = env.generator().bytes(64);
    let keys: Vec<_> =
        (1..=whole.len()).filter_map(|length| whole.get(..length)).map(RecordKey::new).collect();
    told_apart(env, &keys).await
}

async fn keys_are_bytes_not_text(env: &Env) -> Outcome {
    let odd: [&[u8]; 24] = [
        b"\0",
        b"\0\0",
        b"a",
        b"A",
        b"a\0",
        b"\0a",
        b"a\0b",
        b"a\0c",
        b"a ",
        b" a",
        b"a%",
        b"a_",
        b"%",
        b"_",
        b"*",
        b"'",
        b"\"",
        b"\\",
        b"..",
        b"/",
        b"a/b",
        b"\xff",
        b"\xff\xfe",
        b"\xc3\x28",
    ];
    told_apart(env, &odd.map(RecordKey::new)).await
}

async fn delete_is_idempotent(env: &Env) -> Outcome {
    let store = env.store();
    store
        .delete(&env.key())
        .await
        .map_err(|error| Failure::from(error).at("a key that was never written"))?;
    let (key, _) = env.create(&store, &env.record("once")).await?;
    for _ in 0..3 {
        store.delete(&key).await?;
        absent(&store, &key).await?;
    }
    Ok(())
}

async fn delete_removes_only_its_key(env: &Env) -> Outcome {
    let store = env.store();
    let keys = [&b"abc"[..], b"ab", b"abcd", b"ABC", b"abc\0"].map(RecordKey::new);
    for key in &keys {
        store.write(key, env.record("kept"), WriteMode::Create).await?;
    }
    let [gone, kept @ ..] = &keys;
    store.delete(gone).await?;
    absent(&store, gone).await?;
    for key in kept {
        present(&store, key, &env.record("kept")).await?;
    }
    Ok(())
}

async fn records_survive_a_restart(env: &Env) -> Outcome {
    let mut store = env.store();
    let records = [env.record("plain"), Record::new(rich(env), env.generator().bytes(5000)), env.record("")];
    let mut kept = Vec::new();
    for record in records {
        let (key, version) = env.create(&store, &record).await?;
        kept.push((key, record, version));
    }
    for round in 1..=3 {
        store = env.restart(store).await?;
        for (key, record, version) in &kept {
            let found = unchanged(&store, key, record, version).await;
            found.map_err(|failure| failure.at(format!("after restart {round}")))?;
        }
    }
    Ok(())
}

async fn deletes_survive_a_restart(env: &Env) -> Outcome {
    let store = env.store();
    let (key, _) = env.create(&store, &env.record("gone")).await?;
    store.delete(&key).await?;
    let store = env.restart(store).await?;
    absent(&store, &key).await
}

async fn peers_see_the_same_records(env: &Env) -> Outcome {
    let (here, there) = (env.store(), env.peer().await?);
    let (key, version) = env.create(&here, &env.record("from here")).await?;
    unchanged(&there, &key, &env.record("from here"), &version).await?;
    let newer = env.rewrite(&there, &key, &env.record("from there")).await?;
    unchanged(&here, &key, &env.record("from there"), &newer).await?;
    here.delete(&key).await?;
    absent(&there, &key).await
}

async fn health_is_good(env: &Env) -> Outcome {
    let store = env.store();
    store.health().await?;
    let (key, version) = env.create(&store, &env.record("beside")).await?;
    store.health().await?;
    let found = equal(store.load(&key).await?, &env.record("beside"))?;
    same("the version is kept:", *found.version() == version, true)
}
