//! What the near cache takes of this process's memory.

use std::process::Command;

use dancecard_core::{Meta, Record, Store, Timestamp, WriteMode};
use dancecard_store_redis::Config;
use tokio::task::JoinSet;

use crate::world::*;

trials![sessions_in_memory_take_no_more_than_the_bound];

const CHILD: &str = "DANCECARD_TEST_REDIS_NEAR";
/// How long the principals are, how many sessions there are, and for how many bytes there is room, which is less.
const CASES: [(usize, usize, usize); 2] = [(10_000, 5000, 32 << 20), (20, 32_000, 16 << 20)];

/// By the operating system's count, in a process of its own, which has nothing else to do.
async fn sessions_in_memory_take_no_more_than_the_bound() {
    if let Ok(told) = std::env::var(CHILD) {
        let (url, figures) = told.split_once(' ').unwrap();
        let mut figures = figures.split(' ').map(|figure| figure.parse().unwrap());
        let [length, count, bound] = std::array::from_fn(|_| figures.next().unwrap());
        let config = config(url).with_prefix(format!("near{length}:")).with_near_cache(bound);
        println!("grown {} .", grown(&config, length, count).await);
        return;
    }
    for (length, count, bound) in CASES {
        let what = format!("{} {length} {count} {bound}", shared().url());
        let grown = tokio::task::spawn_blocking(move || measured(&what)).await.unwrap();
        println!("{count} sessions with principals of {length} bytes: grown by {grown}, bound {bound}");
        // What replies came in is freed, and not always given back.
        let most = bound + bound / 2;
        assert!(grown <= most, "principals of {length} bytes: grown by {grown}");
        assert!(
            grown >= bound / 2,
            "principals of {length} bytes: grown by {grown}, which is far too little"
        );
    }
}

fn measured(what: &str) -> usize {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["room::sessions_in_memory_take_no_more_than_the_bound", "--exact", "--nocapture"]);
    let told = String::from_utf8(child.env(CHILD, what).output().unwrap().stdout).unwrap();
    let (_, rest) = told.split_once("grown ").unwrap_or_else(|| panic!("no figure in {told:?}"));
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// By how many bytes this process grows when it reads sessions with principals of this length.
async fn grown(config: &Config, length: usize, count: usize) -> usize {
    let store = connect(config);
    let name =
        |number: usize| format!("{SECRET}{number:0>width$}", width = length.saturating_sub(SECRET.len()));
    let of = |number| {
        let meta = Meta::new(now(), Timestamp::MAX).with_principal(Some(name(number).as_str().into()));
        Record::new(meta, vec![7; 50])
    };
    let mut writes = JoinSet::new();
    for number in 0..count {
        let (store, record) = (store.clone(), of(number));
        writes.spawn(async move { store.write(&key(number), record, WriteMode::Create).await.map(drop) });
        if writes.len() == 64 {
            writes.join_next().await.unwrap().unwrap().unwrap();
        }
    }
    writes.join_all().await.into_iter().for_each(Result::unwrap);
    let before = resident();
    for number in 0..count {
        store.load(&key(number)).await.unwrap().unwrap();
    }
    resident() - before
}

/// Resident bytes of this process.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
