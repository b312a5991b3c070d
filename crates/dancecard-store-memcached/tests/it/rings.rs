//! Several servers: each has its share of the keys, and the loss of one is the loss of its share.

use std::time::{Duration, Instant};

use dancecard_core::{ErrorKind, Retry, Store, WriteMode};
use dancecard_servers::{Mode, Proxy, Running, Way};
use dancecard_store_memcached::{Config, MemcachedStore};

use crate::fixture::*;

cases! { "rings":
    every_server_has_its_share,
    the_order_of_the_servers_does_not_matter,
    the_keys_of_a_server_that_is_down_are_unavailable,
    with_failover_the_next_server_takes_them,
    with_failover_what_was_ended_while_a_server_was_cut_off_is_there_again,
    with_failover_what_began_elsewhere_is_there_again_at_the_next_outage,
    without_failover_an_end_that_does_not_arrive_is_not_acknowledged,
    a_bad_network_before_one_server_is_felt_by_its_share_alone,
    health_asks_all_of_them,
}

const KEYS: usize = 300;

fn servers() -> Vec<Running> {
    (0..3).map(|_| server()).collect()
}

fn connect(config: Config) -> MemcachedStore {
    MemcachedStore::connect(config).unwrap()
}

async fn fill(store: &MemcachedStore) {
    for number in 0..KEYS {
        create(store, number).await;
    }
}

/// Which of the keys the server has.
fn share(server: &Running) -> Vec<usize> {
    (0..KEYS)
        .filter(|number| raw(server, format!("mg {} s\r\n", raw_key(number))).starts_with("HD"))
        .collect()
}

async fn every_server_has_its_share() {
    let servers = servers();
    fill(&connect(ring(&servers))).await;
    let shares: Vec<_> = servers.iter().map(share).collect();
    assert_eq!(shares.iter().map(Vec::len).sum::<usize>(), KEYS);
    assert!(shares.iter().all(|share| share.len() > KEYS / 6), "{:?}", shares.iter().map(Vec::len));
}

async fn the_order_of_the_servers_does_not_matter() {
    let mut servers = servers();
    fill(&connect(ring(&servers))).await;
    servers.rotate_left(1);
    let other = connect(ring(&servers));
    for number in 0..KEYS {
        assert!(payload(&other, number).await.is_some());
    }
}

async fn the_keys_of_a_server_that_is_down_are_unavailable() {
    let servers = servers();
    let store = connect(ring(&servers));
    fill(&store).await;
    let lost = share(&servers[1]);
    servers[1].kill();
    for number in 0..KEYS {
        match store.load(&key(number)).await {
            Ok(found) => assert!(found.is_some() && !lost.contains(&number)),
            Err(error) => {
                assert!(lost.contains(&number));
                assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
                let overwrite = store.write(&key(number), record(""), WriteMode::Overwrite).await;
                assert_is(&overwrite.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
            }
        }
    }
    assert_eq!(share(&servers[0]).len() + share(&servers[2]).len(), KEYS - lost.len());
    servers[1].restart().unwrap();
    recovered(&store).await;
    for number in lost {
        assert_eq!(payload(&store, number).await, None);
        create(&store, number).await;
    }
}

async fn with_failover_the_next_server_takes_them() {
    let servers = servers();
    let store = connect(ring(&servers).with_failover(true));
    fill(&store).await;
    let lost = share(&servers[1]);
    servers[1].kill();
    for number in &lost {
        // The first may meet the connection as it ends.
        let _ = store.load(&key(number)).await;
        assert_eq!(payload(&store, number).await, None);
        let version = create(&store, number).await;
        store.write(&key(number), record("moved"), WriteMode::Update(version)).await.unwrap();
        assert_eq!(payload(&store, number).await.unwrap(), b"moved");
    }
    assert_eq!(share(&servers[0]).len() + share(&servers[2]).len(), KEYS);
    servers[0].kill();
    servers[2].kill();
    let _ = store.load(&key(0)).await;
    assert_is(&store.load(&key(0)).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
}

/// Three servers, with a proxy before the second.
struct Partly {
    servers: Vec<Running>,
    proxy: Proxy,
}

impl Partly {
    fn new() -> Self {
        let servers = servers();
        let proxy = Proxy::start(servers[1].address()).unwrap();
        Self { servers, proxy }
    }

    fn config(&self) -> Config {
        let mut config = ring(&self.servers);
        config.servers[1] = self.proxy.address().to_string();
        config
    }

    /// Keys of the second server, and keys of others.
    async fn fill(&self, store: &MemcachedStore) -> (Vec<usize>, Vec<usize>) {
        fill(store).await;
        let theirs = share(&self.servers[1]);
        let others = (0..KEYS).filter(|number| !theirs.contains(number)).collect();
        (theirs, others)
    }

    /// Cuts the second server off, without its knowledge, until the engine has noticed.
    async fn cut_off(&self, store: &MemcachedStore, mode: Mode) {
        self.proxy.set(mode);
        self.proxy.reset();
        store.health().await.unwrap_err();
    }

    async fn rejoin(&self, store: &MemcachedStore) {
        self.proxy.reset();
        self.proxy.set(Mode::Pass);
        recovered(store).await;
    }
}

/// What the crate's page warns of, whether the server refuses or is silent. A restart in between would have emptied it.
async fn with_failover_what_was_ended_while_a_server_was_cut_off_is_there_again() {
    let partly = Partly::new();
    let hasty = partly.config().with_failover(true).with_timeout(Duration::from_secs(1));
    for mode in [Mode::Down, Mode::BlackHole] {
        let store = connect(hasty.clone());
        let name = partly.fill(&store).await.0[0];
        partly.cut_off(&store, mode).await;
        assert_eq!(payload(&store, name).await, None, "{mode:?}");
        store.delete(&key(name)).await.unwrap();
        partly.rejoin(&store).await;
        assert!(payload(&store, name).await.is_some(), "{mode:?}");
        for number in 0..KEYS {
            store.delete(&key(number)).await.unwrap();
        }
    }
}

/// The next server keeps what began there, and nobody asks it while the key's own server is up.
async fn with_failover_what_began_elsewhere_is_there_again_at_the_next_outage() {
    let partly = Partly::new();
    let store = connect(partly.config().with_failover(true));
    let name = partly.fill(&store).await.0[0];
    store.delete(&key(name)).await.unwrap();
    partly.cut_off(&store, Mode::Down).await;
    create(&store, name).await;
    partly.rejoin(&store).await;
    assert_eq!(payload(&store, name).await, None);
    store.delete(&key(name)).await.unwrap();
    partly.cut_off(&store, Mode::Down).await;
    assert!(payload(&store, name).await.is_some());
}

async fn without_failover_an_end_that_does_not_arrive_is_not_acknowledged() {
    let partly = Partly::new();
    let store = connect(partly.config());
    let name = partly.fill(&store).await.0[0];
    partly.cut_off(&store, Mode::Down).await;
    assert_is(&store.load(&key(name)).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    assert_is(&store.delete(&key(name)).await.unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    partly.rejoin(&store).await;
    store.delete(&key(name)).await.unwrap();
    assert_eq!(payload(&store, name).await, None);
}

/// With failover or without: what was sent to a server is never sent to another as well.
async fn a_bad_network_before_one_server_is_felt_by_its_share_alone() {
    let millisecond = Duration::from_millis(1);
    let modes = [
        (Mode::Cut { way: Way::Replies, after: 0, once: true }, false),
        (Mode::Cut { way: Way::Requests, after: 50, once: true }, false),
        (Mode::BlackHole, false),
        (Mode::Delay(20 * millisecond), true),
        (Mode::Slow { bytes: 50, tick: millisecond }, true),
    ];
    let partly = Partly::new();
    let patience = Duration::from_secs(2);
    for failover in [false, true] {
        let store = connect(partly.config().with_timeout(patience).with_failover(failover));
        let (theirs, others) = partly.fill(&store).await;
        for (mode, arrives) in modes {
            partly.proxy.set(mode);
            let (name, begun) = (key(theirs[0]), Instant::now());
            let felt = store.write(&name, record("felt"), WriteMode::Overwrite);
            let unfelt = async {
                for number in &others[..20] {
                    store.write(&key(number), record("unfelt"), WriteMode::Overwrite).await.unwrap();
                    assert_eq!(payload(&store, number).await.unwrap(), b"unfelt");
                }
            };
            let (felt, ()) = tokio::join!(felt, unfelt);
            match felt {
                Ok(_) => assert!(arrives, "{mode:?}"),
                Err(error) => {
                    assert!(!arrives, "{mode:?}: {error}");
                    assert_is(&error, ErrorKind::Unavailable, Retry::Unknown);
                }
            }
            assert!(begun.elapsed() < 5 * patience, "{mode:?}: {:?}", begun.elapsed());
            partly.rejoin(&store).await;
            assert!(payload(&store, theirs[0]).await.is_some(), "{mode:?}");
        }
        for number in 0..KEYS {
            store.delete(&key(number)).await.unwrap();
        }
    }
}

async fn health_asks_all_of_them() {
    let servers = servers();
    let store = connect(ring(&servers));
    store.health().await.unwrap();
    servers[2].kill();
    let error = store.health().await.unwrap_err();
    assert_is(&error, ErrorKind::Unavailable, Retry::Safe);
    let again = store.health().await.unwrap_err().to_string();
    assert!(again.contains(&servers[2].address().to_string()), "{again}");
}
