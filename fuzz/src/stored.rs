//! Records as engines keep them, and as browsers bring them.

use dancecard_core::{Carried, ClientSide, ErrorKind, Record, RecordKey, Store};
use dancecard_seal::{Key, KeyRing};
use dancecard_store_cookie::CookieStore;

use super::run;

/// Reads a record out of any bytes. What can be read is the same after it was written again.
pub fn read_record(bytes: &[u8]) {
    match Record::from_envelope(bytes) {
        Ok(record) => {
            let again = Record::from_envelope(&record.to_envelope()).expect("what was just written");
            assert!(again.meta == record.meta && again.payload == record.payload);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt),
    }
}

/// Opens what a browser brings in place of a sealed session: it is nobody's.
pub fn open_sealed(brought: &[u8]) {
    let engine = CookieStore::new(&ring(), "fuzz");
    let key = RecordKey::new(b"of the fuzzed session");
    let records = vec![(key.clone(), brought.to_vec())];
    let (request, _) = engine.receive(Carried { channel: "session", limit: 4096, records });
    let found = run(request.load(&key)).expect("no registry that could fail");
    assert!(found.is_none(), "whoever has no key can't seal");
}

fn ring() -> KeyRing {
    let key = Key::new(&(0..32).map(|n: u8| n.wrapping_mul(37)).collect::<Vec<_>>()).expect("a key");
    KeyRing::new([key]).expect("a ring")
}
