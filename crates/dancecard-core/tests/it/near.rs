//! What the near cache takes of this process's memory, by its own count and by the operating system's.

use std::process::Command;
use std::time::Duration;

use dancecard_core::{
    CachedStore, Capabilities, Meta, Record, RecordKey, Result, Store, Support, Timestamp, Version,
    Versioned, WriteMode,
};

/// What a session of 1 KiB is as stored.
const PAYLOAD: usize = 1074;
const CHILD: &str = "DANCECARD_TEST_CACHE";
/// Tables nearly full and just doubled, and a cache that evicts all the time.
const LOADS: [(u64, usize); 3] = [(28_600, 1 << 30), (28_800, 1 << 30), (60_000, 16 << 20)];

/// An engine that has a record under every key, and keeps none of them.
#[derive(Debug)]
struct Endless {
    payload: usize,
    principal: bool,
}

impl Store for Endless {
    fn engine(&self) -> &'static str {
        "endless"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().with_conditional_write(Support::Native)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let name = |prefix: &str| format!("{prefix} {}", key.to_hex());
        let mut meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX);
        if self.principal {
            meta = meta
                .with_principal(Some(name("ada").into()))
                .with_device(Some(&name("browser")), Some("::1"));
        }
        let record = Record::new(meta, vec![key.as_bytes()[0]; self.payload]);
        Ok(Some(Versioned::new(record, Version::from_bytes(key.as_bytes()))))
    }

    async fn write(&self, _: &RecordKey, _: Record, _: WriteMode) -> Result<Version> {
        Err(self.unsupported("write"))
    }

    async fn delete(&self, _: &RecordKey) -> Result<()> {
        Ok(())
    }
}

fn key(number: u64) -> RecordKey {
    let words = [1, 2, 3, 4].map(|word: u64| (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ word << 7));
    RecordKey::new(&words.map(u64::to_le_bytes).concat())
}

/// Fills a cache in a fresh process, and compares its own count with what the process grew by.
#[cfg(target_os = "linux")]
#[test]
fn bytes_are_counted_as_they_are() {
    if let Ok(told) = std::env::var(CHILD) {
        let mut told = told.split(' ').map(|word| word.parse().unwrap());
        let [loads, bound, payload, principal] = std::array::from_fn(|_| told.next().unwrap());
        let (counted, grown) = fill(loads, bound as usize, payload as usize, principal == 1);
        println!("counted {counted} grown {grown} .");
        return;
    }
    for (loads, bound) in LOADS {
        for (payload, principal) in [(PAYLOAD, 0), (PAYLOAD, 1), (100, 0)] {
            let (counted, grown) = measured(&format!("{loads} {bound} {payload} {principal}"));
            println!("{loads} loads of {payload} bytes, bound {bound}: counted {counted}, grown by {grown}");
            assert!(counted <= bound as u64);
            assert!(grown <= counted + counted / 20, "grown by {grown}, counted {counted}");
            assert!(grown >= counted / 2, "grown by {grown}, counted {counted}: counted far too much");
        }
    }
}

/// By a process of its own.
#[cfg(target_os = "linux")]
fn measured(what: &str) -> (u64, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["near::bytes_are_counted_as_they_are", "--exact", "--nocapture", "--test-threads=1"]);
    let output = child.env(CHILD, what).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let figure = |word: &str| -> u64 {
        let (_, rest) = told.split_once(word).unwrap_or_else(|| panic!("no figure in {told:?}"));
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    (figure("counted "), figure("grown "))
}

#[cfg(target_os = "linux")]
fn fill(loads: u64, bound: usize, payload: usize, principal: bool) -> (usize, u64) {
    let store = CachedStore::new(Endless { payload, principal })
        .with_max_age(Duration::from_secs(3600))
        .with_max_bytes(bound);
    let near = store.near();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        store.load(&key(u64::MAX - 1)).await.unwrap();
        let before = resident();
        for number in 0..loads {
            store.load(&key(number)).await.unwrap();
            assert!(near.bytes() <= bound);
        }
        (near.bytes(), resident() - before)
    })
}

/// Resident bytes of this process.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let resident: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    resident * 4096
}
