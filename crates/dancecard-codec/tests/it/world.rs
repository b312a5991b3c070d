//! A house whose sessions are written in one form after another.

use dancecard_codec::{Compressed, Encrypted, MessagePackCodec, SharedCodec, YamlCodec};
use dancecard_core::{
    JsonCodec, MemoryStore, RecordKey, Result, Session, SessionId, SessionManager, SharedStore, Store, Token,
    TokenAction, Versioned,
};
use dancecard_seal::{Key, KeyRing};
use std::sync::Arc;

/// The same keys in every run, so that fixtures open.
pub(crate) fn key(seed: u8) -> Key {
    Key::new(&(0..32).map(|n: u8| n.wrapping_mul(37) ^ seed).collect::<Vec<_>>()).unwrap()
}

pub(crate) fn ring(seeds: &[u8]) -> KeyRing {
    KeyRing::new(seeds.iter().map(|seed| key(*seed))).unwrap()
}

/// Every form that there is, by name.
pub(crate) fn codecs() -> Vec<(&'static str, SharedCodec)> {
    let keys = ring(&[1]);
    vec![
        ("json", Arc::new(JsonCodec)),
        ("messagepack", Arc::new(MessagePackCodec)),
        ("yaml", Arc::new(YamlCodec)),
        ("compressed", Arc::new(Compressed::new(JsonCodec).with_threshold(16))),
        ("encrypted", Arc::new(Encrypted::new(YamlCodec, &keys, "shop"))),
        (
            "all",
            Arc::new(Encrypted::new(Compressed::new(MessagePackCodec).with_threshold(16), &keys, "shop")),
        ),
    ]
}

/// What a browser holds.
#[derive(Clone, Copy)]
pub(crate) struct Visitor(pub(crate) Token);

impl Visitor {
    pub(crate) fn visit(&self, manager: &SessionManager) -> Session {
        manager.open([self.0.as_str().as_bytes()])
    }

    pub(crate) fn key(&self) -> RecordKey {
        SessionId::parse(self.0.as_str().as_bytes()).unwrap().key("")
    }

    pub(crate) async fn stored(&self, store: &SharedStore) -> Versioned {
        store.load(&self.key()).await.unwrap().unwrap()
    }
}

/// A new session with these values in it, each given as JSON text.
pub(crate) async fn begin(manager: &SessionManager, values: &[(&str, &str)]) -> Result<Visitor> {
    let session = manager.open([]);
    for (key, text) in values {
        session.set(key, raw(text))?;
    }
    let TokenAction::Set { token, .. } = manager.commit(&session).await?.token else { panic!("no session") };
    Ok(Visitor(token))
}

/// JSON text as a value, spelled as it is.
pub(crate) fn raw(text: &str) -> Box<serde_json::value::RawValue> {
    serde_json::value::RawValue::from_string(text.to_owned()).unwrap()
}

/// A session's values as JSON text, by key.
pub(crate) async fn values(session: &Session) -> Result<Vec<(String, String)>> {
    let session = session.load().await?;
    let mut found = Vec::new();
    for key in session.keys()? {
        let value: Box<serde_json::value::RawValue> = session.get(&key)?.unwrap();
        found.push((key, value.get().to_owned()));
    }
    found.sort();
    Ok(found)
}

pub(crate) fn memory() -> SharedStore {
    SharedStore::new(MemoryStore::new())
}
