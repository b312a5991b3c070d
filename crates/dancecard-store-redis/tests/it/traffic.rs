//! What each operation sends and gets: round trips and bytes, counted between the engine and its servers.

use dancecard_core::{ListQuery, Meta, Record, Store, Version, WriteMode};
use dancecard_servers::{Proxy, Running, redis, valkey};
use dancecard_store_redis::RedisStore;

use libtest_mimic::Trial;

use crate::places::Place;
use crate::world::*;

trials![each_operation_on_one_server, each_operation_on_a_cluster];

/// An operation with its round trips, and the most bytes that may go to servers and come from them.
type Line = (&'static str, u64, u64, u64);

/// Of a session, which every write sends once.
const PAYLOAD: usize = 1000;

/// An engine all of whose servers are behind proxies, and what its operations may cost, in their order.
struct Scene {
    store: RedisStore,
    proxies: Vec<Proxy>,
    lines: std::vec::IntoIter<Line>,
}

impl Scene {
    /// Runs an operation, and looks at what it took.
    async fn spends<T>(&mut self, what: &str, operation: impl AsyncFnOnce(&RedisStore) -> T) -> T {
        let (line, trips, up, down) = self.lines.next().unwrap();
        assert_eq!(line, what);
        self.proxies.iter().for_each(Proxy::forget);
        let done = operation(&self.store).await;
        let sum = |part: fn(&Proxy) -> u64| self.proxies.iter().map(part).sum::<u64>();
        let (taken, opened) = (sum(Proxy::round_trips), sum(|proxy| proxy.counts().connections));
        let (sent, got) = (sum(|proxy| proxy.counts().to_server), sum(|proxy| proxy.counts().to_client));
        println!("{what}: {taken} round trips, {sent} bytes to the server, {got} back");
        assert_eq!((taken, opened), (trips, 0), "{what}");
        assert!(sent <= up && got <= down, "{what}: {sent} bytes to the server, {got} back");
        done
    }

    /// Has every connection made and every script known.
    async fn warm(&self) {
        for number in 0..60 {
            let (old, new) = (format!("warm {number}"), format!("warmer {number}"));
            let version = write(&self.store, &old, anothers(), WriteMode::Create).await;
            replace(&self.store, &old, &version, &new, anothers()).await;
            assert!(touch(&self.store, &new, 9000).await);
            self.store.delete(&key(old)).await.unwrap();
            self.store.delete(&key(new)).await.unwrap();
        }
        assert!(self.proxies.iter().all(|proxy| proxy.open() > 0), "a server was never spoken to");
    }

    async fn visitor(&mut self) {
        let create = async |store: &RedisStore| write(store, "v", visitor(), WriteMode::Create).await;
        let version = self.spends("create a visitor's", create).await;
        let update = WriteMode::Update(version);
        let version =
            self.spends("update a visitor's", async |store| write(store, "v", visitor(), update).await).await;
        assert!(self.spends("touch a visitor's", async |store| touch(store, "v", 9000).await).await);
        let replace = async |store: &RedisStore| replace(store, "v", &version, "w", visitor()).await;
        self.spends("replace a visitor's", replace).await;
    }

    async fn member(&mut self) {
        let create = async |store: &RedisStore| write(store, "m", member(), WriteMode::Create).await;
        let old = self.spends("create", create).await;
        let update = WriteMode::Update(old.clone());
        let version = self.spends("update", async |store| write(store, "m", member(), update).await).await;
        let stale = WriteMode::Update(old);
        let refused = async |store: &RedisStore| store.write(&key("m"), member(), stale).await.unwrap_err();
        assert!(self.spends("update that is refused", refused).await.is_conflict());
        assert!(self.spends("touch", async |store| touch(store, "m", 90_000).await).await);
        let replace = async |store: &RedisStore| replace(store, "m", &version, "n", member()).await;
        self.spends("replace", replace).await;
        self.spends("load", async |store| store.load(&key("n")).await.unwrap().unwrap()).await;
        let nothing = async |store: &RedisStore| store.load(&key("none")).await.unwrap();
        assert!(self.spends("load nothing", nothing).await.is_none());
        let query = ListQuery::of(SECRET.into());
        let listed = self.spends("list of a principal", async |store| list(store, query).await).await;
        assert_eq!(listed.len(), 1);
        let query = ListQuery::of("nobody".into());
        let listed = self.spends("list of nobody", async |store| list(store, query).await).await;
        assert!(listed.is_empty());
        let listed = self.spends("list of all", async |store| list(store, ListQuery::all()).await).await;
        assert_eq!(listed.len(), 4, "two sessions and the marks of two");
        self.spends("delete", async |store| store.delete(&key("n")).await.unwrap()).await;
        self.spends("health", async |store| store.health().await.unwrap()).await;
    }
}

fn visitor() -> Record {
    anonymous(PAYLOAD)
}

fn member() -> Record {
    bulk(PAYLOAD)
}

/// A record that is not in the list of the others' principal.
fn anothers() -> Record {
    Record::new(meta().with_principal(Some("another".into())), vec![])
}

async fn write(store: &RedisStore, name: &str, record: Record, mode: WriteMode) -> Version {
    store.write(&key(name), record, mode).await.unwrap()
}

async fn touch(store: &RedisStore, name: &str, seconds: u64) -> bool {
    store.touch(&key(name), later(seconds)).await.unwrap()
}

async fn replace(store: &RedisStore, old: &str, version: &Version, new: &str, record: Record) {
    let retired: Meta = meta().into_retired(Some(key(new)));
    let retired = Record::new(retired, vec![]);
    store.replace(&key(old), version, retired, &key(new), record).await.unwrap();
}

async fn bill(store: RedisStore, proxies: Vec<Proxy>, lines: Vec<Line>) {
    let mut scene = Scene { store, proxies, lines: lines.into_iter() };
    scene.warm().await;
    scene.visitor().await;
    scene.member().await;
    assert!(scene.lines.next().is_none(), "more is expected than was done");
}

async fn each_operation_on_one_server() {
    on_one(redis::start().unwrap()).await;
}

pub(crate) fn on_valkey() -> Trial {
    let name = "traffic::each_operation_on_valkey";
    match valkey::check() {
        Ok(()) => trial(name, async || on_one(valkey::start().unwrap()).await),
        Err(absent) => absent.trial(name),
    }
}

async fn on_one(server: Running) {
    let proxies = vec![Proxy::start(server.address()).unwrap()];
    let store = connect(&config(&proxies[0].url(&server.url())).with_prefix("a:"));
    let lines = vec![
        ("create a visitor's", 1, 1180, 4),
        ("update a visitor's", 1, 1190, 4),
        ("touch a visitor's", 1, 180, 4),
        ("replace a visitor's", 1, 1320, 4),
        ("create", 1, 1240, 4),
        ("update", 1, 1250, 4),
        ("update that is refused", 1, 1250, 4),
        ("touch", 1, 180, 4),
        ("replace", 1, 1340, 4),
        ("load", 1, 40, 1080),
        ("load nothing", 1, 40, 5),
        ("list of a principal", 2, 140, 550),
        ("list of nobody", 1, 90, 4),
        ("list of all", 2, 300, 1270),
        ("delete", 1, 110, 4),
        ("health", 1, 60, 5),
    ];
    bill(store, proxies, lines).await;
}

async fn each_operation_on_a_cluster() {
    let mut place = Place::in_a_cluster().await;
    let lines = vec![
        ("create a visitor's", 1, 1180, 4),
        ("update a visitor's", 1, 1190, 4),
        ("touch a visitor's", 1, 180, 4),
        ("replace a visitor's", 2, 1370, 8),
        ("create", 2, 1390, 8),
        ("update", 2, 1400, 8),
        ("update that is refused", 2, 1400, 8),
        ("touch", 3, 520, 31),
        ("replace", 3, 1580, 12),
        ("load", 1, 40, 1080),
        ("load nothing", 1, 40, 5),
        // The index still names the one that was replaced.
        ("list of a principal", 2, 200, 630),
        ("list of nobody", 1, 90, 4),
        ("list of all", 6, 450, 1600),
        ("delete", 1, 110, 4),
        ("health", 1, 60, 5),
    ];
    let store = connect(&config(&place.url).with_prefix("a:"));
    bill(store, std::mem::take(&mut place.proxies), lines).await;
}
