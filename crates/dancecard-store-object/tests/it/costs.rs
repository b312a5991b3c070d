//! What operations cost: round trips and bytes, counted by a proxy.

use dancecard_core::{ListQuery, Record, Store, WriteMode};
use dancecard_servers::Proxy;
use dancecard_store_object::ObjectStore;

use crate::world::*;

trials![
    each_operation_is_one_request,
    the_index_costs_only_those_who_change_it,
    the_first_operation_looks_around,
    what_is_stored_is_hardly_more_than_the_session,
    a_listing_is_one_request_and_one_for_each_record,
];

struct Counted {
    proxy: Proxy,
    store: ObjectStore,
}

impl Counted {
    async fn new() -> Self {
        let proxy = Proxy::start(shared().address()).unwrap();
        let store = connect(&config(&proxy.url(&shared().url())));
        store.health().await.unwrap();
        Self { proxy, store }
    }

    async fn count(&self, operation: impl Future<Output = ()>) -> u64 {
        self.proxy.forget();
        operation.await;
        self.proxy.round_trips()
    }
}

async fn each_operation_is_one_request() {
    let counted = Counted::new().await;
    let store = &counted.store;
    let mut version = None;
    assert_eq!(counted.count(async { version = Some(create(store, "a").await) }).await, 1);
    assert_eq!(counted.count(async { drop(payload(store, "a").await) }).await, 1);
    assert_eq!(counted.count(async { assert_eq!(payload(store, "none").await, None) }).await, 1);
    let update = WriteMode::Update(version.clone().unwrap());
    let change = async { drop(store.write(&key("a"), bulk(50), update).await.unwrap()) };
    assert_eq!(counted.count(change).await, 1);
    let stale = WriteMode::Update(version.unwrap());
    let refused = async { assert!(store.write(&key("a"), bulk(50), stale).await.unwrap_err().is_conflict()) };
    assert_eq!(counted.count(refused).await, 1);
    assert_eq!(counted.count(async { store.health().await.unwrap() }).await, 1);
    // Whose record it was has to be asked.
    assert_eq!(counted.count(async { store.delete(&key("a")).await.unwrap() }).await, 2);
    assert_eq!(counted.count(async { store.delete(&key("a")).await.unwrap() }).await, 1);
}

async fn the_index_costs_only_those_who_change_it() {
    let counted = Counted::new().await;
    let store = &counted.store;
    let mut version = Some(create(store, "a").await);
    let mut write = async |record: Record| {
        let update = WriteMode::Update(version.take().unwrap());
        let written = async { version = Some(store.write(&key("a"), record, update).await.unwrap()) };
        counted.count(written).await
    };
    assert_eq!(write(record("signed in")).await, 2);
    assert_eq!(write(record("the same")).await, 1);
    let other = Record::new(meta().with_principal(Some("other".into())), Vec::new());
    assert_eq!(write(other).await, 4);
    assert_eq!(write(bulk(1)).await, 3);
}

async fn the_first_operation_looks_around() {
    let proxy = Proxy::start(shared().address()).unwrap();
    let config = config(&proxy.url(&shared().url()));
    // Nothing there; the mark; two conditions that must fail; the record.
    assert_eq!(payload(&connect(&config), "a").await, None);
    assert_eq!(proxy.round_trips(), 5);
    proxy.forget();
    assert_eq!(payload(&connect(&config), "a").await, None);
    assert_eq!(proxy.round_trips(), 4);
}

async fn what_is_stored_is_hardly_more_than_the_session() {
    let config = config(&shared().url());
    let store = connect(&config);
    store.write(&key("a"), bulk(1024), WriteMode::Create).await.unwrap();
    let stored = raw(&config).read(&name_of(&config, &key("a"))).await.unwrap();
    assert!(stored.len() <= 1024 + 48, "{}", stored.len());
}

async fn a_listing_is_one_request_and_one_for_each_record() {
    let counted = Counted::new().await;
    for name in 0..10 {
        create(&counted.store, name).await;
    }
    let listing = async { assert_eq!(list(&counted.store, ListQuery::all()).await.len(), 10) };
    assert_eq!(counted.count(listing).await, 11);
    let none = async { assert_eq!(list(&counted.store, ListQuery::of("nobody".into())).await.len(), 0) };
    assert_eq!(counted.count(none).await, 1);
}
