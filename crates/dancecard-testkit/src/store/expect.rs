//! Comparisons that explain themselves.

use std::collections::BTreeSet;
use std::fmt::Debug;

use dancecard_core::{
    Entry, Error, ErrorKind, ListQuery, Meta, Principal, Record, RecordKey, SharedStore, Store, Version,
    Versioned,
};

use super::poll;
use crate::failure::{Failure, Outcome, chain};

/// Fails unless the condition holds.
pub(super) fn that(holds: bool, expected: impl Into<String>, got: impl Into<String>) -> Outcome {
    if holds { Ok(()) } else { Err(Failure::new(expected, got)) }
}

/// Fails unless the two are equal; both are shown, so they must be nothing secret.
pub(super) fn same<T: PartialEq + Debug>(what: &str, got: T, expected: T) -> Outcome {
    that(got == expected, format!("{what} {expected:?}"), format!("{got:?}"))
}

/// Fails unless the call failed with this kind.
pub(super) fn fails<T>(result: Result<T, Error>, kind: ErrorKind) -> Outcome<Error> {
    match result {
        Err(error) if error.kind() == kind => Ok(error),
        Err(error) => Err(Failure::new(format!("an error of kind {kind:?}"), chain(&error))),
        Ok(_) => Err(Failure::new(format!("an error of kind {kind:?}"), "success")),
    }
}

/// Fails unless the call failed with `Conflict`.
pub(super) fn conflicts<T>(result: Result<T, Error>) -> Outcome {
    fails(result, ErrorKind::Conflict).map(drop)
}

/// Fails unless the call failed with `Unsupported`.
pub(super) fn refused<T>(result: Result<T, Error>) -> Outcome {
    fails(result, ErrorKind::Unsupported).map(drop)
}

/// Fails unless nothing is stored under the key.
pub(super) async fn absent(store: &SharedStore, key: &RecordKey) -> Outcome {
    let found = store.load(key).await?;
    that(found.is_none(), "no record", describe(found.as_ref()))
}

/// Fails unless exactly this record is stored under the key.
pub(super) async fn present(store: &SharedStore, key: &RecordKey, record: &Record) -> Outcome<Versioned> {
    equal(store.load(key).await?, record)
}

/// Fails unless exactly this record, in this version, is stored under the key.
pub(super) async fn unchanged(
    store: &SharedStore,
    key: &RecordKey,
    record: &Record,
    version: &Version,
) -> Outcome {
    let found = present(store, key, record).await?;
    that(found.version() == version, "the version it had", "another version")
}

/// Fails unless the loaded record is this one.
pub(super) fn equal(found: Option<Versioned>, record: &Record) -> Outcome<Versioned> {
    let expected = format!("a record of {} bytes", record.payload.len());
    let Some(found) = found else { return Err(Failure::new(expected, "no record")) };
    that(found.payload() == record.payload, expected, difference(found.payload(), &record.payload))?;
    same_meta(&found.meta(), &record.meta)?;
    let at = found.expires_at();
    that(at == found.meta().expires_at(), "one expiry in the record", "two")?;
    Ok(found)
}

/// Fails unless the facts are the same, and says which are not.
pub(super) fn same_meta(got: &Meta, expected: &Meta) -> Outcome {
    let moments = |meta: &Meta| {
        [
            ("created_at", meta.created_at().as_millis()),
            ("expires_at", meta.expires_at().as_millis()),
            ("absolute_at", meta.absolute_at().as_millis()),
            ("renewed_at", meta.renewed_at().as_millis()),
            ("idle (ms)", meta.idle().map_or(0, |idle| idle.as_millis() as i64)),
            ("codec", i64::from(meta.codec().0)),
            ("retired", i64::from(meta.is_retired())),
        ]
    };
    for ((name, got), (_, expected)) in moments(got).into_iter().zip(moments(expected)) {
        same(name, got, expected)?;
    }
    same_field("principal", got.principal(), expected.principal())?;
    same_field("user agent", got.user_agent(), expected.user_agent())?;
    same_field("address", got.address(), expected.address())?;
    same_field("successor", got.successor(), expected.successor())
}

fn same_field<T: PartialEq>(name: &str, got: Option<T>, expected: Option<T>) -> Outcome {
    let describe = |field: &Option<T>| format!("{name} {}", if field.is_some() { "set" } else { "not set" });
    that(
        got == expected,
        format!("{}, as written", describe(&expected)),
        format!("another: {}", describe(&got)),
    )
}

fn difference(got: &[u8], expected: &[u8]) -> String {
    let same = got.iter().zip(expected).take_while(|(one, other)| one == other).count();
    format!("a record of {} bytes that differs from byte {same} on", got.len())
}

fn describe(found: Option<&Versioned>) -> String {
    found.map_or_else(|| "no record".into(), |found| format!("a record of {} bytes", found.payload().len()))
}

/// Fails unless the version was never seen before; remembers it.
pub(super) fn fresh(seen: &mut Vec<Version>, version: Version) -> Outcome {
    let known = seen.contains(&version);
    seen.push(version);
    that(!known, "a version that the key never had before", format!("one it had, at write {}", seen.len()))
}

/// Fails unless listing all yields exactly these keys, each once.
pub(super) async fn lists<'a>(
    store: &SharedStore,
    keys: impl IntoIterator<Item = &'a RecordKey>,
) -> Outcome<Vec<Entry>> {
    exactly(poll::collect(store.list(ListQuery::all())).await?, keys)
}

/// Fails unless listing a principal yields exactly these keys, each once.
pub(super) async fn lists_of<'a>(
    store: &SharedStore,
    principal: &str,
    keys: impl IntoIterator<Item = &'a RecordKey>,
) -> Outcome<Vec<Entry>> {
    let query = ListQuery::of(Principal::new(principal));
    let place = || format!("listing a principal of {} bytes", principal.len());
    exactly(poll::collect(store.list(query)).await?, keys).map_err(|failure| failure.at(place()))
}

/// Fails unless the entries are those of the keys, each once.
pub(super) fn exactly<'a>(
    entries: Vec<Entry>,
    keys: impl IntoIterator<Item = &'a RecordKey>,
) -> Outcome<Vec<Entry>> {
    let wanted: BTreeSet<_> = keys.into_iter().collect();
    let listed: BTreeSet<_> = entries.iter().map(|entry| &entry.key).collect();
    that(listed.len() == entries.len(), "each record once", "one twice")?;
    let missing = wanted.difference(&listed).count();
    let extra = listed.difference(&wanted).count();
    let expected = format!("{} records listed", wanted.len());
    that(missing + extra == 0, expected, format!("{missing} of them missing, {extra} others listed"))?;
    Ok(entries)
}
