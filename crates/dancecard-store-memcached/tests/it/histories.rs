//! A hundred clients whose connections break and whose server hangs or is killed, and the history of what they were told.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{Result, Retry, Store, Version, WriteMode};
use dancecard_servers::{Proxy, harm};
use dancecard_store_memcached::{Config, MemcachedStore};
use dancecard_testkit::{Clients, Progress, Random};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::fixture::*;

cases! { "histories":
    a_hundred_clients_lose_nothing_to_cuts_and_pauses,
    a_hundred_clients_of_a_ring_lose_nothing_to_harm_before_one,
    a_killed_server_signs_out_and_brings_nothing_back,
}

async fn a_hundred_clients_lose_nothing_to_cuts_and_pauses() {
    let server = server();
    let (proxy, store) = behind_proxy(&server, PATIENT);
    let other = MemcachedStore::connect(through(&proxy)).unwrap();
    let halt = async || {
        server.pause();
        // Long enough that some wait.
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.resume();
    };
    let harm = async |progress: &Progress| harm(&proxy, progress, 5_000, halt).await;
    let told = Clients::new().run([store, other], harm).await.unwrap();
    println!("{told:?}");
    assert_eq!(told.acknowledged + told.unknown, 2000);
    assert!(told.unknown > 0, "nothing was cut: {told:?}");
}

/// With records enough that the server that is harmed has some of them, wherever the ring puts it.
async fn a_hundred_clients_of_a_ring_lose_nothing_to_harm_before_one() {
    let servers = [server(), server(), server()];
    let proxy = Proxy::start(servers[1].address()).unwrap();
    let names = [servers[0].address(), proxy.address(), servers[2].address()];
    let config = Config::new(names.map(|address| address.to_string())).with_timeout(PATIENT);
    let engines = [(); 2].map(|()| MemcachedStore::connect(config.clone()).unwrap());
    let halt = async || {
        servers[1].pause();
        tokio::time::sleep(Duration::from_millis(50)).await;
        servers[1].resume();
    };
    let harm = async |progress: &Progress| harm(&proxy, progress, 5_000, halt).await;
    let told = Clients::new().with_records(60).run(engines, harm).await.unwrap();
    println!("{told:?}");
    assert_eq!(told.acknowledged + told.unknown, 2000);
    assert!(told.unknown > 0, "nothing was cut: {told:?}");
}

const CLIENTS: usize = 100;
const SESSIONS: usize = 10;
const LINES: usize = 20;
const KILLS: usize = 3;

/// What a client was told of a line: in which session it is, as which life of it began, and which version that made.
struct Line {
    session: usize,
    life: String,
    text: String,
    version: Option<Version>,
}

/// A session that is gone is begun anew, under the name of who does it; others add lines to it. With a server that was
/// killed, all that it held is gone, and none of it comes back into what is begun afterwards.
async fn a_killed_server_signs_out_and_brings_nothing_back() {
    let server = server();
    let stores = [Arc::new(store(&server)), Arc::new(store(&server))];
    let mut clients = JoinSet::new();
    let (settled, mut progress) = watch::channel(0);
    for number in 0..CLIENTS {
        clients.spawn(lines(stores[number % 2].clone(), number, settled.clone()));
    }
    drop(settled);
    for kill in 1..=KILLS {
        progress.wait_for(|settled| *settled >= kill * 500).await.unwrap();
        server.kill();
        server.restart().unwrap();
    }
    let mut told = Vec::new();
    while let Some(lines) = clients.join_next().await {
        told.extend(lines.unwrap());
    }
    examine(&stores[0], &told).await;
}

/// Adds lines to sessions, each on what was loaded.
async fn lines(store: Arc<MemcachedStore>, number: usize, settled: watch::Sender<usize>) -> Vec<Line> {
    let mut random = Random::named(number as u64, "client");
    let mut told = Vec::new();
    for count in 0..LINES {
        let (session, text) = (random.below(SESSIONS), format!("{number}.{count};"));
        for attempt in 0.. {
            match add(&store, session, &text, attempt).await {
                Ok(Some(line)) => {
                    told.push(line);
                    break;
                }
                Ok(None) => {}
                Err(error) => {
                    assert!(error.is_conflict() || error.retry() == Retry::Safe, "{error}");
                    tokio::task::yield_now().await;
                }
            }
        }
        settled.send_modify(|settled| *settled += 1);
    }
    told
}

/// Adds a line, or begins the session if there is none, with a name that no other life of it has.
async fn add(store: &MemcachedStore, session: usize, text: &str, attempt: usize) -> Result<Option<Line>> {
    let Some(found) = store.load(&key(session)).await? else {
        let name = record(format!("={attempt}.{text}"));
        let begun = store.write(&key(session), name, WriteMode::Create).await;
        return begun
            .map(|_| None)
            .or_else(|error| if error.retry() == Retry::Unknown { Ok(None) } else { Err(error) });
    };
    let payload = std::str::from_utf8(found.payload()).unwrap();
    let life = payload.split_inclusive(';').next().unwrap().to_owned();
    let line = |version| Some(Line { session, life: life.clone(), text: text.to_owned(), version });
    let update = WriteMode::Update(found.version().clone());
    match store.write(&key(session), record(format!("{payload}{text}")), update).await {
        Ok(version) => Ok(line(Some(version))),
        Err(error) if error.retry() == Retry::Unknown => Ok(line(None)),
        Err(error) => Err(error),
    }
}

async fn examine(store: &MemcachedStore, told: &[Line]) {
    let mut lives = HashSet::new();
    for session in 0..SESSIONS {
        let of_this = || told.iter().filter(|line| line.session == session);
        let text = String::from_utf8(payload(store, session).await.unwrap_or_default()).unwrap();
        let mut there = text.split_inclusive(';');
        let life = there.next().unwrap_or_default();
        let there: Vec<&str> = there.collect();
        let distinct: HashSet<_> = there.iter().collect();
        assert_eq!(distinct.len(), there.len(), "a line is there twice");
        for line in of_this().filter(|line| line.life == life && line.version.is_some()) {
            assert!(distinct.contains(&line.text.as_str()), "{} was acknowledged and is lost", line.text);
        }
        for text in &there {
            let is_of_it = of_this().any(|line| line.life == life && line.text == **text);
            assert!(is_of_it, "{text} is there, though it was not added to this life");
        }
        let mut versions = HashSet::new();
        let mut made = of_this().filter_map(|line| line.version.as_ref());
        assert!(made.all(|version| versions.insert(version)), "a version came twice");
        lives.extend(of_this().map(|line| line.life.clone()));
    }
    println!("{} lines in {} lives of {SESSIONS} sessions", told.len(), lives.len());
    assert!(lives.len() > SESSIONS, "nothing was lost with the server");
}
