//! Records that an earlier release wrote, on this engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dancecard::codec::{Compressed, Encrypted, MessagePackCodec, YamlCodec};
use dancecard::seal::{Key, KeyRing};
use dancecard::{
    Clock, ErrorKind, JsonCodec, Meta, Outcome, Record, SessionId, SessionManager, SharedStore, Store,
    SystemClock, Timestamp, Versioned, WriteMode,
};

/// Each with its name, release and all.
fn fixtures() -> Vec<(PathBuf, Record)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dancecard-codec/tests/fixtures");
    let entries = |path: &Path| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let releases = entries(&folder).filter(|path| path.is_dir());
    let files = releases.flat_map(|folder| entries(&folder).collect::<Vec<_>>());
    files.map(|path| (path.clone(), Record::from_envelope(&std::fs::read(path).unwrap()).unwrap())).collect()
}

/// Reads them all, and writes MessagePack.
fn manager(store: SharedStore) -> SessionManager {
    // The one that the fixtures are encrypted under.
    let key = Key::new(&(0..32).map(|n: u8| n.wrapping_mul(37) ^ 1).collect::<Vec<_>>()).unwrap();
    let encrypted = Encrypted::new(Compressed::new(MessagePackCodec), &KeyRing::new([key]).unwrap(), "shop");
    SessionManager::new(store)
        .with_codec(YamlCodec)
        .with_codec(Compressed::new(JsonCodec))
        .with_codec(encrypted)
        .with_codec(JsonCodec)
        .with_codec(Arc::new(MessagePackCodec))
}

/// The facts of a member's session that lives now, around an earlier payload.
fn living(record: Record) -> Record {
    let now = SystemClock.now();
    let meta = Meta::new(now, now.saturating_add(Duration::from_secs(3600)))
        .with_codec(record.meta.codec())
        .with_principal(Some("ada".into()))
        .with_device(Some("a browser"), Some("192.0.2.7"))
        .with_absolute_at(Timestamp::from_millis(now.as_millis() + 86_400_000));
    Record::new(meta, record.payload)
}

/// They are read, changed, and written in another form, with nothing lost.
pub(super) async fn are_read_and_change_over(store: SharedStore) {
    let manager = manager(store.clone());
    let fixtures = fixtures();
    assert!(fixtures.len() >= 7, "{}", fixtures.len());
    for (number, (name, record)) in (1..).zip(fixtures) {
        let id = SessionId::from_bytes([number; 32]);
        store.write(&id.key(""), living(record), WriteMode::Create).await.unwrap();
        let visit = || manager.open([id.token().as_str().as_bytes()]);
        let session = visit();
        assert_eq!(session.principal().await.unwrap(), Some("ada".into()), "{name:?}");
        let mut keys = session.keys().await.unwrap();
        assert_eq!(keys.len(), 5, "{name:?}");
        let user: serde_json::Value = session.get("user").await.unwrap().unwrap();
        assert_eq!(user["name"], "Zoë \"Z\" O'Neil", "{name:?}");
        session.set("added", 1).unwrap();
        assert_eq!(manager.commit(&session).await.unwrap().outcome, Outcome::Updated, "{name:?}");
        keys.push("added".into());
        let mut found = visit().keys().await.unwrap();
        keys.sort();
        found.sort();
        assert_eq!(found, keys, "{name:?}");
        assert_eq!(visit().get::<serde_json::Value>("user").await.unwrap().unwrap(), user, "{name:?}");
        let stored = store.load(&id.key("")).await.unwrap().unwrap();
        assert_eq!(stored.meta().codec(), dancecard::CodecTag::MESSAGE_PACK, "{name:?}");
        assert_eq!(stored.meta().address(), Some("192.0.2.7"), "{name:?}");
        assert_left_by_an_old_writer(&store, &id, &stored).await;
    }
}

/// A server of a build that does not know the new form says so, and leaves what it can't read.
async fn assert_left_by_an_old_writer(store: &SharedStore, id: &SessionId, stored: &Versioned) {
    let manager = SessionManager::new(store.clone());
    let session = manager.open([id.token().as_str().as_bytes()]);
    session.set("added", 2).unwrap();
    let error = manager.commit(&session).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    let after = store.load(&id.key("")).await.unwrap().unwrap();
    assert_eq!((after.version(), after.payload()), (stored.version(), stored.payload()));
}
