//! Requests in every order, on the store that requests with the same cookies get.

use dancecard_core::{Carried, ClientSide, MemoryStore, SharedStore};
use dancecard_seal::{Key, KeyRing};
use dancecard_store_cookie::CookieStore;
use dancecard_testkit::interleave::{Counterexample, explore, seeds};

fn carried() -> SharedStore {
    let keys = KeyRing::new([Key::random().unwrap()]).unwrap();
    let engine = CookieStore::new(&keys, "shop").with_registry(MemoryStore::new());
    engine.receive(Carried { channel: "session", limit: 1 << 20, records: Vec::new() }).0
}

/// Without a registry there is no list to look at afterwards, and hardly a promise to look for.
#[test]
fn with_a_registry() -> Result<(), Counterexample> {
    explore(carried, seeds(0..300)).map(drop)
}
