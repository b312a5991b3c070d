//! The worked examples of `docs/spec`, byte by byte.

use std::time::Duration;

use dancecard::{
    JsonCodec, MemoryStore, Meta, Record, RecordKey, SessionId, SessionManager, Store, Timestamp, TokenAction,
};

trials! {
    the_envelope_is_as_specified,
    the_document_is_as_specified,
    #[cfg(feature = "codec")]
    the_codecs_are_as_specified,
    plain_json_is_read_too,
}

/// The bytes of a `hex` block: pairs of digits before the first `;` of each line.
fn bytes_in(page: &str, heading: &str) -> Vec<u8> {
    let text = page.split(heading).nth(1).unwrap_or_else(|| panic!("no heading `{heading}`"));
    let block =
        text.split("```hex\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of hex");
    let digits = block.lines().map(|line| line.split(';').next().unwrap_or_default());
    let pairs = digits.flat_map(str::split_whitespace);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("`{pair}` is not a byte")))
        .collect()
}

const ENVELOPE: &str = include_str!("../../../../docs/spec/envelope.md");
const DOCUMENT: &str = include_str!("../../../../docs/spec/document.md");
#[cfg(feature = "codec")]
const CODECS: &str = include_str!("../../../../docs/spec/codecs.md");
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn check_meta(heading: &str, meta: &Meta) {
    let mut bytes = Vec::new();
    meta.encode(&mut bytes);
    assert_eq!(bytes_in(ENVELOPE, heading), bytes, "{heading}");
    let (read, length) = Meta::decode(&bytes).unwrap();
    assert!(read == *meta && length == bytes.len());
}

async fn the_envelope_is_as_specified() {
    let hour = Duration::from_secs(3600);
    let ada = Meta::new(START, START.saturating_add(hour))
        .with_absolute_at(START.saturating_add(24 * hour))
        .with_idle(Some(hour))
        .with_principal(Some("ada".into()))
        .with_device(Some("lynx"), None);
    check_meta("## A signed-in session", &ada);
    let marker = Meta::new(START, START.saturating_add(Duration::from_secs(60)))
        .with_absolute_at(START)
        .into_retired(Some(RecordKey::new(&[0xab, 0xcd])));
    check_meta("## A marker", &marker);
}

async fn the_document_is_as_specified() {
    let wanted = bytes_in(DOCUMENT, "## A document");
    let manager = SessionManager::new(MemoryStore::new()).with_codec(JsonCodec);
    let session = manager.open([]);
    session.set("cart", [1, 2]).unwrap();
    session.set("user", "ada").unwrap();
    let TokenAction::Set { token, .. } = manager.commit(&session).await.unwrap().token else { panic!() };
    let key = SessionId::parse(token.as_str().as_bytes()).unwrap().key("");
    let stored = manager.store().load(&key).await.unwrap().unwrap();
    assert_eq!(stored.payload(), wanted);
}

/// The payload that a codec makes of the session of `codecs.md`.
#[cfg(feature = "codec")]
async fn coded(codec: impl dancecard::Codec) -> Vec<u8> {
    let manager = SessionManager::new(MemoryStore::new()).with_codec(codec);
    let session = manager.open([]);
    let cart = serde_json::value::RawValue::from_string("[1,2.5,1e400]".into()).unwrap();
    session.set("cart", cart).unwrap();
    session.set("user", "ada").unwrap();
    let TokenAction::Set { token, .. } = manager.commit(&session).await.unwrap().token else { panic!() };
    let key = SessionId::parse(token.as_str().as_bytes()).unwrap().key("");
    manager.store().load(&key).await.unwrap().unwrap().payload().to_vec()
}

#[cfg(feature = "codec")]
async fn the_codecs_are_as_specified() {
    use dancecard::codec::{Compressed, Encrypted, MessagePackCodec, YamlCodec};
    use dancecard::seal::{Key, KeyRing};

    let packed = bytes_in(CODECS, "## MessagePack");
    assert_eq!(coded(MessagePackCodec).await, packed);
    let yaml = CODECS.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(String::from_utf8(coded(YamlCodec).await).unwrap(), yaml);

    let as_it_is = [&[0, 2][..], &packed].concat();
    assert_eq!(coded(Compressed::new(MessagePackCodec)).await, as_it_is);
    let ring = KeyRing::new([Key::random().unwrap()]).unwrap();
    let sealed = coded(Encrypted::new(MessagePackCodec, &ring, "shop")).await;
    let plain = ring.sealer("payload", "shop").open(&[], &sealed).unwrap().plain;
    assert_eq!(plain, [&[2][..], &packed].concat());
    assert_eq!(sealed.len(), packed.len() + 46);
}

async fn plain_json_is_read_too() {
    let store = MemoryStore::new();
    let id = SessionId::from_bytes([7; 32]);
    let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX);
    let record = Record::new(meta, br#" {"user": "ada", "cart": [1,2]} "#.to_vec());
    store.write(&id.key(""), record, dancecard::WriteMode::Create).await.unwrap();
    let session = SessionManager::new(store).open([id.token().as_str().as_bytes()]);
    assert_eq!(session.get::<String>("user").await.unwrap().as_deref(), Some("ada"));
}
