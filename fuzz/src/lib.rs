//! What the targets hold any bytes against.

use std::future::Future;
use std::sync::Arc;

use dancecard_codec::{Compressed, Encrypted, MessagePackCodec, SharedCodec, YamlCodec};
use dancecard_core::{
    Codec, CodecTag, ErrorKind, JsonCodec, MemoryStore, Meta, Record, Session, SessionId, SessionManager,
    Store, Timestamp, TokenAction, WriteMode,
};
use dancecard_seal::{Key, KeyRing};
use serde_json::value::RawValue;

pub mod config;
pub mod stored;

/// Opens a payload. What opens has keys, and each a value that is one JSON value; it is not much longer than it was.
pub fn open(codec: &dyn Codec, payload: &[u8], times: usize) {
    let opened = match codec.open(payload) {
        Ok(opened) => opened.unwrap_or_else(|| payload.to_vec()),
        Err(error) => return assert_eq!(error.kind(), ErrorKind::Corrupt),
    };
    assert!(opened.len() <= times * payload.len() + 64, "{} of {}", opened.len(), payload.len());
    // Members of JSON are passed over unread: what is damaged in them shows when they are used.
    if opened.last() == Some(&CodecTag::JSON.0) {
        return;
    }
    for key in codec.keys(&opened).expect("keys") {
        let value = codec.find(&opened, &key).expect("a value").expect("a value for each key");
        serde_json::from_slice::<&RawValue>(&value).expect("JSON");
    }
}

/// Every form, encryption under a fixed key among them.
pub fn codecs() -> Vec<SharedCodec> {
    let key = Key::new(&(0..32).map(|n: u8| n.wrapping_mul(37)).collect::<Vec<_>>()).expect("a key");
    let ring = KeyRing::new([key]).expect("a ring");
    vec![
        Arc::new(JsonCodec),
        Arc::new(MessagePackCodec),
        Arc::new(YamlCodec),
        Arc::new(Compressed::new(MessagePackCodec).with_threshold(16)),
        Arc::new(Encrypted::new(Compressed::new(JsonCodec).with_threshold(16), &ring, "fuzz")),
    ]
}

/// Puts a payload under a key, and uses the session: it is refused and stays as it is, or it can be changed and read.
pub fn use_session(codec: SharedCodec, payload: &[u8]) {
    run(async {
        let (id, store) = (SessionId::from_bytes([7; 32]), MemoryStore::new());
        let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX).with_codec(codec.tag());
        let record = Record::new(meta, payload.to_vec());
        store.write(&id.key(""), record, WriteMode::Create).await.expect("planted");
        // Members of JSON are passed over unread, so damage within one is met by whoever reads it.
        let unread = codec.tag() == CodecTag::JSON || payload.get(1) == Some(&CodecTag::JSON.0);
        let manager = SessionManager::new(store).with_codec(codec);
        let visit = || manager.open([id.token().as_str().as_bytes()]);
        let session = visit();
        let keys = session.keys().await;
        session.set("new", "not there before").expect("a text");
        match (keys, manager.commit(&session).await) {
            (Ok(_), Ok(_)) => {
                assert_eq!(
                    visit().get::<String>("new").await.expect("read").as_deref(),
                    Some("not there before")
                )
            }
            (_, Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt);
                let stored = manager.store().load(&id.key("")).await.expect("loaded").expect("there");
                assert_eq!(stored.payload(), payload);
            }
            (Err(_), Ok(_)) if unread => {}
            (Err(error), Ok(_)) => panic!("not readable, and written over: {error}"),
        }
    });
}

/// Stores a JSON object in every form; what comes back is the same from all.
pub fn store_values(text: &str) {
    let Ok(object) = serde_json::from_str::<Vec<(String, Box<RawValue>)>>(text) else { return };
    let found = codecs().into_iter().map(|codec| run(stored(codec, &object)));
    let mut found = found.collect::<Vec<_>>().into_iter();
    // JSON keeps texts as they were spelled.
    let expected = found
        .next()
        .expect("a codec")
        .iter()
        .map(|(key, text)| (key.clone(), plain(text)))
        .collect::<Vec<_>>();
    for other in found {
        let other = other.iter().map(|(key, text)| (key.clone(), plain(text))).collect::<Vec<_>>();
        assert_eq!(other, expected);
    }
}

/// A value as serializers spell it: no space between its parts, texts with the escapes that are needed.
fn plain(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' { quoted(rest) } else { first.len_utf8() };
        let (part, after) = rest.split_at(length);
        match serde_json::from_str::<String>(part) {
            Ok(text) => out += &serde_json::to_string(&text).expect("a text"),
            Err(_) if part.trim().is_empty() => {}
            Err(_) => out += part,
        }
        rest = after;
    }
    out
}

/// The length of the JSON string that a text begins with.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

async fn stored(codec: SharedCodec, object: &[(String, Box<RawValue>)]) -> Vec<(String, String)> {
    let manager = SessionManager::new(MemoryStore::new()).with_codec(codec);
    let session = manager.open([]);
    object.iter().for_each(|(key, value)| session.set(key, value).expect("JSON"));
    let TokenAction::Set { token, .. } = manager.commit(&session).await.expect("stored").token else {
        return Vec::new();
    };
    values(&manager.open([token.as_str().as_bytes()])).await
}

async fn values(session: &Session) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for key in session.keys().await.expect("keys") {
        let value: Box<RawValue> = session.get(&key).await.expect("read").expect("there");
        found.push((key, value.get().to_owned()));
    }
    found.sort();
    found
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}
