//! Many clients at once, and a history of what they were told.

use std::collections::HashSet;
use std::ops::Range;

use dancecard_core::{Retry, Store, Version, WriteMode};
use dancecard_servers::{Mode, Proxy, Way};
use dancecard_store_redis::RedisStore;
use dancecard_testkit::Random;
use dancecard_testkit::interleave::{Counterexample, explore, seeds};

use crate::world::*;

trials![
    a_hundred_clients_lose_nothing,
    a_hundred_clients_on_breaking_connections_lose_nothing,
    requests_in_every_order_keep_their_promises,
    requests_in_every_order_near_the_cache_keep_their_promises,
];

const CLIENTS: usize = 100;
const SESSIONS: usize = 10;
const WRITES: usize = 20;

/// What a client was told of its writes: each adds a line of its own to a session.
#[derive(Default)]
struct Told {
    done: Vec<(usize, String)>,
    unknown: Vec<(usize, String)>,
    versions: Vec<Version>,
}

/// Adds lines to sessions, each on the state that was loaded, until so many were.
async fn client(store: RedisStore, number: usize) -> Told {
    let mut random = Random::named(number as u64, "client");
    let mut told = Told::default();
    while told.done.len() + told.unknown.len() < WRITES {
        let session = random.below(SESSIONS);
        let line = format!("{number}.{};", told.done.len() + told.unknown.len());
        let Ok(found) = store.load(&key(session)).await else { continue };
        let found = found.expect("created before");
        let mut payload = found.payload().to_vec();
        payload.extend(line.bytes());
        let update = WriteMode::Update(found.version().clone());
        match store.write(&key(session), record(payload), update).await {
            Ok(version) => {
                told.versions.push(version);
                told.done.push((session, line));
            }
            Err(error) if error.is_conflict() => {}
            Err(error) if error.retry() == Retry::Unknown => told.unknown.push((session, line)),
            Err(error) => assert_eq!(error.retry(), Retry::Safe, "{error}"),
        }
    }
    told
}

/// Several engines, as several processes have them.
pub(crate) async fn history(engines: Vec<RedisStore>, looking: &RedisStore) -> usize {
    for session in 0..SESSIONS {
        looking.write(&key(session), record(""), WriteMode::Create).await.unwrap();
    }
    let clients = (0..CLIENTS).map(|number| {
        let store = engines[number % engines.len()].clone();
        tokio::spawn(client(store, number))
    });
    let clients: Vec<_> = clients.collect();
    let (mut versions, mut unknown) = (HashSet::new(), 0);
    let mut sessions = Vec::new();
    let mut told = Vec::new();
    for client in clients {
        told.push(client.await.unwrap());
    }
    for session in 0..SESSIONS {
        let text = String::from_utf8(payload(looking, session).await.unwrap()).unwrap();
        let lines: Vec<String> = text.split_inclusive(';').map(str::to_owned).collect();
        let distinct: HashSet<_> = lines.iter().cloned().collect();
        assert_eq!(distinct.len(), lines.len(), "a line is there twice");
        sessions.push(distinct);
    }
    let mut accounted = 0;
    for told in told {
        for (session, line) in &told.done {
            assert!(sessions[*session].contains(line), "{line} was acknowledged and is lost");
        }
        accounted += told.done.len();
        accounted += told.unknown.iter().filter(|(session, line)| sessions[*session].contains(line)).count();
        unknown += told.unknown.len();
        assert!(told.versions.into_iter().all(|version| versions.insert(version)), "a version came twice");
    }
    let lines: usize = sessions.iter().map(HashSet::len).sum();
    assert_eq!(lines, accounted, "a line is there that nobody wrote");
    unknown
}

async fn a_hundred_clients_lose_nothing() {
    let config = config(&shared().url());
    let engines = (0..3).map(|_| connect(&config)).collect();
    assert_eq!(history(engines, &connect(&config)).await, 0);
}

async fn a_hundred_clients_on_breaking_connections_lose_nothing() {
    let proxy = Proxy::start(shared().address()).unwrap();
    let config = config(&proxy.url(&shared().url()));
    let engines = (0..3).map(|_| connect(&config)).collect();
    let looking = connect(&config.clone());
    let breaking = async {
        let mut random = Random::new(7);
        loop {
            let way = if random.chance(500) { Way::Requests } else { Way::Replies };
            proxy.set(Mode::Cut { way, after: random.below(20_000) as u64, once: true });
            until(async || proxy.mode() == Mode::Pass).await;
        }
    };
    let unknown = tokio::select! {
        unknown = history(engines, &looking) => unknown,
        () = breaking => unreachable!(),
    };
    println!("{unknown} of {} writes were told as unknown", CLIENTS * WRITES);
    assert!(unknown > 0, "nothing was cut");
}

/// Explores on a thread of its own, since each schedule runs on one, with the engine's work on the runtime.
pub(crate) async fn schedules(range: Range<u64>, open: impl Fn() -> RedisStore + Send + 'static) {
    let runtime = tokio::runtime::Handle::current();
    let explored = tokio::task::spawn_blocking(move || {
        let _entered = runtime.enter();
        explore(open, seeds(range)).map(|report| report.schedules())
    });
    let explored: Result<usize, Counterexample> = explored.await.unwrap();
    assert!(explored.unwrap() > 0);
}

async fn requests_in_every_order_keep_their_promises() {
    schedules(0..150, store).await;
}

async fn requests_in_every_order_near_the_cache_keep_their_promises() {
    schedules(150..250, || connect(&config(&shared().url()).with_near_cache(1 << 20))).await;
}
