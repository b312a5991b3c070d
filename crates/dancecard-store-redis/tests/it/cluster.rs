//! A cluster: keys on several nodes, nodes that go, slots that move.

use std::collections::BTreeMap;

use dancecard_core::{ListQuery, Record, RecordKey, Store, Support, WriteMode};
use dancecard_servers::redis_cluster::{self, Cluster};
use dancecard_store_redis::{Config, RedisStore};
use dancecard_testkit::store::cancel_after;
use redis::aio::MultiplexedConnection;

use crate::concurrency::{all_is_kept, schedules};
use crate::world::*;

trials![
    records_are_on_all_nodes_and_are_listed,
    a_visitor_is_written_in_one_command_and_a_member_in_two,
    an_index_that_lacks_nothing_may_name_what_is_gone,
    a_touch_tells_the_index_first,
    a_hundred_clients_of_a_cluster_lose_nothing,
    requests_in_every_order_on_a_cluster_keep_their_promises,
    slots_that_move_are_followed,
];

/// One that nobody harms.
fn shared_cluster() -> &'static Cluster {
    static CLUSTER: std::sync::OnceLock<Cluster> = std::sync::OnceLock::new();
    CLUSTER.get_or_init(|| redis_cluster::start().unwrap())
}

fn engine() -> (RedisStore, Config) {
    let config = config(&shared_cluster().url());
    (connect(&config), config)
}

/// Which commands the masters ran, all together.
async fn counted(cluster: &Cluster, operation: impl Future<Output = ()>) -> BTreeMap<String, u64> {
    let mut sum = BTreeMap::new();
    let mut raws = Vec::new();
    for member in cluster.members() {
        let mut raw = raw_url(&format!("redis://{}", member.address())).await;
        let _: () = run(&mut raw, &[b"CONFIG", b"RESETSTAT"]).await;
        raws.push(raw);
    }
    operation.await;
    for raw in &mut raws {
        for (name, count) in commands(raw).await {
            *sum.entry(name).or_default() += count;
        }
    }
    sum
}

async fn records_are_on_all_nodes_and_are_listed() {
    let (store, config) = engine();
    for number in 0..900 {
        create(&store, number).await;
    }
    for query in [ListQuery::all(), ListQuery::of(SECRET.into())] {
        let mut keys: Vec<_> =
            list(&store, query).await.into_iter().map(|entry| entry.unwrap().key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 900);
    }
    let pattern = format!("{}s*", config.prefix);
    for master in shared_cluster().masters() {
        let mut raw = raw_url(&format!("redis://{}", master.address())).await;
        let names: Vec<Vec<u8>> = run(&mut raw, &[b"KEYS", pattern.as_bytes()]).await;
        assert!(names.len() > 100, "{}", names.len());
    }
    assert_eq!(store.capabilities().replace, Support::Emulated);
}

/// On a cluster of its own, so that nobody else is counted.
async fn a_visitor_is_written_in_one_command_and_a_member_in_two() {
    let cluster = redis_cluster::start().unwrap();
    let store = connect(&config(&cluster.url()));
    for number in 0..50 {
        create(&store, number).await;
    }
    macro_rules! assert_costs {
        ($name:literal, $count:literal, $operation:expr) => {
            let counts = counted(&cluster, async { assert!($operation.await.is_ok()) }).await;
            assert_eq!(counts.get($name), Some(&$count), "{counts:?}");
        };
    }
    assert_costs!("evalsha", 1, store.write(&key("v"), anonymous(850), WriteMode::Overwrite));
    assert_costs!("evalsha", 2, store.write(&key("m"), bulk(850), WriteMode::Overwrite));
    assert_costs!("get", 1, store.load(&key("m")));
    assert_costs!("evalsha", 1, store.touch(&key("v"), later(9000)));
    assert_costs!("evalsha", 3, store.touch(&key("m"), later(9000)));
    assert_costs!("evalsha", 1, store.touch(&key("m"), later(1)));
    assert_costs!("evalsha", 1, store.delete(&key("m")));
}

/// The index hears of a record first. Whoever stops in between leaves a name that leads nowhere.
async fn an_index_that_lacks_nothing_may_name_what_is_gone() {
    let (store, _) = engine();
    create(&store, "stays").await;
    for number in 0..60 {
        let key = key(number);
        drop(cancel_after(number % 12, store.write(&key, bulk(100), WriteMode::Create)).await);
    }
    for number in 0..60 {
        if number % 2 == 0 {
            store.delete(&key(number)).await.unwrap();
        }
    }
    let keys = |entries: Vec<dancecard_core::Result<dancecard_core::Entry>>| {
        let mut keys: Vec<RecordKey> = entries.into_iter().map(|entry| entry.unwrap().key).collect();
        keys.sort();
        keys
    };
    let all = keys(list(&store, ListQuery::all()).await);
    assert_eq!(keys(list(&store, ListQuery::of(SECRET.into())).await), all);
    assert!(all.contains(&key("stays")));
}

async fn a_touch_tells_the_index_first() {
    let (store, config) = engine();
    create(&store, "a").await;
    assert!(store.touch(&key("a"), later(86_400)).await.unwrap());
    let mut left = Vec::new();
    let pattern = format!("{}p*", config.prefix);
    for master in shared_cluster().masters() {
        let mut raw = raw_url(&format!("redis://{}", master.address())).await;
        let names: Vec<Vec<u8>> = run(&mut raw, &[b"KEYS", pattern.as_bytes()]).await;
        for name in names {
            left.push(run::<i64>(&mut raw, &[b"PTTL", &name]).await);
        }
    }
    assert!(left.len() == 1 && left[0] > 86_400_000, "{left:?}");
    let elses = Record::new(meta().with_principal(Some("else".into())), vec![]);
    store.write(&key("a"), elses, WriteMode::Overwrite).await.unwrap();
    assert!(store.touch(&key("a"), later(90_000)).await.unwrap());
    assert!(list(&store, ListQuery::of(SECRET.into())).await.is_empty());
    assert_eq!(list(&store, ListQuery::of("else".into())).await.len(), 1);
}

async fn a_hundred_clients_of_a_cluster_lose_nothing() {
    all_is_kept(&engine().1).await;
}

async fn requests_in_every_order_on_a_cluster_keep_their_promises() {
    schedules(0..60, || engine().0).await;
}

/// A slot goes to another node, key by key, while it is in use.
async fn slots_that_move_are_followed() {
    let cluster = redis_cluster::start().unwrap();
    // All in one slot: what stands in braces decides.
    let store = connect(&config(&cluster.url()).with_prefix("{move}:"));
    for number in 0..30 {
        create(&store, number).await;
    }
    let mut moving = Moving::begin(&cluster, b"{move}:").await;
    for number in 0..15 {
        moving.carry(&[b"{move}:s", key(number).as_bytes()].concat()).await;
    }
    // Half of the keys are here, half are there, and new ones come.
    change_all(&store).await;
    create(&store, 30).await;
    assert_eq!(list(&store, ListQuery::of(SECRET.into())).await.len(), 31);
    moving.finish().await;
    change_all(&store).await;
    for query in [ListQuery::all(), ListQuery::of(SECRET.into())] {
        assert_eq!(list(&store, query).await.len(), 31);
    }
    store.health().await.unwrap();
}

/// Reads each session, changes it on what was read, and reads it again.
async fn change_all(store: &RedisStore) {
    for number in 0..30 {
        let found = store.load(&key(number)).await.unwrap().unwrap();
        let update = WriteMode::Update(found.version().clone());
        let version = store.write(&key(number), bulk(100), update).await.unwrap();
        assert_eq!(*store.load(&key(number)).await.unwrap().unwrap().version(), version, "{number}");
    }
}

/// A slot on its way from one master to another.
struct Moving {
    slot: String,
    from: MultiplexedConnection,
    to: MultiplexedConnection,
    to_id: String,
    to_port: String,
}

impl Moving {
    async fn begin(cluster: &Cluster, key: &[u8]) -> Self {
        let mut masters = Vec::new();
        for master in cluster.masters() {
            let mut raw = raw_url(&format!("redis://{}", master.address())).await;
            let slot: i64 = run(&mut raw, &[b"CLUSTER", b"KEYSLOT", key]).await;
            let slot = slot.to_string();
            let keys: i64 = run(&mut raw, &[b"CLUSTER", b"COUNTKEYSINSLOT", slot.as_bytes()]).await;
            let id: String = run(&mut raw, &[b"CLUSTER", b"MYID"]).await;
            masters.push((keys, raw, id, master.port().to_string(), slot));
        }
        // The one that has the keys comes last.
        masters.sort_by_key(|(keys, ..)| *keys);
        let (_, from, from_id, ..) = masters.pop().unwrap();
        let (_, to, to_id, to_port, slot) = masters.pop().unwrap();
        let mut moving = Self { slot, from, to, to_id: to_id.clone(), to_port };
        moving.set(true, b"IMPORTING", &from_id).await;
        moving.set(false, b"MIGRATING", &to_id).await;
        moving
    }

    /// Tells one of the two what becomes of the slot.
    async fn set(&mut self, target: bool, state: &[u8], id: &str) {
        let raw = if target { &mut self.to } else { &mut self.from };
        run::<()>(raw, &[b"CLUSTER", b"SETSLOT", self.slot.as_bytes(), state, id.as_bytes()]).await;
    }

    async fn carry(&mut self, name: &[u8]) {
        let words: [&[u8]; 6] = [b"MIGRATE", b"127.0.0.1", self.to_port.as_bytes(), name, b"0", b"5000"];
        run::<()>(&mut self.from, &words).await;
    }

    /// What is left goes too, and then the slot.
    async fn finish(&mut self) {
        let left: [&[u8]; 4] = [b"CLUSTER", b"GETKEYSINSLOT", self.slot.as_bytes(), b"100"];
        let names: Vec<Vec<u8>> = run(&mut self.from, &left).await;
        for name in names {
            self.carry(&name).await;
        }
        let id = self.to_id.clone();
        self.set(true, b"NODE", &id).await;
        self.set(false, b"NODE", &id).await;
    }
}
