//! The conformance suite of the engine contract, on the store that one request gets: with a registry, and without.

use dancecard_core::{Carried, ClientSide, MemoryStore};
use dancecard_seal::{Key, KeyRing};
use dancecard_store_cookie::CookieStore;
use dancecard_testkit::Outcome;
use dancecard_testkit::store::{self, Opened, Subject};

fn main() {
    let mut trials = store::trials("cookie", || async { open(engine()?.with_registry(MemoryStore::new())) });
    trials.extend(store::trials("cookie-alone", || async { open(engine()?) }));
    store::run(trials);
}

fn engine() -> Outcome<CookieStore> {
    Ok(CookieStore::new(&KeyRing::new([Key::random()?])?, "shop"))
}

/// Larger than any cookie, so that the cases about large records run as well.
const LIMIT: usize = 16 << 20;

fn open(engine: CookieStore) -> Opened {
    let (request, _) = engine.receive(Carried { channel: "session", limit: LIMIT, records: Vec::new() });
    Ok(Subject::new(request))
}
