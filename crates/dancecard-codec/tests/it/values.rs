//! Every value comes back, in every form.

use dancecard_codec::{MessagePackCodec, SharedCodec};
use dancecard_core::{Codec as _, JsonCodec, Outcome, Result, SessionManager};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::json;

use crate::world::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// What goes in, and with which spelling it comes out.
async fn round_trip(members: &[(&str, &str)], expected: &[(&str, &str)]) -> Result<()> {
    let mut expected: Vec<_> = expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    expected.sort();
    for (name, codec) in codecs() {
        let manager = SessionManager::new(memory()).with_codec(codec.clone());
        let visitor = begin(&manager, members).await?;
        assert_eq!(visitor.stored(manager.store()).await.meta().codec(), codec.tag());
        assert_eq!(values(&visitor.visit(&manager)).await?, expected, "{name}");
        // The same again is no change.
        let session = visitor.visit(&manager);
        members.iter().try_for_each(|(key, text)| session.set(key, raw(text)))?;
        assert_eq!(manager.commit(&session).await?.outcome, Outcome::Unchanged, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn every_number_comes_back_digit_by_digit() -> Result<()> {
    let numbers = [
        "0",
        "-1",
        "127",
        "128",
        "-32",
        "-33",
        "65535",
        "65536",
        "4294967296",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "340282366920938463463374607431768211455",
        "-0.0",
        "0.0",
        "1.0",
        "0.1",
        "2.5",
        "49.5",
        "1e+300",
        "5e-324",
        "1.7976931348623157e+308",
        "3.4028234663852886e+38",
        "16777217.0",
        "1e400",
        "1.0e2",
        "-0",
        "1E5",
    ];
    let names: Vec<String> = (0..numbers.len()).map(|n| format!("n{n}")).collect();
    let members: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(numbers).collect();
    round_trip(&members, &members).await
}

#[tokio::test]
async fn texts_and_structures_come_back() -> Result<()> {
    let deep = format!("{}null{}", "[{\"a\":".repeat(40), "}]".repeat(40));
    let deepest = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let members = [
        ("", "\"\""),
        ("schlüssel 🔑", "{\"größe\":[\"é\",\"日本\",\"\\u0000\\u001f\\\"\\\\\"]}"),
        ("line\nbreak\t\"quoted\" \\", "\"a\\nb\\n\""),
        ("twice", "{\"a\":1,\"a\":2,\"b\":{},\"c\":[]}"),
        ("$json", "{\"$json\":\"1\"}"),
        ("like json", "{\"$json\":1}"),
        (
            "words",
            "[\"null\",\"~\",\"yes\",\"No\",\"0x1F\",\"1e3\",\"- a\",\"a: b\",\"#\",\"*a\",\"&a\",\"!t\",\".inf\",\" \",\"=\"]",
        ),
        ("deep", &deep),
        ("deepest", &deepest),
        ("long", &format!("\"{}\"", "x".repeat(70_000))),
        ("surrogate", "\"\\ud800\""),
        ("many", &format!("[{}]", vec!["[0]"; 70_000].join(","))),
    ];
    round_trip(&members, &members).await
}

/// Spelling that says nothing is not kept.
#[tokio::test]
async fn odd_spelling_is_read_as_what_it_says() -> Result<()> {
    let manager = SessionManager::new(memory()).with_codec(MessagePackCodec);
    let visitor = begin(&manager, &[("a", "[ 1 , \"\\u0041\\/\" ]")]).await?;
    assert_eq!(values(&visitor.visit(&manager)).await?, [("a".to_owned(), "[1,\"A/\"]".to_owned())]);
    Ok(())
}

#[tokio::test]
async fn no_data_is_a_session_too() -> Result<()> {
    for (name, codec) in codecs() {
        let manager = SessionManager::new(memory()).with_codec(codec);
        let session = manager.open([]);
        session.sign_in("ada")?;
        let dancecard_core::TokenAction::Set { token, .. } = manager.commit(&session).await?.token else {
            panic!()
        };
        let visitor = Visitor(token);
        assert_eq!(values(&visitor.visit(&manager)).await?, [], "{name}");
        let session = visitor.visit(&manager);
        session.set("a", 1)?;
        manager.commit(&session).await?;
        let session = visitor.visit(&manager);
        session.remove("a")?;
        manager.commit(&session).await?;
        assert_eq!(values(&visitor.visit(&manager)).await?, [], "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn changes_leave_the_rest_alone() -> Result<()> {
    for (name, codec) in codecs() {
        let manager = SessionManager::new(memory()).with_codec(codec);
        let visitor = begin(&manager, &[("a", "1"), ("b", "{\"x\":[1.5]}"), ("c", "\"z\"")]).await?;
        let session = visitor.visit(&manager);
        session.update("a", |n: &mut i64| *n += 41)?;
        session.remove("c")?;
        session.set("d", "new")?;
        session.set("e", json!({"f": null}))?;
        assert_eq!(manager.commit(&session).await?.outcome, Outcome::Updated);
        let expected = [("a", "42"), ("b", "{\"x\":[1.5]}"), ("d", "\"new\""), ("e", "{\"f\":null}")];
        let expected = expected.map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(values(&visitor.visit(&manager)).await?, expected, "{name}");
        let session = visitor.visit(&manager);
        session.clear()?;
        session.set("only", 1)?;
        manager.commit(&session).await?;
        assert_eq!(values(&visitor.visit(&manager)).await?, [("only".to_owned(), "1".to_owned())], "{name}");
    }
    Ok(())
}

/// The session of the benchmarks, about 1,050 bytes of JSON.
#[derive(Serialize)]
struct Item {
    sku: u32,
    title: String,
    quantity: u32,
    price: f64,
}

#[tokio::test]
async fn message_pack_takes_little_room() -> Result<()> {
    let item = |n: u32| Item {
        sku: 10_000 + n,
        title: format!("a pair of dancing shoes, number {n}, in black"),
        quantity: n,
        price: 49.5,
    };
    let profile = json!({
        "name": "Ada Example", "email": "ada@example.org",
        "roles": ["customer", "reviewer", "newsletter", "early-access"],
        "address": {"city": "Exampleton", "country": "EX", "street": "12 Sample Street", "zip": "12345"},
        "recent": (1..=7).map(item).collect::<Vec<_>>(),
        "limits": {"daily": 5, "monthly": 50, "yearly": 500},
        "newsletter": true, "score": 0.75,
    });
    let mut sizes = Vec::new();
    for (name, codec) in codecs() {
        let manager = SessionManager::new(memory()).with_codec(codec);
        let visitor = begin(&manager, &[("profile", &profile.to_string()), ("count", "7")]).await?;
        sizes.push((name, visitor.stored(manager.store()).await.payload().len()));
    }
    println!("{sizes:?}");
    let [(_, json), (_, packed), ..] = sizes[..] else { panic!() };
    assert!(json > 950, "{json}");
    // An engine adds its facts: 61 bytes with Redis, for a member.
    assert!(packed + 61 <= 950, "{packed}");
    Ok(())
}

fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let float = any::<f64>().prop_filter_map("finite", serde_json::Number::from_f64);
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<i8>().prop_map(Into::into),
        float.prop_map(serde_json::Value::Number),
        any::<f32>().prop_filter("finite", |float| float.is_finite()).prop_map(|float| json!(float)),
        any::<String>().prop_map(Into::into),
        "[-+0-9.eE_:xobTZ]{1,12}|~|yes|No|null|\\.inf|<<|= |- a|a: b|#a|&a|\\*a|!a|%a|@a|`a|'|\"| a|a |\\$json"
            .prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 60, 20, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..20).prop_map(Into::into),
            proptest::collection::btree_map(".{0,6}|\\$json", inner, 0..20)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_session_comes_back(members in proptest::collection::btree_map(any::<String>(), any_value(), 0..6)) {
        let texts: Vec<(String, String)> = members.iter().map(|(k, v)| (k.clone(), v.to_string())).collect();
        let borrowed: Vec<_> = texts.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        prop_assume!(!borrowed.is_empty());
        runtime().block_on(round_trip(&borrowed, &borrowed)).unwrap();
    }

    /// A change to a stored payload gives what the same change to the same data in JSON gives.
    #[test]
    fn any_change_is_what_it_is_in_json(
        first in proptest::collection::btree_map("[a-e]", any_value(), 1..5),
        second in proptest::collection::btree_map("[a-e]", proptest::option::of(any_value()), 0..5),
        clears: bool,
    ) {
        let run = |codec: SharedCodec| runtime().block_on(async {
            let manager = SessionManager::new(memory()).with_codec(codec);
            let texts: Vec<(String, String)> = first.iter().map(|(k, v)| (k.clone(), v.to_string())).collect();
            let borrowed: Vec<_> = texts.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let visitor = begin(&manager, &borrowed).await?;
            let session = visitor.visit(&manager);
            if clears {
                session.clear()?;
            }
            for (key, value) in &second {
                match value {
                    Some(value) => session.set(key, value)?,
                    None => session.remove(key)?,
                }
            }
            let outcome = manager.commit(&session).await?.outcome;
            Ok::<_, dancecard_core::Error>((outcome, values(&visitor.visit(&manager)).await?))
        }).unwrap();
        let expected = run(std::sync::Arc::new(JsonCodec));
        for (name, codec) in codecs() {
            prop_assert_eq!(&run(codec), &expected, "{}", name);
        }
    }
}

/// As another program writes it: long forms of short things, and a key that stands twice.
#[test]
fn message_pack_of_others_is_read() {
    let foreign = [
        &[0xde, 0, 3][..],
        &[0xd9, 1, b'a', 0xcf, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0xda, 0, 1, b'b', 0xdd, 0, 0, 0, 1, 0xd3, 0, 0, 0, 0, 0, 0, 0, 2],
        &[0xdb, 0, 0, 0, 1, b'a', 0xdf, 0, 0, 0, 1, 0xa1, b'c', 0xcb, 0x40, 4, 0, 0, 0, 0, 0, 0],
    ];
    let opened = MessagePackCodec.open(&foreign.concat()).unwrap().unwrap();
    assert_eq!(MessagePackCodec.find(&opened, "a").unwrap().unwrap().as_ref(), br#"{"c":2.5}"#);
    assert_eq!(MessagePackCodec.find(&opened, "b").unwrap().unwrap().as_ref(), b"[2]");
    assert_eq!(MessagePackCodec.keys(&opened).unwrap(), ["b", "a"]);
}
