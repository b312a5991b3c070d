//! A log of changes against a plain map that is changed by hand.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::codec::{Codec, JsonCodec};

type Map = BTreeMap<String, u64>;

/// A change that a handler asks for.
#[derive(Debug, Clone)]
enum Change {
    Set(String, u64),
    Remove(String),
    /// Neither order nor number of applications can be mixed up without being noticed.
    Apply(String, u64),
    Clear,
}

/// What a commit does with the log.
#[derive(Debug, Clone)]
enum Event {
    Change(Change),
    Freeze,
    Thaw,
    Drop,
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["", "\"", "\\", "a\n", "é", "\u{0}"]).prop_map(str::to_owned),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (key(), 0..1000u64).prop_map(|(key, value)| Change::Set(key, value)),
        2 => key().prop_map(Change::Remove),
        4 => (key(), 1..10u64).prop_map(|(key, digit)| Change::Apply(key, digit)),
        1 => Just(Change::Clear),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => change().prop_map(Event::Change),
        1 => Just(Event::Freeze),
        1 => Just(Event::Thaw),
        1 => Just(Event::Drop),
    ]
}

fn map() -> impl Strategy<Value = Map> {
    prop::collection::btree_map(key(), 0..1000u64, 0..6)
}

fn applied(stored: Option<u64>, digit: u64) -> u64 {
    stored.unwrap_or(0).wrapping_mul(10).wrapping_add(digit)
}

fn make(map: &mut Map, change: &Change) {
    match change {
        Change::Set(key, value) => drop(map.insert(key.clone(), *value)),
        Change::Remove(key) => drop(map.remove(key)),
        Change::Apply(key, digit) => {
            let value = applied(map.get(key).copied(), *digit);
            map.insert(key.clone(), value);
        }
        Change::Clear => map.clear(),
    }
}

fn record(delta: &mut Delta, change: &Change) {
    match change {
        Change::Set(key, value) => delta.set(key, value).unwrap(),
        Change::Remove(key) => delta.remove(key).unwrap(),
        Change::Apply(key, digit) => {
            let digit = *digit;
            let apply = move |stored: Option<&[u8]>| {
                let stored = stored.map(|text| serde_json::from_slice(text).unwrap());
                Ok(applied(stored, digit).to_string().into_bytes())
            };
            delta.apply(key, Arc::new(apply)).unwrap();
        }
        Change::Clear => delta.clear(),
    }
}

fn log(changes: &[Change]) -> Delta {
    let mut delta = Delta::default();
    changes.iter().for_each(|change| record(&mut delta, change));
    delta
}

fn after(base: &Map, changes: &[Change]) -> Map {
    let mut map = base.clone();
    changes.iter().for_each(|change| make(&mut map, change));
    map
}

fn encode(base: &Map) -> Vec<u8> {
    JsonCodec.open(&serde_json::to_vec(base).unwrap()).unwrap().unwrap()
}

fn decode(document: &[u8]) -> Map {
    let number = |key: String| {
        let value = JsonCodec.find(document, &key).unwrap().unwrap();
        let value = serde_json::from_slice(&value).unwrap();
        (key, value)
    };
    JsonCodec.keys(document).unwrap().into_iter().map(number).collect()
}

/// A document after a log, by the way that commits take.
fn merged(document: &[u8], delta: &Delta) -> Vec<u8> {
    let flat = delta.flatten(|key| JsonCodec.find(document, key)).unwrap();
    JsonCodec.encode(Some(document), flat.changes()).unwrap().unwrap_or_else(|| document.to_vec())
}

/// Everything that can be asked of a log over a base says the same.
fn agrees(delta: &Delta, base: &Map, expected: &Map) {
    let document = encode(base);
    assert_eq!(decode(&merged(&document, delta)), *expected, "encoded");

    let keys = delta.keys_over(base.keys().cloned().collect()).unwrap();
    let count = keys.len();
    let keys: std::collections::BTreeSet<_> = keys.into_iter().collect();
    assert_eq!(count, keys.len(), "a key stands twice");
    assert!(keys.iter().eq(expected.keys()), "keys");

    for key in expected.keys().chain(base.keys()).map(String::as_str).chain(["never there"]) {
        let text = |map: &Map| map.get(key).map(|value| value.to_string().into_bytes());
        let stored = text(base);
        let found = delta.resolve(key, stored.as_deref()).unwrap();
        assert_eq!(found.as_deref(), text(expected).as_deref(), "resolved");
        if let Known::Yes(value) = delta.known(key) {
            assert_eq!(value, text(expected).as_deref(), "known");
        }
    }
}

/// A flat log has each key once and begins with its clear.
fn is_flat(changes: Changes<'_>) -> bool {
    let keys: Vec<_> = changes.iter().map(|change| change.key().into_owned()).collect();
    let once: std::collections::BTreeSet<_> = keys.iter().collect();
    once.len() == keys.len()
}

proptest! {
    #[test]
    fn a_log_does_what_its_changes_do_one_by_one(base in map(), changes in vec(change(), 0..30)) {
        agrees(&log(&changes), &base, &after(&base, &changes));
    }

    #[test]
    fn flattening_keeps_the_meaning(base in map(), changes in vec(change(), 0..30)) {
        let (delta, document) = (log(&changes), encode(&base));
        let flat = delta.flatten(|key| JsonCodec.find(&document, key)).unwrap();
        prop_assert!(is_flat(flat.changes()));
        agrees(&flat, &base, &after(&base, &changes));
        let cleared = changes.iter().any(|change| matches!(change, Change::Clear));
        prop_assert_eq!(flat.changes().clears(), cleared);
    }

    /// A commit takes what is there in hand; it is dropped when it is stored, and ordinary again when it is not.
    #[test]
    fn what_is_in_hand_is_made_once(base in map(), events in vec(event(), 0..40)) {
        let (mut base, mut delta, mut pending, mut frozen) = (base, Delta::default(), Vec::new(), 0);
        for event in events {
            match event {
                Event::Change(change) => {
                    record(&mut delta, &change);
                    pending.push(change);
                }
                Event::Freeze => {
                    delta.freeze();
                    frozen = pending.len();
                }
                Event::Thaw => {
                    delta.thaw();
                    frozen = 0;
                }
                Event::Drop => {
                    delta.drop_frozen();
                    let rest = pending.split_off(frozen);
                    base = after(&base, &pending);
                    (pending, frozen) = (rest, 0);
                }
            }
            agrees(&delta, &base, &after(&base, &pending));
        }
    }

    /// What is in hand is known to hold a function, and what came later does not count.
    #[test]
    fn functions_in_hand_are_known(before in vec(change(), 0..10), later in vec(change(), 0..10)) {
        let mut delta = log(&before);
        let has = delta.ops.iter().any(|op| matches!(op.kind, Kind::Apply(_)));
        delta.freeze();
        later.iter().for_each(|change| record(&mut delta, change));
        prop_assert_eq!(delta.has_functions_in_hand(), has);
        delta.thaw();
        prop_assert!(!delta.has_functions_in_hand());
    }

    #[test]
    fn two_writers_of_different_keys_give_the_same_in_either_order(
        base in map(),
        one in vec(change(), 0..12),
        other in vec(change(), 0..12),
    ) {
        let named = |changes: &[Change], own: &[&str]| -> Vec<Change> {
            let is_own = |key: &String| own.contains(&key.as_str());
            let keep = |change: &&Change| match change {
                Change::Set(key, _) | Change::Remove(key) | Change::Apply(key, _) => is_own(key),
                Change::Clear => false,
            };
            changes.iter().filter(keep).cloned().collect()
        };
        let (one, other) = (log(&named(&one, &["a", "b", ""])), log(&named(&other, &["c", "d", "\""])));
        let document = encode(&base);
        let first = merged(&merged(&document, &one), &other);
        let second = merged(&merged(&document, &other), &one);
        prop_assert_eq!(decode(&first), decode(&second));
    }

    /// A document that is written anew, for another codec, holds what changing the old one gives.
    #[test]
    fn a_whole_document_and_a_change_of_it_agree(base in map(), changes in vec(change(), 0..20)) {
        let (delta, document) = (log(&changes), encode(&base));
        let flat = delta.flatten(|key| JsonCodec.find(&document, key)).unwrap();
        let members = base.iter().map(|(key, value)| Ok((key.clone(), Cow::Owned(value.to_string().into_bytes()))));
        let whole = Delta::of_members(members).unwrap().then(&flat).unwrap();
        let written = JsonCodec.encode(None, whole.changes()).unwrap().unwrap();
        prop_assert_eq!(decode(&written), after(&base, &changes));
    }

    /// Members that nobody changed are copied byte for byte, however odd they look.
    #[test]
    fn untouched_members_stay_byte_for_byte(value in 0..9u8, changes in vec(change(), 0..10)) {
        let odd = format!("[1.0,  {value}e0, \"\\u0061\"]");
        let document = JsonCodec.open(format!("{{\"odd\": {odd}}}").as_bytes()).unwrap().unwrap();
        let kept: Vec<_> = changes.into_iter().filter(|change| !matches!(change, Change::Clear)).collect();
        let found = merged(&document, &log(&kept));
        let value = JsonCodec.find(&found, "odd").unwrap();
        prop_assert_eq!(value.as_deref(), Some(odd.as_bytes()));
    }

    #[test]
    fn what_changes_nothing_is_not_encoded(base in map()) {
        let document = encode(&base);
        let mut delta = Delta::default();
        for (key, value) in &base {
            delta.set(key, value).unwrap();
        }
        delta.remove("never there").unwrap();
        let flat = delta.flatten(|_| Ok(None)).unwrap();
        prop_assert_eq!(JsonCodec.encode(Some(&document), flat.changes()).unwrap(), None);
        let once_more = Delta::default();
        prop_assert_eq!(JsonCodec.encode(Some(&document), once_more.changes()).unwrap(), None);
    }
}

/// Setting one key again and again must not keep every value that it had.
#[test]
fn superseded_text_is_given_back_and_the_meaning_stays() {
    let mut delta = Delta::default();
    delta.set("kept", &"x".repeat(1000)).unwrap();
    delta.apply("n", Arc::new(|_| Ok(b"7".to_vec()))).unwrap();
    for round in 0..1000 {
        delta.set("big", &format!("{round}{}", "y".repeat(1000))).unwrap();
        delta.remove("gone").unwrap();
    }
    assert!(delta.text.len() < 4 * COMPACT_ABOVE, "{} bytes", delta.text.len());
    let found = |key: &str| delta.resolve(key, None).unwrap().map(|value| value.len());
    assert_eq!(
        (found("kept"), found("n"), found("big"), found("gone")),
        (Some(1002), Some(1), Some(1005), None)
    );
}

/// The same while a save has the first values in hand.
#[test]
fn compaction_leaves_what_is_in_hand_alone() {
    let mut delta = Delta::default();
    delta.set("a", &"first").unwrap();
    delta.freeze();
    for _ in 0..1000 {
        delta.set("a", &"z".repeat(1000)).unwrap();
    }
    assert_eq!(delta.ops.len(), 2);
    assert_eq!(delta.ops.first().map(|op| delta.value(*op)), Some(b"\"first\"".as_slice()));
    delta.drop_frozen();
    assert_eq!(delta.resolve("a", None).unwrap().map(|value| value.len()), Some(1002));
}

#[test]
fn a_value_that_can_not_be_written_leaves_the_log_as_it_was() {
    let mut delta = Delta::default();
    delta.set("a", &1).unwrap();
    let odd = BTreeMap::from([((1, 2), 3)]);
    assert_eq!(delta.set("a", &odd).unwrap_err().kind(), ErrorKind::Value);
    assert_eq!(delta.known("a"), Known::Yes(Some(b"1".as_slice())));
    assert_eq!(delta.ops.len(), 1);
}

#[test]
fn an_update_that_fails_makes_the_whole_log_fail() {
    let mut delta = Delta::default();
    delta.set("a", &1).unwrap();
    delta.apply("b", Arc::new(|_| Err(Error::new(ErrorKind::Value, "update")))).unwrap();
    assert_eq!(delta.flatten(|_| Ok(None)).map(drop).unwrap_err().kind(), ErrorKind::Value);
    assert_eq!(delta.resolve("a", None).unwrap().as_deref(), Some(b"1".as_slice()));
}

#[test]
fn what_is_printed_holds_no_data() {
    let delta = log(&[Change::Set("secret".into(), 4711)]);
    let changes: Vec<_> = delta.changes().iter().collect();
    let text = format!("{delta:?} {:?} {changes:?}", delta.changes());
    assert!(!text.contains("secret") && !text.contains("4711"), "{text}");
}
