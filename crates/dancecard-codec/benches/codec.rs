//! What a session costs in each form: room, opening it for a read, and a write that changes one key.
//!
//! `cargo bench -p dancecard-codec`. Times are the best of several rounds, on this thread alone, engine in memory.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dancecard_codec::{Compressed, Encrypted, MessagePackCodec, SharedCodec, YamlCodec};
use dancecard_core::{
    Codec, JsonCodec, MemoryStore, SessionId, SessionManager, SharedStore, Store, Token, TokenAction,
};
use dancecard_seal::{Key, KeyRing};
use serde_json::json;

const ROUNDS: usize = 7;

fn codecs() -> Vec<(&'static str, SharedCodec)> {
    let keys = KeyRing::new([Key::random().unwrap()]).unwrap();
    vec![
        ("JSON", Arc::new(JsonCodec)),
        ("MessagePack", Arc::new(MessagePackCodec)),
        ("YAML", Arc::new(YamlCodec)),
        ("JSON, compressed", Arc::new(Compressed::new(JsonCodec).with_threshold(512))),
        ("MessagePack, compressed", Arc::new(Compressed::new(MessagePackCodec).with_threshold(512))),
        ("JSON, encrypted", Arc::new(Encrypted::new(JsonCodec, &keys, "bench"))),
        ("MessagePack, compressed, encrypted", {
            Arc::new(Encrypted::new(Compressed::new(MessagePackCodec).with_threshold(512), &keys, "bench"))
        }),
    ]
}

/// What a site keeps about a visitor: about a kilobyte of JSON for each profile.
fn profile(number: u32) -> serde_json::Value {
    let item = |n: u32| {
        let title = format!("a pair of dancing shoes, number {}, in black", n + 31 * number);
        json!({"sku": 10_000 + n * 7 + number, "title": title, "quantity": n, "price": 49.5})
    };
    json!({
        "name": "Ada Example", "email": format!("ada{number}@example.org"),
        "roles": ["customer", "reviewer", "newsletter", "early-access"],
        "address": {"city": "Exampleton", "country": "EX", "street": "12 Sample Street", "zip": "12345"},
        "recent": (1..=7).map(item).collect::<Vec<_>>(),
        "limits": {"daily": 5, "monthly": 50, "yearly": 500},
        "newsletter": true, "score": 0.75,
    })
}

async fn begin(manager: &SessionManager, profiles: u32) -> Token {
    let session = manager.open([]);
    session.set("count", 0).unwrap();
    (0..profiles).for_each(|number| session.set(&format!("profile{number}"), profile(number)).unwrap());
    match manager.commit(&session).await.unwrap().token {
        TokenAction::Set { token, .. } => token,
        other => unreachable!("{other:?}"),
    }
}

async fn payload(store: &SharedStore, token: &Token) -> Vec<u8> {
    let key = SessionId::parse(token.as_str().as_bytes()).unwrap().key("");
    store.load(&key).await.unwrap().unwrap().payload().to_vec()
}

fn best(times: usize, mut round: impl FnMut()) -> Duration {
    let mut timed = || {
        let begin = Instant::now();
        (0..times).for_each(|_| round());
        begin.elapsed()
    };
    (0..ROUNDS).map(|_| timed()).min().unwrap_or_default() / u32::try_from(times).unwrap()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (profiles, times) in [(1, 2_000), (64, 50)] {
        println!("\n| {profiles} x 1 KiB | bytes | open, µs | write one key, µs |\n|---|---:|---:|---:|");
        for (name, codec) in codecs() {
            let store = SharedStore::new(MemoryStore::new());
            let manager = SessionManager::new(store.clone()).with_codec(codec.clone());
            let token = runtime.block_on(begin(&manager, profiles));
            let payload = runtime.block_on(payload(&store, &token));
            let opening = best(times, || drop(black_box(codec.open(black_box(&payload)))));
            let writing = best(times, || {
                runtime.block_on(async {
                    let session = manager.open([token.as_str().as_bytes()]);
                    session.update("count", |count: &mut u32| *count += 1).unwrap();
                    manager.commit(&session).await.unwrap();
                });
            });
            let micros = |time: Duration| time.as_nanos() as f64 / 1000.0;
            println!("| {name} | {} | {:.1} | {:.1} |", payload.len(), micros(opening), micros(writing));
        }
    }
}
