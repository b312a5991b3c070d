//! Servers of every kind with a proxy before each that holds data, by which the engine is told to reach it.

use std::any::Any;
use std::time::Duration;

use dancecard_servers::redis::Options;
use dancecard_servers::redis_sentinel::{self, NAME};
use dancecard_servers::{Mode, Proxy, Running, redis_cluster};
use dancecard_store_redis::RedisStore;

use crate::world::*;

/// Longer than any test: while connections are broken, the sentinels and the nodes are to see nothing of it.
const NEVER: &str = "600000";

/// What the engine is behind of.
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) proxies: Vec<Proxy>,
    /// The servers that hold the data, in the order of their proxies, and all that has to stay.
    pub(crate) servers: Vec<Running>,
    _kept: Box<dyn Any + Send + Sync>,
}

impl Place {
    /// The server that nobody harms.
    pub(crate) fn shared() -> Self {
        let proxy = Proxy::start(shared().address()).unwrap();
        Self { url: proxy.url(&shared().url()), proxies: vec![proxy], servers: vec![], _kept: Box::new(()) }
    }

    /// One server, of Redis or Valkey.
    pub(crate) fn alone(server: Running) -> Self {
        let proxy = Proxy::start(server.address()).unwrap();
        let url = proxy.url(&server.url());
        Self { url, proxies: vec![proxy], servers: vec![server], _kept: Box::new(()) }
    }

    /// A master whose sentinels, without a pause, call it by the address of its proxy. They don't replace it.
    pub(crate) async fn behind_sentinels() -> Self {
        let master = Place::alone(durable());
        let watched = redis_sentinel::start().unwrap();
        let port = master.proxies[0].port().to_string();
        for sentinel in watched.sentinels() {
            let mut raw = raw_url(&format!("redis://{}", sentinel.address())).await;
            let name = NAME.as_bytes();
            let _: () = run(&mut raw, &[b"SENTINEL", b"REMOVE", name]).await;
            let _: () =
                run(&mut raw, &[b"SENTINEL", b"MONITOR", name, b"127.0.0.1", port.as_bytes(), b"2"]).await;
            let late: [&[u8]; 5] = [b"SENTINEL", b"SET", name, b"down-after-milliseconds", NEVER.as_bytes()];
            let _: () = run(&mut raw, &late).await;
        }
        Self { url: watched.url(), _kept: Box::new(watched), ..master }
    }

    /// Masters that name each other by the addresses of their proxies. The replicas are gone, or they would follow their
    /// masters through these.
    pub(crate) async fn in_a_cluster() -> Self {
        let durable = Options { durable: true, ..Options::default() };
        let mut servers = redis_cluster::start_with(durable).unwrap().into_members();
        servers.drain(3..).for_each(|replica| replica.kill());
        let proxies: Vec<_> = servers.iter().map(|server| Proxy::start(server.address()).unwrap()).collect();
        let place = Self { url: String::new(), proxies, servers, _kept: Box::new(()) };
        place.announce().await;
        let nodes = place.proxies.iter().map(|proxy| proxy.address().to_string());
        Self { url: format!("redis-cluster://{}", nodes.collect::<Vec<_>>().join(",")), ..place }
    }

    /// Tells the nodes of a cluster by which ports they are known, and waits until each says so of all.
    pub(crate) async fn announce(&self) {
        for (server, proxy) in self.servers.iter().zip(&self.proxies) {
            let port = proxy.port().to_string();
            let mut raw = raw(server).await;
            let _: () = run(&mut raw, &[b"CONFIG", b"SET", b"cluster-announce-port", port.as_bytes()]).await;
        }
        for server in &self.servers {
            let raw = raw(server).await;
            until(async || {
                let nodes: String = run(&mut raw.clone(), &[b"CLUSTER", b"NODES"]).await;
                self.proxies.iter().all(|proxy| nodes.contains(&format!(":{}@", proxy.port())))
            })
            .await;
        }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.proxies.iter().for_each(|proxy| proxy.set(mode));
    }

    pub(crate) fn reset(&self) {
        self.proxies.iter().for_each(Proxy::reset);
    }

    pub(crate) fn forget(&self) {
        self.proxies.iter().for_each(Proxy::forget);
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.proxies.len() > 1
    }

    /// Bytes to the servers, and from them.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        let counts = self.proxies.iter().map(Proxy::counts);
        counts.fold((0, 0), |(up, down), counts| (up + counts.to_server, down + counts.to_client))
    }

    /// Whether a cut that happens once has happened. From now on nothing is cut.
    pub(crate) fn was_cut(&self) -> bool {
        let was_cut = self.proxies.iter().any(|proxy| proxy.mode() == Mode::Pass);
        self.set(Mode::Pass);
        was_cut
    }

    /// An engine with that much time for an operation.
    pub(crate) fn engine(&self, timeout: Duration) -> RedisStore {
        connect(&config(&self.url).with_timeout(timeout).with_connect_timeout(timeout))
    }
}
