//! What operations cost: round trips and bytes, counted by a proxy.

use dancecard_core::{ListQuery, Record, Store, WriteMode};
use dancecard_servers::Proxy;
use dancecard_store_object::ObjectStore;

use crate::world::*;

trials![
    each_operation_is_one_request,
    a_change_of_id_is_two_requests,
    a_purge_is_a_listing_a_read_and_a_removal_for_each,
    the_index_costs_only_those_who_change_it,
    the_first_operation_looks_around,
    what_is_stored_is_hardly_more_than_the_session,
    a_listing_is_one_request_and_one_for_each_record,
    an_entry_that_was_left_behind_is_asked_for_until_it_is_removed,
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

    /// It takes so many round trips, and at most so many bytes there and back.
    async fn costs(
        &self,
        what: &str,
        operation: impl Future<Output = ()>,
        trips: u64,
        there: u64,
        back: u64,
    ) {
        let found = self.count(operation).await;
        let counts = self.proxy.counts();
        println!("{what}: {counts:?}");
        assert_eq!(found, trips, "{what}");
        assert!(counts.to_server <= there && counts.to_client <= back, "{what}: {counts:?}, {there} {back}");
    }
}

/// What a request may have beside the record: a name and a signature.
const HEAD: u64 = 600;
/// What an answer may have beside the record. The service explains a refusal in XML.
const ANSWER: u64 = 700;

async fn each_operation_is_one_request() {
    let counted = Counted::new().await;
    let store = &counted.store;
    let mut version = None;
    let session = || bulk(1024);
    let created =
        async { version = Some(store.write(&key("a"), session(), WriteMode::Create).await.unwrap()) };
    counted.costs("create", created, 1, 1024 + HEAD, ANSWER).await;
    let loaded = async { assert_eq!(payload(store, "a").await.unwrap().len(), 1024) };
    counted.costs("load", loaded, 1, HEAD, 1024 + ANSWER).await;
    let missed = async { assert_eq!(payload(store, "none").await, None) };
    counted.costs("miss", missed, 1, HEAD, ANSWER).await;
    let update = WriteMode::Update(version.clone().unwrap());
    let changed = async { drop(store.write(&key("a"), session(), update).await.unwrap()) };
    counted.costs("update", changed, 1, 1024 + HEAD, ANSWER).await;
    let stale = WriteMode::Update(version.unwrap());
    let refused =
        async { assert!(store.write(&key("a"), session(), stale).await.unwrap_err().is_conflict()) };
    counted.costs("conflict", refused, 1, 1024 + HEAD, ANSWER).await;
    let overwritten = async { drop(store.write(&key("a"), session(), WriteMode::Overwrite).await.unwrap()) };
    counted.costs("overwrite", overwritten, 1, 1024 + HEAD, ANSWER).await;
    counted.costs("health", async { store.health().await.unwrap() }, 1, HEAD, ANSWER).await;
    // Whose record it was has to be asked.
    let deleted = async { store.delete(&key("a")).await.unwrap() };
    counted.costs("delete", deleted, 2, 2 * HEAD, 1024 + 2 * ANSWER).await;
    counted.costs("again", async { store.delete(&key("a")).await.unwrap() }, 1, HEAD, ANSWER).await;
}

async fn a_change_of_id_is_two_requests() {
    let counted = Counted::new().await;
    let store = &counted.store;
    let version = create(store, "old").await;
    let marker = Record::new(meta().with_principal(None).into_retired(Some(key("new"))), vec![]);
    let replaced = async {
        store.replace(&key("old"), &version, marker, &key("new"), bulk(1024)).await.unwrap();
    };
    counted.costs("replace", replaced, 2, 1024 + 200 + 2 * HEAD, 2 * ANSWER).await;
}

async fn a_purge_is_a_listing_a_read_and_a_removal_for_each() {
    let counted = Counted::new().await;
    for name in 0..10 {
        create(&counted.store, name).await;
    }
    let purge = async { assert_eq!(counted.store.purge_expired(later(9000), 100).await.unwrap(), 10) };
    assert_eq!(counted.count(purge).await, 1 + 10 + 10);
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
    // Nothing there; the mark; three conditions that must fail; the record.
    assert_eq!(payload(&connect(&config), "a").await, None);
    assert_eq!(proxy.round_trips(), 6);
    proxy.forget();
    assert_eq!(payload(&connect(&config), "a").await, None);
    assert_eq!(proxy.round_trips(), 5);
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

/// A write that was refused leaves one. The clock of the engine is moved, so the runtime is one that permits it.
async fn an_entry_that_was_left_behind_is_asked_for_until_it_is_removed() {
    let test = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let counted = Counted::new().await;
            create(&counted.store, "a").await;
            counted.store.write(&key("a"), record("1"), WriteMode::Create).await.unwrap_err();
            let of_the_principal = || async {
                assert!(list(&counted.store, ListQuery::of(SECRET.into())).await.is_empty());
            };
            // The names, the record, the entry.
            assert_eq!(counted.count(of_the_principal()).await, 3);
            assert_eq!(counted.count(of_the_principal()).await, 3);
            tokio::time::pause();
            tokio::time::advance(std::time::Duration::from_secs(60)).await;
            tokio::time::resume();
            // Before and after the removal the record is looked at once more.
            assert_eq!(counted.count(of_the_principal()).await, 6);
            assert_eq!(counted.count(of_the_principal()).await, 1);
        });
    };
    tokio::task::spawn_blocking(test).await.unwrap();
}
