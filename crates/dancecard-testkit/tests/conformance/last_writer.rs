//! The least that is an engine: the last writer wins, and nothing optional is there.

use std::collections::HashMap;
use std::fmt;

use dancecard_core::{
    Capabilities, Error, ErrorKind, Record, RecordKey, Result, Store, Timestamp, Version, Versioned,
    WriteMode,
};
use parking_lot::{Mutex, MutexGuard};

const ENGINE: &str = "last-writer";
const MAX_PAYLOAD: usize = 100_000;

/// Records in a map, with one counter for all versions.
#[derive(Default)]
pub(crate) struct LastWriter(Mutex<Table>);

#[derive(Default)]
struct Table {
    rows: HashMap<RecordKey, (Record, u64)>,
    last_version: u64,
}

impl LastWriter {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock()
    }
}

impl fmt::Debug for LastWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastWriter").finish_non_exhaustive()
    }
}

fn error(kind: ErrorKind) -> Error {
    Error::new(kind, "write").with_engine(ENGINE)
}

impl Store for LastWriter {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().with_max_payload(Some(MAX_PAYLOAD))
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let row = self.table().rows.get(key).cloned();
        Ok(row.map(|(record, version)| Versioned::new(record, Version::from_u64(version))))
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        let mut table = self.table();
        match mode {
            WriteMode::Create if table.rows.contains_key(key) => return Err(error(ErrorKind::Conflict)),
            WriteMode::Create | WriteMode::Overwrite => {}
            _ => return Err(error(ErrorKind::Unsupported)),
        }
        if record.payload.len() > MAX_PAYLOAD {
            return Err(error(ErrorKind::TooLarge));
        }
        table.last_version += 1;
        let version = table.last_version;
        table.rows.insert(key.clone(), (record, version));
        Ok(Version::from_u64(version))
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.table().rows.remove(key);
        Ok(())
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let mut table = self.table();
        let over = table.rows.iter().filter(|(_, (record, _))| record.meta.expires_at() <= now);
        let keys: Vec<_> = over.map(|(key, _)| key.clone()).take(limit).collect();
        keys.iter().for_each(|key| drop(table.rows.remove(key)));
        Ok(keys.len())
    }
}
