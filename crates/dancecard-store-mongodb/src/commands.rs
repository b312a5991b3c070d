//! The commands, one for each operation, as bytes that the driver sends as they are.

use dancecard_core::{RecordKey, Timestamp};
use mongodb::bson::raw::{CStr, RawArrayBuf, RawBinaryRef, RawBsonRef, RawDocumentBuf, cstr};
use mongodb::bson::rawdoc;

use crate::concern::ReadConcern;
use crate::config::Config;
use crate::document::{EXPIRES_AT, KEY, PAYLOAD, PRINCIPAL, VERSION, binary, date};

const EXPIRY_INDEX: &str = "dancecard_expiry";
const PRINCIPAL_INDEX: &str = "dancecard_principal";

/// What commands have in common.
#[derive(Debug)]
pub(crate) struct Commands {
    collection: String,
    read_one: RawDocumentBuf,
    read_many: RawDocumentBuf,
    write: RawDocumentBuf,
    /// Milliseconds, for the server: what nobody waits for any more is given up there too.
    patience: i32,
    slack_secs: i32,
}

impl Commands {
    pub(crate) fn new(config: &Config) -> Self {
        let read = config.effective_read_concern();
        Self {
            collection: config.collection.clone(),
            read_one: read.to_raw(),
            read_many: read.of_many().to_raw(),
            write: config.write_concern.to_raw(config.journal, whole(config.timeout_ms)),
            patience: whole(config.timeout_ms),
            slack_secs: whole(config.expiry_slack_ms.div_ceil(1000)),
        }
    }

    pub(crate) fn load(&self, key: &RecordKey) -> RawDocumentBuf {
        let mut command = self.find(&filter(key), 1);
        self.end_of_read(&mut command, &self.read_one);
        command
    }

    pub(crate) fn insert(&self, document: &RawDocumentBuf) -> RawDocumentBuf {
        let mut documents = RawArrayBuf::new();
        documents.push(document.as_ref());
        let mut command = self.begin(cstr!("insert"));
        command.append(cstr!("documents"), &documents);
        command
    }

    /// Puts the document in the place of the one with this key, and this version if there is one to compare with.
    pub(crate) fn put(
        &self,
        key: &RecordKey,
        expected: Option<i64>,
        document: &RawDocumentBuf,
    ) -> RawDocumentBuf {
        let mut wanted = filter(key);
        match expected {
            Some(version) => {
                wanted.append(VERSION, version);
                self.update(&wanted, document, false)
            }
            None => self.update(&wanted, document, true),
        }
    }

    pub(crate) fn touch(&self, key: &RecordKey, expires_at: Timestamp) -> RawDocumentBuf {
        let mut latest = RawDocumentBuf::new();
        latest.append(EXPIRES_AT, date(expires_at));
        let mut change = RawDocumentBuf::new();
        change.append(cstr!("$max"), &latest);
        self.update(&filter(key), &change, false)
    }

    pub(crate) fn delete(&self, key: &RecordKey) -> RawDocumentBuf {
        self.remove(&filter(key), 1)
    }

    /// A page of a listing, in the order of the keys, without payloads.
    pub(crate) fn page(
        &self,
        principal: Option<RawBinaryRef<'_>>,
        after: Option<RawBinaryRef<'_>>,
        limit: i32,
    ) -> RawDocumentBuf {
        let mut wanted = RawDocumentBuf::new();
        if let Some(principal) = principal {
            wanted.append(PRINCIPAL, principal);
        }
        // Compared with bytes, only keys of bytes are found.
        let (comparison, bound) = match after {
            Some(key) => (cstr!("$gt"), key),
            None => (cstr!("$gte"), binary(b"")),
        };
        wanted.append(KEY, single(comparison, bound));
        let mut command = self.find(&wanted, limit);
        command.append(cstr!("sort"), single(KEY, 1_i32));
        command.append(cstr!("projection"), single(PAYLOAD, 0_i32));
        self.end_of_read(&mut command, &self.read_many);
        command
    }

    /// The keys of some records that are due.
    pub(crate) fn due(&self, now: Timestamp, limit: i32) -> RawDocumentBuf {
        let mut wanted = RawDocumentBuf::new();
        wanted.append(EXPIRES_AT, single(cstr!("$lte"), date(now)));
        let mut command = self.find(&wanted, limit);
        command.append(cstr!("projection"), single(KEY, 1_i32));
        // What the majority has not yet heard of is due all the same.
        self.end_of_read(&mut command, &ReadConcern::Local.to_raw());
        command
    }

    /// Removes those of these records that still are due.
    pub(crate) fn purge<'a>(
        &self,
        keys: impl Iterator<Item = RawBsonRef<'a>>,
        now: Timestamp,
    ) -> RawDocumentBuf {
        let mut those = RawArrayBuf::new();
        keys.for_each(|key| those.push(key));
        let mut wanted = RawDocumentBuf::new();
        wanted.append(KEY, single(cstr!("$in"), &those));
        wanted.append(EXPIRES_AT, single(cstr!("$lte"), date(now)));
        self.remove(&wanted, 0)
    }

    /// Adds what ends a write that stands for itself.
    pub(crate) fn end_of_write(&self, command: &mut RawDocumentBuf) {
        command.append(cstr!("writeConcern"), &self.write);
        command.append(cstr!("maxTimeMS"), self.patience);
    }

    pub(crate) fn hello() -> RawDocumentBuf {
        rawdoc! { "hello": 1 }
    }

    pub(crate) fn commit(&self) -> RawDocumentBuf {
        let mut command = rawdoc! { "commitTransaction": 1 };
        command.append(cstr!("writeConcern"), &self.write);
        command
    }

    pub(crate) fn abort() -> RawDocumentBuf {
        rawdoc! { "abortTransaction": 1 }
    }

    pub(crate) fn create_indexes(&self) -> RawDocumentBuf {
        let expiry = rawdoc! {
            "key": { "e": 1 }, "name": EXPIRY_INDEX, "expireAfterSeconds": self.slack_secs,
        };
        let principal = rawdoc! {
            "key": { "p": 1, "_id": 1 }, "name": PRINCIPAL_INDEX,
            "partialFilterExpression": { "p": { "$exists": true } },
        };
        let mut indexes = RawArrayBuf::new();
        indexes.push(&expiry);
        indexes.push(&principal);
        let mut command = self.begin(cstr!("createIndexes"));
        command.append(cstr!("indexes"), &indexes);
        command
    }

    /// Gives the index that expires records the present slack.
    pub(crate) fn change_slack(&self) -> RawDocumentBuf {
        let mut command = self.begin(cstr!("collMod"));
        let index = rawdoc! { "name": EXPIRY_INDEX, "expireAfterSeconds": self.slack_secs };
        command.append(cstr!("index"), &index);
        command
    }

    fn begin(&self, name: &CStr) -> RawDocumentBuf {
        let mut command = RawDocumentBuf::new();
        command.append(name, self.collection.as_str());
        command
    }

    fn find(&self, wanted: &RawDocumentBuf, limit: i32) -> RawDocumentBuf {
        let mut command = self.begin(cstr!("find"));
        command.append(cstr!("filter"), wanted);
        command.append(cstr!("limit"), limit);
        if limit > 1 {
            // Else the server ends the answer after 101.
            command.append(cstr!("batchSize"), limit);
        }
        command.append(cstr!("singleBatch"), true);
        command
    }

    fn end_of_read(&self, command: &mut RawDocumentBuf, concern: &RawDocumentBuf) {
        command.append(cstr!("readConcern"), concern);
        command.append(cstr!("maxTimeMS"), self.patience);
    }

    fn update(&self, wanted: &RawDocumentBuf, change: &RawDocumentBuf, upsert: bool) -> RawDocumentBuf {
        let mut update = RawDocumentBuf::new();
        update.append(cstr!("q"), wanted);
        update.append(cstr!("u"), change);
        if upsert {
            update.append(cstr!("upsert"), true);
        }
        self.one_of(cstr!("update"), cstr!("updates"), &update)
    }

    fn remove(&self, wanted: &RawDocumentBuf, limit: i32) -> RawDocumentBuf {
        let mut delete = RawDocumentBuf::new();
        delete.append(cstr!("q"), wanted);
        delete.append(cstr!("limit"), limit);
        self.one_of(cstr!("delete"), cstr!("deletes"), &delete)
    }

    fn one_of(&self, name: &CStr, list: &CStr, statement: &RawDocumentBuf) -> RawDocumentBuf {
        let mut statements = RawArrayBuf::new();
        statements.push(statement);
        let mut command = self.begin(name);
        command.append(list, &statements);
        command
    }
}

fn filter(key: &RecordKey) -> RawDocumentBuf {
    single(KEY, binary(key.as_bytes()))
}

fn single(name: &CStr, value: impl mongodb::bson::raw::BindRawBsonRef) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(name, value);
    document
}

fn whole(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
