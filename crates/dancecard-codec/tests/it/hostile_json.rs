//! JSON that nobody's session ever was, used as a request uses it: opened, its keys asked for, each value read.

use allocation_counter::measure;
use dancecard_core::{Codec, Error, ErrorKind, JsonCodec, Result};
use serde_json::Value;

/// Memory at one time, in bytes for each byte of the payload: a key of one letter is kept, and its place in the directory.
const TIMES: u64 = 24;
const BESIDES: u64 = 64 * 1024;

/// Each key with its value as text, by the bounds.
fn members(name: &str, payload: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut result = None;
    let info = measure(|| {
        let made = JsonCodec.open(payload);
        result = Some(made.and_then(|made| {
            let members = JsonCodec.members(made.as_deref().unwrap_or(payload))?;
            Ok(members.into_iter().map(|(key, value)| (key, value.into_owned())).collect::<Vec<_>>())
        }));
    });
    let allowed = TIMES * payload.len() as u64 + BESIDES;
    assert!(info.bytes_max <= allowed, "{name}: {} bytes at one time, {allowed} allowed", info.bytes_max);
    assert!(info.bytes_total <= 8 * allowed, "{name}: {} bytes in all", info.bytes_total);
    result.unwrap()
}

/// As an application does that takes any value. What that makes of it is its own.
fn read(name: &str, payload: &[u8]) -> Result<usize> {
    let members = members(name, payload)?;
    for (_, value) in &members {
        let read: Result<Value, _> = serde_json::from_slice(value);
        read.map_err(|cause| Error::new(ErrorKind::Corrupt, "read").with_source(cause))?;
    }
    Ok(members.len())
}

fn refused(name: &str, payload: &[u8]) {
    let error = read(name, payload).expect_err(name);
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}");
    assert!(!format!("{error} {error:?}").contains("secret"), "{name}: {error}");
}

#[test]
fn texts_that_are_no_session_are_refused() {
    let megabyte = 1 << 20;
    let inside = |value: &str| format!("{{\"a\":{value}}}").into_bytes();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("a list", b"[\"secret\"]".to_vec()),
        ("a text", b"\"secret\"".to_vec()),
        ("two objects", b"{\"a\":\"secret\"}{}".to_vec()),
        ("truncated", b"{\"a\":\"secret".to_vec()),
        ("a truncated key", b"{\"secr".to_vec()),
        ("a key that is a number", b"{1:\"secret\"}".to_vec()),
        ("a comma too many", b"{\"a\":1,}".to_vec()),
        ("not UTF-8", b"{\"a\":\"\xff\xfe\"}".to_vec()),
        ("an escape that there is not", inside("\"\\secret\"")),
        ("not a number", inside("NaN")),
        ("lists in lists", inside(&"[".repeat(megabyte))),
        ("closed lists in lists", inside(&format!("{}{}", "[".repeat(megabyte), "]".repeat(megabyte)))),
        ("maps in maps", inside(&"{\"a\":".repeat(megabyte / 5))),
        ("a list without an end", inside(&format!("[{}", "0,".repeat(megabyte / 2)))),
    ];
    for (name, payload) in cases {
        refused(name, &payload);
    }
}

#[test]
fn texts_that_are_all_structure_stay_in_bounds() {
    let many = 100_000;
    let keys: Vec<_> = (0..many).map(|n| format!("\"{n:x}\":0")).collect();
    for (name, text, members) in [
        ("keys", format!("{{{}}}", keys.join(",")), many),
        ("one key, again and again", format!("{{{}}}", vec!["\"a\":0"; many].join(",")), 1),
        ("a list", format!("{{\"a\":[{}0]}}", "0,".repeat(many)), 1),
        ("escapes", format!("{{\"a\":\"{}\"}}", "\\u0000".repeat(many)), 1),
        ("space", format!("{{\"a\":{}1}}", " ".repeat(many)), 1),
    ] {
        assert_eq!(read(name, text.as_bytes()).unwrap(), members, "{name}");
    }
}

/// The directory behind the text says where keys are. Whatever it says, nothing outside of the text is read.
#[test]
fn directories_that_lie_are_refused_or_harmless() {
    let good = JsonCodec.open(br#"{"a":1,"b":"secret","c":[1,2]}"#).unwrap().unwrap();
    let begin = good.iter().rposition(|byte| *byte == b'}').unwrap() + 1;
    let mut refusals = 0;
    for at in begin..good.len() {
        for byte in 0..=u8::MAX {
            let mut lie = good.clone();
            lie[at] = byte;
            match read("a lie", &lie) {
                Ok(members) => assert!(members <= 3),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupt);
                    assert!(!format!("{error} {error:?}").contains("secret"));
                    refusals += 1;
                }
            }
        }
    }
    assert!(refusals > 1000, "{refusals}");
}
