//! The memory engine: it refuses rather than evicts, reclaims what expired, and costs what it says.

use std::process::Command;
use std::time::Duration;

use dancecard_core::{
    ErrorKind, ListQuery, MemoryStore, Meta, Record, RecordKey, Store, Support, Timestamp, WriteMode,
};

const MINUTE: Duration = Duration::from_secs(60);

fn start() -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000)
}

fn after(minutes: u32) -> Timestamp {
    start().saturating_add(minutes * MINUTE)
}

fn key(number: u32) -> RecordKey {
    // Spread like the hashes that keys usually are.
    let words =
        [1, 2, 3, 4].map(|word: u64| (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ word << 7));
    RecordKey::new(&words.map(u64::to_le_bytes).concat())
}

/// A record made in one minute that expires in another.
fn record(made: u32, expires: u32) -> Record {
    Record::new(Meta::new(after(made), after(expires)), b"{}".to_vec())
}

async fn create(store: &MemoryStore, number: u32, record: Record) -> Result<(), ErrorKind> {
    store.write(&key(number), record, WriteMode::Create).await.map(drop).map_err(|error| error.kind())
}

async fn holds(store: &MemoryStore, number: u32) -> bool {
    store.load(&key(number)).await.unwrap().is_some()
}

#[tokio::test]
async fn a_full_engine_refuses_and_evicts_nothing() {
    let store = MemoryStore::new().with_max_sessions(100);
    for number in 0..100 {
        create(&store, number, record(0, 60)).await.unwrap();
    }
    for number in 100..300 {
        assert_eq!(create(&store, number, record(1, 60)).await, Err(ErrorKind::Full));
    }
    assert_eq!(store.len(), 100);
    for number in 0..100 {
        assert!(holds(&store, number).await, "session {number} was evicted");
        store.write(&key(number), record(1, 61), WriteMode::Overwrite).await.unwrap();
    }
}

#[tokio::test]
async fn a_full_engine_works_again_after_a_purge() {
    let store = MemoryStore::new().with_max_sessions(100);
    for number in 0..100 {
        create(&store, number, record(0, if number < 40 { 5 } else { 60 })).await.unwrap();
    }
    assert_eq!(create(&store, 100, record(1, 60)).await, Err(ErrorKind::Full));
    assert_eq!(store.purge_expired(after(10), 25).await.unwrap(), 25);
    assert_eq!(store.purge_expired(after(10), 1000).await.unwrap(), 15);
    assert_eq!(store.len(), 60);
    for number in 100..140 {
        create(&store, number, record(10, 70)).await.unwrap();
    }
    assert_eq!(create(&store, 140, record(10, 70)).await, Err(ErrorKind::Full));
    store.delete(&key(139)).await.unwrap();
    create(&store, 140, record(10, 70)).await.unwrap();
    for number in (40..139).chain([140]) {
        assert!(holds(&store, number).await, "session {number} is gone");
    }
}

/// The limit is exact, however many threads write.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limit_holds_under_concurrent_writers() {
    let store = std::sync::Arc::new(MemoryStore::new().with_max_sessions(1000));
    let writers = (0..4).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut created = 0;
            for number in 0..500 {
                created += u32::from(create(&store, writer * 500 + number, record(0, 60)).await.is_ok());
                tokio::task::yield_now().await;
            }
            created
        })
    });
    let mut created = 0;
    for writer in writers.collect::<Vec<_>>() {
        created += writer.await.unwrap();
    }
    assert_eq!(created, 1000);
    assert_eq!(store.len(), 1000);
}

#[tokio::test]
async fn new_sessions_make_room_by_reclaiming_expired_ones() {
    let store = MemoryStore::new();
    for number in 0..2000 {
        create(&store, number, record(0, 5)).await.unwrap();
    }
    for number in 2000..6000 {
        create(&store, number, record(10, 60)).await.unwrap();
    }
    // Two for each new one in its own part of the table: after twice as many, hardly any is left.
    assert!(store.len() < 4100, "{} records", store.len());
    for number in 2000..6000 {
        assert!(holds(&store, number).await, "live session {number} was reclaimed");
    }
}

#[tokio::test]
async fn a_live_session_is_not_reclaimed_by_what_another_record_says() {
    let store = MemoryStore::new();
    for number in 0..500 {
        create(&store, number, record(0, 10)).await.unwrap();
    }
    // Seen last, by reckoning from its expiry, in the far future.
    let odd = Meta::new(start(), after(10_000)).with_idle(Some(MINUTE));
    for number in 500..2500 {
        create(&store, number, Record::new(odd.clone(), Vec::new())).await.unwrap();
    }
    for number in 0..500 {
        assert!(holds(&store, number).await, "live session {number} was reclaimed");
    }
}

#[tokio::test]
async fn the_wheel_moves_touched_sessions_on() {
    let store = MemoryStore::new();
    for number in 0..1000 {
        create(&store, number, record(0, 5)).await.unwrap();
    }
    // Every second one is used every four minutes for an hour, while purges run.
    for minute in (4..60).step_by(4) {
        for number in (0..1000).step_by(2) {
            assert_eq!(
                store.touch(&key(number), after(minute + 5)).await.unwrap(),
                holds(&store, number).await
            );
        }
        store.purge_expired(after(minute), 10_000).await.unwrap();
    }
    assert_eq!(store.len(), 500);
    for number in 0..1000 {
        assert_eq!(holds(&store, number).await, number % 2 == 0, "session {number}");
    }
    assert_eq!(store.purge_expired(after(61), 10_000).await.unwrap(), 500);
    assert!(store.is_empty());
}

#[tokio::test]
async fn what_was_deleted_and_created_again_expires_once() {
    let store = MemoryStore::new();
    for round in 0..10 {
        for number in 0..100 {
            create(&store, number, record(0, 5 + round)).await.unwrap();
            store.delete(&key(number)).await.unwrap();
        }
    }
    for number in 0..100 {
        create(&store, number, record(0, 30)).await.unwrap();
    }
    assert_eq!(store.purge_expired(after(29), 1000).await.unwrap(), 0);
    assert_eq!(store.purge_expired(after(30), 1000).await.unwrap(), 100);
    assert_eq!(store.purge_expired(after(60), 1000).await.unwrap(), 0);
}

#[tokio::test]
async fn purging_forgets_the_principals() {
    let store = MemoryStore::new();
    for number in 0..50 {
        let meta = record(0, 5).meta.with_principal(Some("alice".into()));
        create(&store, number, Record::new(meta, Vec::new())).await.unwrap();
    }
    store.purge_expired(after(6), 1000).await.unwrap();
    let mut listing = store.list(ListQuery::of("alice".into()));
    let next = std::future::poll_fn(|context| listing.as_mut().poll_next(context)).await;
    assert!(next.is_none());
}

#[test]
fn it_claims_what_it_does() {
    let claims = MemoryStore::new().capabilities();
    assert_eq!(claims.conditional_write, Support::Native);
    assert!(!claims.durable && !claims.shared && !claims.native_expiry);
    assert_eq!(claims.max_payload, None);
}

// Memory per session, measured by the operating system.

/// What a session of 1 KiB is as stored: its JSON and the directory of its keys.
const PAYLOAD: usize = 1074;
const SIZES: [u32; 3] = [115_500, 130_000, 200_000];
const BAR: f64 = 1280.0;
const CHILD: &str = "DANCECARD_TEST_FILL";

/// Fills an engine in a fresh process for each size, and reads what the process grew by. The sizes are those at which
/// tables that double are fullest, just doubled, and in between.
#[cfg(target_os = "linux")]
#[test]
fn memory_per_session() {
    if let Ok(sessions) = std::env::var(CHILD) {
        println!("grown by {} for {sessions}", growth(sessions.parse().unwrap()));
        return;
    }
    for sessions in SIZES {
        let each = measured(sessions) / f64::from(sessions);
        println!("{sessions} sessions: {each:.0} bytes each");
        assert!(each > PAYLOAD as f64, "{each} bytes: less than the payload alone was measured");
        assert!(each <= BAR, "{each:.0} bytes for each of {sessions} sessions, {BAR} at most");
    }
}

/// The growth of a process of its own that holds so many sessions.
#[cfg(target_os = "linux")]
fn measured(sessions: u32) -> f64 {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["memory::memory_per_session", "--exact", "--nocapture", "--test-threads=1"]);
    let output = child.env(CHILD, sessions.to_string()).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let (_, rest) = told.split_once("grown by ").unwrap_or_else(|| panic!("no figure in {told:?}"));
    rest.split(' ').next().unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
fn growth(sessions: u32) -> u64 {
    let store = MemoryStore::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        create(&store, u32::MAX - 1, session(0)).await.unwrap();
        let before = resident();
        for number in 0..sessions {
            create(&store, number, session(number)).await.unwrap();
        }
        assert_eq!(store.len(), sessions as usize + 1);
        resident() - before
    })
}

/// As the session layer writes it: both limits set, nobody signed in. They begin within twenty minutes, so that none expires.
#[cfg(target_os = "linux")]
fn session(number: u32) -> Record {
    let now = start().saturating_add(Duration::from_millis(u64::from(number) * 6));
    let meta = Meta::new(now, now.saturating_add(30 * MINUTE))
        .with_idle(Some(30 * MINUTE))
        .with_absolute_at(now.saturating_add(720 * MINUTE));
    Record::new(meta, vec![number as u8; PAYLOAD])
}

/// Resident bytes of this process.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let resident: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    resident * 4096
}
