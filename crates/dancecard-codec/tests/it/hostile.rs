//! Payloads that nobody's session ever was: an error in bounded time and memory, whatever they are.

use std::time::Duration;

use allocation_counter::measure;
use dancecard_codec::{Compressed, Encrypted, MessagePackCodec, YamlCodec};
use dancecard_core::{
    Codec, CodecTag, ErrorKind, JsonCodec, Meta, Outcome, Record, SessionId, SessionManager, Store,
    Timestamp, WriteMode,
};
use proptest::prelude::*;

use crate::world::*;

/// Memory at one time while a payload is opened, in bytes for each byte of it: what the codecs' documentation says.
const TIMES: usize = 24;
const YAML_TIMES: usize = 64;
/// What opening anything may take besides: the YAML parser's tables for the most part.
const BESIDES: usize = 128 * 1024;
/// Far more than the slowest case takes on a busy machine, and far less than what no bound would mean.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens a payload, and holds what that takes against what it may.
fn opened(name: &str, codec: &dyn Codec, payload: &[u8], bytes: usize) -> dancecard_core::Result<Vec<u8>> {
    let begun = std::time::Instant::now();
    let mut result = None;
    let info = measure(|| result = Some(codec.open(payload)));
    assert!(begun.elapsed() < PATIENCE, "{name}: {:?}", begun.elapsed());
    let times = if codec.tag() == CodecTag::YAML { YAML_TIMES } else { TIMES };
    let allowed = (times * bytes + BESIDES) as u64;
    println!("{name}: {} bytes, {} at one time, {} in all", payload.len(), info.bytes_max, info.bytes_total);
    assert!(info.bytes_max <= allowed, "{name}: {} bytes at one time, {allowed} allowed", info.bytes_max);
    assert!(info.bytes_total <= 8 * allowed, "{name}: {} bytes in all", info.bytes_total);
    result.unwrap().map(|opened| opened.unwrap_or_else(|| payload.to_vec()))
}

fn refused(name: &str, codec: &dyn Codec, payload: &[u8]) {
    let error = opened(name, codec, payload, payload.len()).map(drop).expect_err(name);
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}");
    assert!(!format!("{error} {error:?}").contains("secret"), "{name}: {error}");
}

fn packed(parts: &[&[u8]]) -> Vec<u8> {
    [&[0x81, 0xa1, b'a'][..], &parts.concat()].concat()
}

#[test]
fn message_pack_that_lies_is_refused() {
    let megabyte = 1 << 20;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("no map", vec![0x90]),
        ("a number", vec![1]),
        ("truncated map", vec![0x81]),
        ("truncated key", vec![0x81, 0xa9, b's', b'e']),
        ("truncated text", packed(&[&[0xd9, 200], b"secret"])),
        ("more behind the end", [&packed(&[&[1]])[..], b"secret"].concat()),
        ("a key that is a number", vec![0x81, 1, 1]),
        ("a key that is no text", vec![0x81, 0xa1, 0xff, 1]),
        ("a value that is no text", packed(&[&[0xa1, 0xff]])),
        ("bytes", packed(&[&[0xc4, 1, 0]])),
        ("a time", packed(&[&[0xd6, 0xff, 0, 0, 0, 0]])),
        ("the marker that is never used", packed(&[&[0xc1]])),
        ("not a number", packed(&[&[0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]])),
        ("endless", packed(&[&[0xca, 0x7f, 0x80, 0, 0]])),
        ("four thousand million members", vec![0xdf, 0xff, 0xff, 0xff, 0xff]),
        ("four thousand million items", packed(&[&[0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0]])),
        ("four gigabytes of text", packed(&[&[0xdb, 0xff, 0xff, 0xff, 0xff], b"secret"])),
        ("four gigabytes of JSON", packed(&[&[0xc9, 0xff, 0xff, 0xff, 0xff, 74], b"secret"])),
        ("lists in lists", packed(&[&vec![0x91; megabyte], &[0xc0]])),
        ("maps in maps", packed(&[&b"\x81\xa1a".repeat(megabyte / 3), &[0xc0]])),
        ("lists of the same", packed(&[&[0xdc, 0xff, 0xff].repeat(megabyte / 3)])),
        ("another extension", packed(&[&[0xd4, 75, b'1']])),
        ("JSON that is none", packed(&[&[0xd6, 74], b"secr"])),
        ("JSON of two values", packed(&[&[0xd6, 74], b"1,\"\""])),
        ("JSON and space", packed(&[&[0xd5, 74], b"1 "])),
        ("no JSON at all", packed(&[&[0xc7, 0, 74]])),
    ];
    for (name, payload) in cases {
        refused(name, &MessagePackCodec, &payload);
    }
}

/// What each byte becomes is bounded, however unlucky the bytes.
#[test]
fn message_pack_that_expands_does_so_in_bounds() {
    let many = 100_000u32;
    let list = |item: &[u8]| packed(&[&[0xdd], &many.to_be_bytes(), &item.repeat(many as usize)]);
    let unlucky_float = [&[0xca][..], &(-1.175_494_4e-38_f32).to_be_bytes()].concat();
    let keys: Vec<u8> = (0..many / 2)
        .flat_map(|n| [&[0xa4][..], &n.to_be_bytes().map(|b| b & 0x7f), &[0xc0]].concat())
        .collect();
    for (name, payload) in [
        ("nulls", list(&[0xc0])),
        ("falses", list(&[0xc2])),
        ("short floats", list(&unlucky_float)),
        ("empty texts", list(&[0xa0])),
        ("control characters", packed(&[&[0xdb], &many.to_be_bytes(), &vec![0; many as usize]])),
        ("empty keys", [&[0xdf][..], &many.to_be_bytes(), &[0xa0, 0xc0].repeat(many as usize)].concat()),
        ("short keys", [&[0xdf][..], &(many / 2).to_be_bytes(), &keys].concat()),
    ] {
        let text = opened(name, &MessagePackCodec, &payload, payload.len()).unwrap();
        assert!(text.len() <= 9 * payload.len(), "{name}: {} of {}", text.len(), payload.len());
    }
}

#[test]
fn yaml_that_is_more_than_it_seems_is_refused() {
    let mut laughs = String::from("a0: &a0 [secret,x,x,x,x,x,x,x,x,x]\n");
    (1..10).for_each(|n| laughs += &format!("a{n}: &a{n} [{}]\n", format!("*a{},", n - 1).repeat(10)));
    let long = "x".repeat(100_000);
    let cases: Vec<(&str, String)> = vec![
        ("nothing", String::new()),
        ("a word", "secret".into()),
        ("a list", "- secret".into()),
        ("null", "~".into()),
        ("a thousand million laughs", laughs),
        ("one alias of a long text", format!("a: &a {long}\nb: {}", "*a,".repeat(10))),
        ("an alias", "a: &a secret\nb: *a\n".into()),
        ("an alias of itself", "a: &a [*a]\n".into()),
        ("a merge", "a: {x: 1}\n<<: {y: secret}\n".into()),
        ("two documents", "a: 1\n---\nb: secret\n".into()),
        ("lists in lists", format!("a: {}", "[".repeat(200_000))),
        ("closed lists in lists", format!("a: {}{}", "[".repeat(2_000), "]".repeat(2_000))),
        ("maps in maps", format!("a: {}", "{a: ".repeat(100_000))),
        ("blocks in blocks", (0..400).map(|n| format!("{}a:\n", " ".repeat(n))).collect()),
        ("dashes in dashes", format!("a:\n {}1", "- ".repeat(100_000))),
        ("questions", "? ".repeat(100_000)),
        ("truncated text", "a: \"secret".into()),
        ("truncated list", "a: [secret, ".into()),
        ("truncated escape", "a: \"\\u12".into()),
        ("a tab", "a:\n\t- secret\n".into()),
        ("a key that is a list", "? [secret]\n: 1\n".into()),
        ("not a number", "a: .nan".into()),
        ("endless", "a: -.inf".into()),
        ("JSON that is none", "a: {$json: secret}".into()),
        ("JSON of two values", "a: {$json: '1,2'}".into()),
        ("JSON that is no object", "$json: '[1]'".into()),
        ("a tag", "a: !!binary secret!".into()),
        ("a directive", "%YAML 9.9\n---\na: secret".into()),
    ];
    for (name, text) in cases {
        refused(name, &YamlCodec, text.as_bytes());
    }
    refused("not UTF-8", &YamlCodec, b"a: \xff\xfe");
    refused("UTF-16", &YamlCodec, b"\xff\xfea\0:\0 \x001\0");
}

#[test]
fn yaml_that_is_all_structure_stays_in_bounds() {
    let many = 100_000;
    for (name, text) in [
        ("flow list", format!("a: [{}0]", "0,".repeat(many))),
        ("empty lists", format!("a: [{}[]]", "[],".repeat(many))),
        ("block list", format!("a:\n{}", "- 0\n".repeat(many))),
        ("keys", (0..many / 4).map(|n| format!("{n:x}:\n")).collect()),
        ("comments", format!("a: 1\n{}", "#\n".repeat(many))),
        ("escapes", format!("a: \"{}\"", "\\0".repeat(many))),
        ("folded", format!("a: >\n{}", "  x\n".repeat(many))),
    ] {
        opened(name, &YamlCodec, text.as_bytes(), text.len()).unwrap();
    }
}

/// A payload of the compression's own form, around a block.
fn block(inside: CodecTag, length: u32, block: &[u8]) -> Vec<u8> {
    [&[1, inside.0], &length.to_le_bytes()[..], block].concat()
}

#[test]
fn what_was_never_compressed_is_refused() {
    let codec = Compressed::new(JsonCodec);
    let good = lz4_flex::block::compress(br#"{"a":"secret secret secret secret secret"}"#);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("a form and no more", vec![1]),
        ("another form", vec![2, 1]),
        ("no length", vec![1, 1, 5, 0]),
        ("no block", block(CodecTag::JSON, 5, &[])),
        ("a length that is too short", block(CodecTag::JSON, 41, &good)),
        ("a length that is too long", block(CodecTag::JSON, 43, &good)),
        ("a truncated block", block(CodecTag::JSON, 42, &good[..good.len() - 3])),
        ("more behind the block", block(CodecTag::JSON, 42, &[&good[..], b"secret"].concat())),
        ("four gigabytes", block(CodecTag::JSON, u32::MAX, &good)),
        ("a megabyte out of a few bytes", block(CodecTag::JSON, 1 << 20, &good)),
        ("a repetition of what is not there", block(CodecTag::JSON, 100, &[0x0f, 1, 0, 80, 0])),
        ("itself", vec![0, CodecTag::COMPRESSED.0, 0, CodecTag::COMPRESSED.0, 0, 1, b'{', b'}']),
        ("a codec that is not there", vec![0, 200, b'{', b'}']),
        ("another codec's form", [&[0, CodecTag::MESSAGE_PACK.0][..], br#"{"a":"secret"}"#].concat()),
    ];
    for (name, payload) in cases {
        refused(name, &codec, &payload);
    }
}

/// The most that a block can become, of bytes that become the most: bounded by the limit, not by the block.
#[test]
fn a_bomb_goes_off_within_the_limit() {
    let limit = 1 << 18;
    for (inside, plain) in [
        (CodecTag::JSON, vec![b'['; limit]),
        (CodecTag::JSON, [&b"{\"a\":\""[..], &vec![b'x'; limit - 8], b"\"}"].concat()),
        (
            CodecTag::MESSAGE_PACK,
            packed(&[&[0xdd], &(limit as u32 - 8).to_be_bytes(), &vec![0xc2; limit - 8]]),
        ),
        (CodecTag::YAML, [&b"a: "[..], &vec![b'['; limit - 3]].concat()),
        (CodecTag::YAML, [&b"a: ["[..], &b"0,".repeat(limit / 2 - 4), b"]"].concat()),
    ] {
        let payload = block(inside, plain.len() as u32, &lz4_flex::block::compress(&plain));
        assert!(payload.len() < limit / 200, "{}", payload.len());
        let times = if inside == CodecTag::YAML { 3 } else { 1 };
        let _ = opened("bomb", &Compressed::new(JsonCodec).with_limit(limit), &payload, times * limit);
        let narrow = Compressed::new(JsonCodec).with_limit(limit / 2);
        refused("a bomb beyond the limit", &narrow, &payload);
    }
}

#[test]
fn what_was_never_encrypted_is_refused() {
    let sealer = ring(&[1]).sealer("payload", "shop");
    let codec = Encrypted::new(JsonCodec, &ring(&[1]), "shop");
    let sealed = |plain: &[u8]| sealer.seal(&[], plain).unwrap();
    for (name, payload) in [
        ("nothing", vec![]),
        ("plain", br#"{"a":"secret"}"#.to_vec()),
        ("zeros", vec![0; 1 << 20]),
        ("a head and no more", sealed(b"\x01{}")[..29].to_vec()),
        ("sealed nothing", sealed(b"")),
        ("sealed damage", sealed(b"\x01secret")),
        ("sealed twice", sealed(&[&[CodecTag::ENCRYPTED.0], &sealed(b"\x01{}")[..]].concat())),
        ("a codec that is not there", sealed(b"\xc8{}")),
    ] {
        refused(name, &codec, &payload);
    }
}

/// A manager with one record under a key, whose payload is this.
async fn planted(codec: dancecard_codec::SharedCodec, payload: Vec<u8>) -> (SessionManager, Visitor) {
    let id = SessionId::from_bytes([7; 32]);
    let store = memory();
    let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX).with_codec(codec.tag());
    store.write(&id.key(""), Record::new(meta, payload), WriteMode::Create).await.unwrap();
    (SessionManager::new(store).with_codec(codec), Visitor(id.token()))
}

/// Whatever lies there: it is read, or refused as damage; and where it is read, it can be changed and read again.
async fn survive(name: &str, codec: dancecard_codec::SharedCodec, payload: Vec<u8>) {
    let (manager, visitor) = planted(codec, payload.clone()).await;
    // Members of JSON are passed over unread, so damage within one is met by whoever reads it; the other forms are read whole.
    let unread = ["json", "compressed"].contains(&name);
    let session = visitor.visit(&manager);
    match session.keys().await {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}");
            session.set("new", 1).unwrap();
            match manager.commit(&session).await {
                Ok(_) => assert!(unread, "{name}: not readable, and written over"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}");
                    assert_eq!(visitor.stored(manager.store()).await.payload(), payload, "{name}");
                }
            }
        }
        Ok(keys) => {
            for key in &keys {
                let value = session.get::<Box<serde_json::value::RawValue>>(key).await;
                assert!(unread || value.is_ok_and(|value| value.is_some()), "{name} {key:?}");
            }
            session.set("new", "not there before").unwrap();
            assert_eq!(manager.commit(&session).await.unwrap().outcome, Outcome::Updated, "{name}");
            let again = visitor.visit(&manager);
            assert_eq!(again.get::<String>("new").await.unwrap().as_deref(), Some("not there before"));
            let mut expected = keys.into_iter().filter(|key| key != "new").collect::<Vec<_>>();
            let mut now = again.keys().await.unwrap();
            now.retain(|key| key != "new");
            expected.sort();
            now.sort();
            assert_eq!(now, expected, "{name}");
        }
    }
}

/// Members of JSON are not looked into until they are used: that they are damaged shows when they change over.
#[tokio::test]
async fn damaged_json_does_not_change_over() {
    let good = JsonCodec.open(br#"{"a":18446744,"b":"secret"}"#).unwrap().unwrap();
    // The last is an escape that there is not.
    for (at, byte) in [(7, b'_'), (7, 0x88), (20, 0xff), (24, b'"'), (20, b'\\')] {
        let mut payload = good.clone();
        payload[at] = byte;
        for (name, codec) in codecs().into_iter().filter(|(name, _)| ["messagepack", "yaml"].contains(name)) {
            let (json, visitor) = planted(std::sync::Arc::new(JsonCodec), payload.clone()).await;
            let manager = json.with_codec(codec);
            let session = visitor.visit(&manager);
            session.set("new", 1).unwrap();
            let error = manager.commit(&session).await.map(drop).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{name} {at}");
            assert!(!error.to_string().contains("secret"), "{error}");
            assert_eq!(visitor.stored(manager.store()).await.payload(), payload, "{name} {at}");
        }
    }
}

/// Payloads as they are, to begin damaging them.
fn seeds() -> Vec<(&'static str, dancecard_codec::SharedCodec, Vec<u8>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let members = [
        ("user", "{\"id\":7,\"name\":\"Zoë\",\"admin\":false,\"x\":[1,-2,2.5,1e400,null]}"),
        ("cart", "[[1,{\"sku\":\"a b\"}],[],{}]"),
        ("text", "\"dance dance dance dance dance dance\\n\""),
    ];
    let payload = |codec: dancecard_codec::SharedCodec| {
        runtime.block_on(async {
            let manager = SessionManager::new(memory()).with_codec(codec);
            let visitor = begin(&manager, &members).await.unwrap();
            visitor.stored(manager.store()).await.payload().to_vec()
        })
    };
    codecs().into_iter().map(|(name, codec)| (name, codec.clone(), payload(codec))).collect()
}

fn damaged(mut bytes: Vec<u8>, damage: &[(usize, u8, u8)]) -> Vec<u8> {
    for (at, kind, value) in damage {
        let length = bytes.len().max(1);
        let at = at % length;
        match kind % 5 {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = *value),
            1 => bytes.truncate(at),
            2 => bytes.insert(at.min(bytes.len()), *value),
            3 => drop(bytes.drain(at..(at + usize::from(*value) % 8).min(bytes.len()))),
            _ => bytes.extend_from_within(at..(at + usize::from(*value)).min(bytes.len())),
        }
    }
    bytes
}

#[test]
fn every_cut_of_every_form_is_survived() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (name, codec, payload) in seeds() {
        for length in 0..payload.len() {
            runtime.block_on(survive(name, codec.clone(), payload[..length].to_vec()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("DANCECARD_HOSTILE_CASES").map_or(256, |n| n.parse().unwrap())))]

    #[test]
    fn damage_is_survived(damage in proptest::collection::vec((any::<usize>(), any::<u8>(), any::<u8>()), 1..6)) {
        thread_local!(static SEEDS: Vec<(&'static str, dancecard_codec::SharedCodec, Vec<u8>)> = seeds());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (name, codec, payload) in SEEDS.with(Clone::clone) {
            runtime.block_on(survive(name, codec, damaged(payload, &damage)));
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (name, codec) in codecs() {
            runtime.block_on(survive(name, codec, bytes.clone()));
        }
    }
}
