//! The table of the near cache: what is put in is found, counted and evicted as it should be.

use std::collections::HashMap;

use proptest::prelude::*;

use super::shard::Shard;
use crate::clock::Timestamp;
use crate::id::RecordKey;
use crate::record::{Meta, Record, Version, Versioned};

const NOW: Timestamp = Timestamp::from_millis(0);

fn record(number: u64) -> Versioned {
    let meta = Meta::new(NOW, Timestamp::from_millis(number as i64));
    Versioned::new(Record::new(meta, Vec::new()), Version::from_u64(number))
}

fn key(number: u8) -> RecordKey {
    RecordKey::new(&[number])
}

/// Few hashes, so that keys meet in the table.
fn hash(number: u8) -> u64 {
    u64::from(number % 7) << 57 | u64::from(number % 5)
}

fn find(shard: &mut Shard, number: u8) -> Option<u64> {
    shard.find(hash(number), &key(number)).and_then(|entry| entry.versioned.version().as_u64())
}

#[derive(Debug, Clone)]
enum Op {
    Put(u8, usize),
    Remove(u8),
    Read(u8),
    Purge(i64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (any::<u8>(), 1..20_usize).prop_map(|(key, weight)| Op::Put(key, weight)),
        2 => any::<u8>().prop_map(Op::Remove),
        2 => any::<u8>().prop_map(Op::Read),
        1 => (0..300_i64).prop_map(Op::Purge),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Without a bound it is a map.
    #[test]
    fn a_shard_with_room_is_a_map(ops in proptest::collection::vec(op(), 0..300)) {
        let (mut shard, mut model) = (Shard::new(usize::MAX), HashMap::new());
        for (number, op) in ops.into_iter().enumerate() {
            let version = number as u64;
            match op {
                Op::Put(one, weight) => {
                    shard.put(hash(one), &key(one), record(version), NOW, weight);
                    model.insert(one, (version, weight));
                }
                Op::Remove(one) => {
                    shard.remove(hash(one), &key(one));
                    model.remove(&one);
                }
                Op::Read(one) => drop(shard.read(hash(one), &key(one)).map(|_| ())),
                Op::Purge(now) => {
                    shard.remove_expired(Timestamp::from_millis(now));
                    model.retain(|_, (version, _)| *version as i64 > now);
                }
            }
            prop_assert_eq!(shard.len(), model.len());
            prop_assert_eq!(shard.bytes(), model.values().map(|(_, weight)| weight).sum::<usize>());
        }
        for one in 0..=u8::MAX {
            prop_assert_eq!(find(&mut shard, one), model.get(&one).map(|(version, _)| *version));
        }
    }

    /// With a bound it keeps to that, and what is there is what was put there last.
    #[test]
    fn a_bound_is_kept(ops in proptest::collection::vec(op(), 0..300), most in 0..100_usize) {
        let (mut shard, mut model) = (Shard::new(most), HashMap::new());
        for (number, op) in ops.into_iter().enumerate() {
            let version = number as u64;
            match op {
                Op::Put(one, weight) => {
                    shard.put(hash(one), &key(one), record(version), NOW, weight);
                    model.insert(one, version);
                    prop_assert_eq!(find(&mut shard, one), Some(version).filter(|_| weight <= most));
                }
                Op::Remove(one) => {
                    shard.remove(hash(one), &key(one));
                    prop_assert_eq!(find(&mut shard, one), None);
                }
                Op::Read(one) => drop(shard.read(hash(one), &key(one)).map(|_| ())),
                Op::Purge(now) => shard.remove_expired(Timestamp::from_millis(now)),
            }
            prop_assert!(shard.bytes() <= most);
            for one in 0..=u8::MAX {
                let found = find(&mut shard, one);
                prop_assert!(found.is_none() || found == model.get(&one).copied());
            }
        }
        shard.clear();
        prop_assert_eq!((shard.len(), shard.bytes()), (0, 0));
    }
}

/// The newest is not the first to go, wherever the hand stands.
#[test]
fn eviction_goes_round() {
    let mut shard = Shard::new(10);
    for number in 0..100 {
        shard.put(hash(number), &key(number), record(number.into()), NOW, 1);
        let oldest = number.saturating_sub(9);
        for kept in oldest..=number {
            assert!(find(&mut shard, kept).is_some(), "{kept} of {oldest}..={number}");
        }
    }
}

#[test]
fn what_is_read_outlasts_what_is_not() {
    let mut shard = Shard::new(10);
    for number in 0..10 {
        shard.put(hash(number), &key(number), record(number.into()), NOW, 1);
    }
    for number in 10..100 {
        assert!(shard.read(hash(3), &key(3)).is_some(), "before {number}");
        shard.put(hash(number), &key(number), record(number.into()), NOW, 1);
    }
}
