use std::time::Duration;

use dancecard_core::Timestamp;
use proptest::option;
use proptest::prelude::*;

use super::*;

const FORMATS: [Format; 3] = [Format::Json, Format::Yaml, Format::MsgPack];
const NONCE: &str = "00c0ffee00c0ffee";

fn payload(json: &str) -> Vec<u8> {
    JsonCodec.open(json.as_bytes()).unwrap().unwrap()
}

fn meta() -> Meta {
    Meta::new(Timestamp::from_millis(1_767_225_600_000), Timestamp::from_millis(1_767_229_200_123))
}

fn round_trip(format: Format, record: &Record, key: Option<&RecordKey>) -> Vec<u8> {
    let bytes = format.encode(record, NONCE, key).unwrap();
    let found = format.decode(&bytes).unwrap();
    assert!(found.record.meta == record.meta && found.key.as_ref() == key, "{format:?}");
    assert_eq!(found.record.payload, record.payload, "{format:?}");
    assert_eq!(format.principal(&bytes).as_ref(), record.meta.principal(), "{format:?}");
    bytes
}

fn has(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

/// What a file looks like is a promise: people edit it, and scripts read it.
#[test]
fn json_in_an_editor() {
    let meta = meta()
        .with_absolute_at(Timestamp::from_millis(1_767_312_000_000))
        .with_idle(Some(Duration::from_secs(3600)))
        .with_principal(Some("ada".into()));
    let record = Record::new(meta, payload(r#"{"cart":[1,{"sku":"a b"}],"user":"Ada","n":null}"#));
    let text = String::from_utf8(round_trip(Format::Json, &record, None)).unwrap();
    let expected = r#"{
  "dancecard": 1,
  "nonce": "00c0ffee00c0ffee",
  "created_at": "2026-01-01T00:00:00.000Z",
  "expires_at": "2026-01-01T01:00:00.123Z",
  "absolute_at": "2026-01-02T00:00:00.000Z",
  "idle_secs": 3600,
  "principal": "ada",
  "data": {
    "cart": [1,{"sku":"a b"}],
    "user": "Ada",
    "n": null
  }
}
"#;
    assert_eq!(text, expected);
}

#[test]
fn yaml_in_an_editor() {
    let text = r#"{"cart":[1,{"sku":"a b","qty":2}],"flag":"yes","zip":"01234","n":null,"l":"a\nb\n"}"#;
    let record = Record::new(meta().with_principal(Some("null".into())), payload(text));
    let text = String::from_utf8(round_trip(Format::Yaml, &record, None)).unwrap();
    let expected = r#"dancecard: 1
nonce: 00c0ffee00c0ffee
created_at: "2026-01-01T00:00:00.000Z"
expires_at: "2026-01-01T01:00:00.123Z"
principal: "null"
data:
  cart:
  - 1
  - sku: a b
    qty: 2
  flag: "yes"
  zip: "01234"
  "n": null
  l: |
    a
    b
"#;
    assert_eq!(text, expected);
}

#[test]
fn usual_sessions_are_readable_in_every_format() {
    let text =
        r#"{"user":{"id":7,"name":"Zoë \"Z\" O'Neil","admin":false},"cart":[1,2.5,-3,1e+300,0.1],"z":null}"#;
    for format in FORMATS {
        let bytes = round_trip(format, &Record::new(meta(), payload(text)), None);
        assert!(has(&bytes, "Zoë") && !has(&bytes, "payload"), "{format:?}");
    }
}

#[test]
fn facts_that_were_taken_back_are_as_if_they_had_never_been() {
    let meta = meta().with_principal(Some("ada".into())).with_device(Some("agent"), None);
    let meta = meta.with_principal(None).with_device(None, None);
    for format in FORMATS {
        let bytes = format.encode(&Record::new(meta.clone(), payload("{}")), NONCE, None).unwrap();
        assert!(has(&bytes, "data") && !has(&bytes, "principal"), "{format:?}");
    }
}

#[test]
fn what_the_format_can_not_say_exactly_is_written_as_bytes() {
    let json = [r#"{"a":1.0e2}"#, r#"{"a":"\u0041"}"#, r#"{"a":123456789012345678901234567890}"#];
    let odd =
        json.into_iter().map(payload).chain([b"".into(), b"{}".into(), b"\0\xff".into(), vec![7; 9000]]);
    for payload in odd {
        for format in [Format::Yaml, Format::MsgPack] {
            assert!(has(&round_trip(format, &Record::new(meta(), payload.clone()), None), "payload"));
        }
        round_trip(Format::Json, &Record::new(meta(), payload), None);
    }
    let other = Record::new(meta().with_codec(CodecTag(9)), payload("{}"));
    for format in FORMATS {
        assert!(has(&round_trip(format, &other, None), "payload"));
    }
}

#[test]
fn deep_data_is_written_as_bytes_and_never_read_by_recursion_without_end() {
    for depth in [3, 60, 110, 126, 127, 128, 1000, 100_000] {
        let text = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let record = Record::new(meta(), payload(&text));
        for format in FORMATS {
            round_trip(format, &record, None);
        }
    }
    let mut deep = vec![0x81, 0xa4];
    deep.extend(b"data");
    deep.extend([0x91; 100_000]);
    assert!(Format::MsgPack.decode(&deep).is_err());
    let deep = format!("dancecard: 1\ndata: {}", "[".repeat(100_000));
    assert!(Format::Yaml.decode(deep.as_bytes()).is_err());
}

#[test]
fn an_alias_bomb_is_refused_at_once() {
    let mut bomb = String::from("dancecard: 1\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for n in 1..10 {
        let alias = format!("*a{},", n - 1);
        bomb += &format!("a{n}: &a{n} [{}]\n", alias.repeat(10));
    }
    let begun = std::time::Instant::now();
    assert!(Format::Yaml.decode(bomb.as_bytes()).is_err());
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// As a person writes it: the least, in another order, with space and comments.
#[test]
fn files_made_by_hand_are_read() {
    let json = br#" { "data" : { "b" : [ 1 , 2 ] , "a":1, "a" : "two" },
        "expires_at": "2026-01-01T00:00:00Z", "created_at": 0, "dancecard": 1 } "#;
    let yaml =
        b"# mine\ndata: {b: [1, 2], a: two}\nexpires_at: 2026-01-01T00:00:00Z\ncreated_at: 0\ndancecard: 1\n";
    let expected = JsonCodec.open(br#"{"b":[ 1 , 2 ],"a":"two"}"#).unwrap().unwrap();
    assert_eq!(Format::Json.decode(json).unwrap().record.payload, expected);
    let found = Format::Yaml.decode(yaml).unwrap().record;
    assert_eq!(found.payload, payload(r#"{"b":[1,2],"a":"two"}"#));
    assert_eq!(found.meta.expires_at().as_millis(), 1_767_225_600_000);
    assert_eq!(found.meta.renewed_at().as_millis(), 0);
}

#[test]
fn files_that_are_no_records_are_told_so_without_a_word_of_them() {
    let facts = r#""created_at":0,"expires_at":1"#;
    let wrong = [
        String::new(),
        "secret".into(),
        "{}".into(),
        format!(r#"{{"dancecard":2,{facts},"data":{{}}}}"#),
        format!(r#"{{"dancecard":1,{facts}}}"#),
        format!(r#"{{"dancecard":1,{facts},"data":{{}},"payload":"AA=="}}"#),
        format!(r#"{{"dancecard":1,{facts},"data":["secret"]}}"#),
        format!(r#"{{"dancecard":1,{facts},"data":{{}},"secret":1}}"#),
        format!(r#"{{"dancecard":1,{facts},"data":{{}},"codec":2}}"#),
        format!(r#"{{"dancecard":1,{facts},"payload":"secret!"}}"#),
        format!(r#"{{"dancecard":1,{facts},"envelope":"AAAA"}}"#),
        format!(r#"{{"dancecard":1,{facts},"data":{{}},"key":"secret"}}"#),
        format!(r#"{{"dancecard":1,{facts},"data":{{}},"retired":true,"successor":"x"}}"#),
        format!(r#"{{"dancecard":1,{facts},"data":{{}},"successor":"00"}}"#),
        r#"{"dancecard":1,"created_at":0,"data":{}}"#.into(),
        r#"{"dancecard":1,"created_at":"secret","expires_at":1,"data":{}}"#.into(),
        format!(r#"{{"dancecard":1,{facts},"data":{{"secret":"#),
        format!(r#"{{"dancecard":1,{facts},"data":{{}}}} secret"#),
        "\u{feff}{secret".into(),
    ];
    for text in wrong {
        for format in FORMATS {
            let fault = format.decode(text.as_bytes()).map(drop).expect_err(&text);
            assert!(!format!("{fault} {fault:?}").contains("secret"), "{fault}");
        }
    }
}

fn any_node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(Node::Null),
        any::<bool>().prop_map(Node::Bool),
        any::<i64>().prop_map(Node::Signed),
        (1u64 << 63..).prop_map(Node::Unsigned),
        any::<f64>().prop_filter("JSON", |float| float.is_finite()).prop_map(Node::Float),
        any::<String>().prop_map(Node::Text),
        "[-+0-9.eE_:xobTZ]{1,12}|~|yes|No|null|\\.inf|<<|= |- a|a: b|#a|&a|\\*a|!a|%a|@a|`a|'|\"| a|a "
            .prop_map(Node::Text),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let members = proptest::collection::vec((any::<String>(), inner.clone()), 0..6);
        prop_oneof![proptest::collection::vec(inner, 0..6).prop_map(Node::List), members.prop_map(Node::Map)]
    })
}

fn any_meta() -> impl Strategy<Value = Meta> {
    let times = (any::<i64>(), any::<i64>(), option::of(any::<i64>()), any::<i64>(), any::<u32>());
    let texts = (option::of(any::<String>()), option::of(any::<String>()), option::of(any::<String>()));
    (times, texts, option::of(option::of(any::<[u8; 32]>()))).prop_map(
        |((created, expires, absolute, renewed, idle), (principal, agent, address), retired)| {
            let meta = Meta::new(Timestamp::from_millis(created), Timestamp::from_millis(expires))
                .with_absolute_at(absolute.map_or(Timestamp::MAX, Timestamp::from_millis))
                .with_renewed_at(Timestamp::from_millis(renewed))
                .with_idle((idle > 0).then(|| Duration::from_secs(idle.into())));
            match retired {
                Some(successor) => meta.into_retired(successor.map(|key| RecordKey::new(&key))),
                None => meta
                    .with_principal(principal.map(Principal::from))
                    .with_device(agent.as_deref(), address.as_deref()),
            }
        },
    )
}

proptest! {
    #[test]
    fn every_session_comes_back(meta in any_meta(), members in proptest::collection::vec((any::<String>(), any_node()), 0..6)) {
        let text = serde_json::to_string(&Node::Map(members)).unwrap();
        let record = Record::new(meta, payload(&text));
        for format in FORMATS {
            round_trip(format, &record, None);
        }
    }

    #[test]
    fn every_payload_comes_back(meta in any_meta(), codec: u8, payload: Vec<u8>, key: Vec<u8>) {
        let record = Record::new(meta.with_codec(CodecTag(codec)), payload);
        for format in FORMATS {
            round_trip(format, &record, Some(&RecordKey::new(&key)));
        }
    }

    #[test]
    fn damage_never_panics(at in 0usize..400, value: u8, cut in 0usize..400) {
        let record = Record::new(meta().with_principal(Some("ada".into())), payload(r#"{"a":[1,{"b":null}],"c":"text"}"#));
        for format in FORMATS {
            let mut bytes = format.encode(&record, NONCE, None).unwrap();
            let length = bytes.len();
            bytes[at % length] = value;
            let _ = format.decode(&bytes);
            bytes.truncate(cut % length);
            let _ = format.decode(&bytes);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes: Vec<u8>) {
        for format in FORMATS {
            format.decode(&bytes).map(drop).unwrap_err();
        }
    }
}
