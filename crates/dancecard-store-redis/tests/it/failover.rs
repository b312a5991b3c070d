//! Masters that go, and what is lost with them: of a cluster, while a dozen clients count and end sessions on all nodes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dancecard_core::{ErrorKind, ListQuery, Result, Retry, Store, WriteMode};
use dancecard_servers::redis_cluster::{self, Cluster};
use dancecard_servers::{Server, redis};
use dancecard_store_redis::RedisStore;
use tokio::task::JoinHandle;

use crate::world::*;

trials![
    a_killed_master_takes_nothing_along,
    a_master_that_hangs_takes_nothing_along,
    a_master_told_not_to_write_alone_refuses,
];

const CLIENTS: usize = 12;
/// How often each counts before the master goes, and how often after it.
const COUNTS: u64 = 15;
/// Of an operation.
const DEADLINE: Duration = Duration::from_millis(400);
/// Of one that only looks: longer than a busy machine takes, and short enough that a master which hangs is given up soon.
const CALM: Duration = Duration::from_secs(5);
/// What a busy machine may add to it.
const GRACE: Duration = Duration::from_secs(3);

/// An engine as it is before the failure, and as it is after it.
#[derive(Clone)]
struct Engines {
    /// Takes a write for done when the replica has it.
    confirmed: RedisStore,
    /// The same without a replica, as the one that was promoted has none.
    alone: RedisStore,
    /// The same for looking at what is there, without haste.
    calm: RedisStore,
    has_failed: Arc<AtomicBool>,
}

impl Engines {
    fn on(cluster: &Cluster) -> Self {
        // With this prefix, there are sessions on every master.
        let config = config(&cluster.url()).with_prefix("f:");
        let calm = connect(&config.clone().with_timeout(CALM).with_connect_timeout(DEADLINE));
        let config = config.with_timeout(DEADLINE).with_connect_timeout(DEADLINE);
        let confirmed = connect(&config.clone().with_replicas_to_wait(1));
        Self { confirmed, alone: connect(&config), calm, has_failed: Arc::default() }
    }

    fn now(&self) -> &RedisStore {
        if self.has_failed() { &self.alone } else { &self.confirmed }
    }

    fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::SeqCst)
    }
}

/// One that counts in a session of its own, and what it was told.
struct Client {
    number: usize,
    engines: Engines,
    /// Counts that were acknowledged, and those of which nobody knows.
    sure: u64,
    unknown: u64,
    /// Operations that failed.
    failed: u64,
    begun: usize,
    /// Sessions that were begun and ended, both for certain.
    ended: Vec<String>,
}

impl Client {
    fn new(number: usize, engines: &Engines) -> Self {
        let (engines, ended) = (engines.clone(), Vec::new());
        Self { number, engines, sure: 0, unknown: 0, failed: 0, begun: 0, ended }
    }

    /// Goes on until so many counts are certain, and ends a session after each of every two.
    async fn count(mut self, until: u64) -> Self {
        let begun = Instant::now();
        while self.sure < until {
            assert!(begun.elapsed() < PATIENCE * 2, "it does not come back");
            self.step().await;
            if self.sure.is_multiple_of(2) {
                self.end_another().await;
            }
        }
        self
    }

    async fn step(&mut self) {
        let (store, key) = (self.engines.now().clone(), key(self.number));
        let Ok(found) = self.told(store.load(&key)).await else { return };
        let found = found.expect("created before");
        let next = record((number_in(found.payload()) + 1).to_string());
        match self.told(store.write(&key, next, WriteMode::Update(found.version().clone()))).await {
            Ok(_) => self.sure += 1,
            Err(Retry::Unknown) => self.unknown += 1,
            Err(_) => {}
        }
    }

    /// Begins a session and ends it. Where one of the two is not certain, nothing is said of it.
    async fn end_another(&mut self) {
        let name = format!("{} {}", self.number, self.begun);
        self.begun += 1;
        let (store, key) = (self.engines.now().clone(), key(&name));
        let is_there = self.told(store.write(&key, bulk(100), WriteMode::Create)).await.is_ok();
        if is_there && self.told(store.delete(&key)).await.is_ok() {
            self.ended.push(name);
        }
    }

    /// What an operation gives within its time: a result, or whether anybody knows.
    async fn told<T>(&mut self, operation: impl Future<Output = Result<T>>) -> std::result::Result<T, Retry> {
        let begun = Instant::now();
        let result = operation.await;
        assert!(begun.elapsed() < DEADLINE + GRACE, "{:?}", begun.elapsed());
        result.map_err(|error| {
            let is_late = error.is_conflict() && self.unknown > 0;
            assert!(is_late || error.kind() == ErrorKind::Unavailable, "{error}");
            self.failed += u64::from(!is_late);
            error.retry()
        })
    }

    /// The session is what this client was told of it, and what it ended is gone.
    async fn check(&self, store: &RedisStore) {
        let found = number_in(&payload(store, self.number).await.unwrap());
        let possible = self.sure..=self.sure + self.unknown;
        assert!(possible.contains(&found), "{found} of {possible:?} in session {}", self.number);
        for name in &self.ended {
            assert_eq!(payload(store, name).await, None, "{name} came back");
        }
    }
}

fn number_in(payload: &[u8]) -> u64 {
    std::str::from_utf8(payload).unwrap().parse().unwrap()
}

async fn a_killed_master_takes_nothing_along() {
    fails_over(Server::kill, |server| server.restart().unwrap()).await;
}

/// It takes itself for a master for a moment longer when it goes on; nobody is with it.
async fn a_master_that_hangs_takes_nothing_along() {
    fails_over(Server::pause, Server::resume).await;
}

async fn fails_over(fail: fn(&Server), mend: fn(&Server)) {
    let cluster = redis_cluster::start().unwrap();
    let engines = Engines::on(&cluster);
    for number in 0..CLIENTS {
        let zero = async || engines.alone.write(&key(number), record("0"), WriteMode::Overwrite).await;
        until(async || zero().await.is_ok()).await;
    }
    let clients = (0..CLIENTS).map(|number| Client::new(number, &engines)).collect();
    let clients = finish(start(clients, COUNTS)).await;
    let failures = |clients: &[Client]| clients.iter().map(|client| client.failed).sum::<u64>();
    let before = failures(&clients);

    let master = cluster.masters()[0];
    let counting = start(clients, COUNTS * 3);
    fail(master);
    engines.has_failed.store(true, Ordering::SeqCst);
    let clients = finish(counting).await;
    let outages = failures(&clients) - before;
    println!("{outages} operations were refused or unknown");
    assert!(outages > 0, "nobody noticed");
    check(&engines.calm, &clients).await;

    mend(master);
    cluster.settle().unwrap();
    check(&engines.calm, &clients).await;
    let clients = finish(start(clients, COUNTS * 4)).await;
    check(&engines.calm, &clients).await;
}

fn start(clients: Vec<Client>, until: u64) -> Vec<JoinHandle<Client>> {
    clients.into_iter().map(|client| tokio::spawn(client.count(until))).collect()
}

async fn finish(counting: Vec<JoinHandle<Client>>) -> Vec<Client> {
    let mut clients = Vec::new();
    for client in counting {
        clients.push(client.await.unwrap());
    }
    clients
}

/// By an engine that had all of it, with the sessions that the principal's index names.
async fn check(store: &RedisStore, clients: &[Client]) {
    until(async || store.health().await.is_ok()).await;
    for client in clients {
        client.check(store).await;
    }
    let listed = list(store, ListQuery::of(SECRET.into())).await;
    let listed: HashSet<_> = listed.into_iter().map(|entry| entry.unwrap().key).collect();
    assert!((0..CLIENTS).all(|number| listed.contains(&key(number))));
}

/// By `min-replicas-to-write`, which bounds what is lost with a master that is cut off.
async fn a_master_told_not_to_write_alone_refuses() {
    let server = redis::start().unwrap();
    let store = connect(&config(&server.url()).with_timeout(DEADLINE));
    until(async || store.write(&key("a"), record("1"), WriteMode::Overwrite).await.is_ok()).await;
    let mut raw = raw(&server).await;
    let _: () = run(&mut raw, &[b"CONFIG", b"SET", b"min-replicas-to-write", b"1"]).await;
    let written = store.write(&key("a"), record("2"), WriteMode::Overwrite).await.unwrap_err();
    let touched = store.touch(&key("a"), later(9000)).await.unwrap_err();
    let deleted = store.delete(&key("a")).await.unwrap_err();
    for error in [written, touched, deleted] {
        assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    }
    assert_eq!(payload(&store, "a").await.unwrap(), b"1");
    let _: () = run(&mut raw, &[b"CONFIG", b"SET", b"min-replicas-to-write", b"0"]).await;
    store.delete(&key("a")).await.unwrap();
}
