//! Data that nobody's session ever was, in the engine: an error of its kind, soon, and they stay as they are.

use std::time::{Duration, Instant};

use dancecard::codec::{Compressed, MessagePackCodec, YamlCodec};
use dancecard::{
    Clock, CodecTag, ErrorKind, JsonCodec, Meta, Record, SessionId, SessionManager, SharedStore, Store,
    SystemClock, WriteMode,
};

/// For a visit that reads and one that writes; far less than what no bound would mean.
const PATIENCE: Duration = Duration::from_secs(60);
const DEEP: usize = 60_000;

fn payloads() -> Vec<(&'static str, CodecTag, Vec<u8>)> {
    let mut laughs = String::from("a0: &a0 [secret,x,x,x,x,x,x,x,x,x]\n");
    (1..10).for_each(|n| laughs += &format!("a{n}: &a{n} [{}]\n", format!("*a{},", n - 1).repeat(10)));
    let json = |text: String| text.into_bytes();
    let lz4 = |length: [u8; 4]| [&[1, CodecTag::JSON.0][..], &length, b"secret"].concat();
    vec![
        ("lists in lists", CodecTag::JSON, json(format!("{{\"count\":{}", "[".repeat(DEEP)))),
        ("truncated", CodecTag::JSON, json("{\"count\":1,\"secret\":\"a".to_owned())),
        ("not a table", CodecTag::JSON, json("[\"secret\"]".to_owned())),
        ("another form's", CodecTag::MESSAGE_PACK, json("{\"count\":1}".to_owned())),
        ("four thousand million members", CodecTag::MESSAGE_PACK, vec![0xdf, 0xff, 0xff, 0xff, 0xff]),
        ("four gigabytes of text", CodecTag::MESSAGE_PACK, b"\x81\xa1a\xdb\xff\xff\xff\xffsecret".to_vec()),
        ("maps in maps", CodecTag::MESSAGE_PACK, b"\x81\xa1a".repeat(DEEP / 3)),
        ("a thousand million laughs", CodecTag::YAML, laughs.into_bytes()),
        ("blocks in blocks", CodecTag::YAML, json(format!("a: {}", "[".repeat(DEEP)))),
        ("four gigabytes, compressed", CodecTag::COMPRESSED, lz4([0xff; 4])),
        ("cut, compressed", CodecTag::COMPRESSED, lz4([200, 0, 0, 0])),
        ("nothing, encrypted", CodecTag::ENCRYPTED, Vec::new()),
        ("a form that is none", CodecTag(127), b"secret".to_vec()),
    ]
}

fn manager(store: SharedStore) -> SessionManager {
    SessionManager::new(store)
        .with_codec(YamlCodec)
        .with_codec(MessagePackCodec)
        .with_codec(Compressed::new(JsonCodec))
        .with_codec(JsonCodec)
}

pub(super) async fn are_refused_and_left_alone(store: &SharedStore) {
    let (manager, now) = (manager(store.clone()), SystemClock.now());
    for (number, (name, tag, payload)) in (100..).zip(payloads()) {
        let id = SessionId::from_bytes([number; 32]);
        let meta = Meta::new(now, now.saturating_add(Duration::from_secs(3600))).with_codec(tag);
        store.write(&id.key(""), Record::new(meta, payload.clone()), WriteMode::Create).await.unwrap();
        let visit = || manager.open([id.token().as_str().as_bytes()]);
        let begun = Instant::now();
        let read = visit().get::<i64>("count").await.expect_err(name);
        let session = visit();
        session.set("count", 2).unwrap();
        let written = manager.commit(&session).await.expect_err(name);
        assert!(begun.elapsed() < PATIENCE, "{name}: {:?}", begun.elapsed());
        for error in [read, written] {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}: {error}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{name}: {error}");
        }
        let stored = store.load(&id.key("")).await.unwrap().unwrap();
        assert_eq!(stored.payload(), payload, "{name}: it is no longer what it was");
        assert_eq!(stored.meta().codec(), tag, "{name}");
        // It can be ended, unread.
        let session = visit();
        session.destroy().unwrap();
        manager.commit(&session).await.unwrap();
        assert!(visit().get::<i64>("count").await.unwrap().is_none(), "{name}: it is still there");
    }
}
