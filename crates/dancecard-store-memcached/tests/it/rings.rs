//! Several servers: each has its share of the keys, and the loss of one is the loss of its share.

use dancecard_core::{ErrorKind, Retry, Store, WriteMode};
use dancecard_servers::Running;
use dancecard_store_memcached::{Config, MemcachedStore};

use crate::fixture::*;

cases! { "rings":
    every_server_has_its_share,
    the_order_of_the_servers_does_not_matter,
    the_keys_of_a_server_that_is_down_are_unavailable,
    with_failover_the_next_server_takes_them,
    health_asks_all_of_them,
}

const KEYS: usize = 300;

fn servers() -> Vec<Running> {
    (0..3).map(|_| server()).collect()
}

fn ring(servers: &[Running]) -> Config {
    Config::new(servers.iter().map(|server| server.address().to_string())).with_timeout(PATIENT)
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
