//! What engines do to keys and records on the way in.

use dancecard_core::{CodecTag, Meta, Record, RecordKey, Timestamp};

use super::Bug;

/// The key under which it is stored.
pub(super) fn key(key: &RecordKey, bug: Option<Bug>) -> RecordKey {
    let bytes = key.as_bytes();
    match bug {
        Some(Bug::KeysAreOneByte) => RecordKey::new(&bytes[..1]),
        Some(Bug::KeysAreCutAt32Bytes) => RecordKey::new(&bytes[..bytes.len().min(32)]),
        Some(Bug::KeysEndAtZero) => RecordKey::new(bytes.split(|byte| *byte == 0).next().unwrap_or_default()),
        Some(Bug::KeysIgnoreCase) => RecordKey::new(&bytes.to_ascii_lowercase()),
        _ => key.clone(),
    }
}

/// The record as it is stored.
pub(super) fn record(record: Record, bug: Option<Bug>) -> Record {
    let Record { meta, mut payload } = record;
    match bug {
        Some(Bug::PayloadsAreText) => payload = String::from_utf8_lossy(&payload).into_owned().into_bytes(),
        Some(Bug::PayloadsAreTrimmed) => payload = payload.trim_ascii().to_vec(),
        Some(Bug::PayloadsAreCutAtAMegabyte) => payload.truncate(1 << 20),
        _ => {}
    }
    Record::new(facts(meta, bug), payload)
}

fn facts(meta: Meta, bug: Option<Bug>) -> Meta {
    let seconds = |at: Timestamp| Timestamp::from_millis(at.as_millis() / 1000 * 1000);
    let unsigned = |at: Timestamp| Timestamp::from_millis(at.as_millis().max(0));
    let (agent, address) = (meta.user_agent().map(str::to_owned), meta.address().map(str::to_owned));
    match bug {
        Some(Bug::MetaLosesMillis) => {
            let (created, expires) = (seconds(meta.created_at()), seconds(meta.expires_at()));
            meta.with_created_at(created).with_expires_at(expires)
        }
        Some(Bug::MetaLosesTheRenewal) => {
            let created = meta.created_at();
            meta.with_renewed_at(created)
        }
        Some(Bug::MetaLosesTheAbsoluteLimit) => meta.with_absolute_at(Timestamp::MAX),
        Some(Bug::MetaLosesTheIdleLimit) => meta.with_idle(None),
        Some(Bug::MetaLosesTheCodec) => meta.with_codec(CodecTag::JSON),
        Some(Bug::MetaLosesTheAgent) => meta.with_device(None, address.as_deref()),
        Some(Bug::MetaLosesTheAddress) => meta.with_device(agent.as_deref(), None),
        Some(Bug::MetaLosesTheSuccessor) if meta.is_retired() => meta.into_retired(None),
        Some(Bug::MetaIsUnsigned) => {
            let (created, renewed) = (unsigned(meta.created_at()), unsigned(meta.renewed_at()));
            meta.with_created_at(created).with_renewed_at(renewed)
        }
        Some(Bug::TextsAreTrimmed) => meta.with_device(agent.as_deref().map(str::trim), address.as_deref()),
        _ => meta,
    }
}
