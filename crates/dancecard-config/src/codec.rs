//! What the data of sessions are written in.

use dancecard_core::{Result, SessionManager};

use crate::reader::Reader;

/// The keys in the section of sessions.
#[cfg(not(feature = "codec"))]
pub(crate) const KEYS: [&str; 4] = ["serializer", "compress_above", "encryption_keys", "encrypt"];

/// Serializers of the application's own, by the names that it gave them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Serializers {
    #[cfg(feature = "codec")]
    own: Vec<(String, dancecard_codec::SharedCodec)>,
}

#[cfg(feature = "codec")]
impl crate::Engines {
    /// Adds a serializer of your own under a name, in any case, for `session.serializer` to choose, with compression and
    /// encryption around it as around ours. What it wrote is read whichever is chosen.
    ///
    /// One that has the name already gives it up.
    pub fn serializer(&mut self, name: &str, codec: impl dancecard_core::Codec) {
        let name = name.to_ascii_lowercase();
        self.1.own.retain(|(other, _)| *other != name);
        self.1.own.push((name, std::sync::Arc::new(codec)));
    }
}

/// The codecs that a configuration asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Codecs {
    #[cfg(feature = "codec")]
    chosen: Option<chosen::Chosen>,
}

impl Codecs {
    #[cfg(feature = "codec")]
    pub(crate) fn read(reader: &mut Reader<'_>, namespace: &str, serializers: &Serializers) -> Result<Self> {
        chosen::Chosen::read(reader, namespace, &serializers.own).map(|chosen| Self { chosen: Some(chosen) })
    }

    /// JSON is all that there is without the crate of codecs.
    #[cfg(not(feature = "codec"))]
    pub(crate) fn read(reader: &mut Reader<'_>, _: &str, _: &Serializers) -> Result<Self> {
        let entries = KEYS.iter().filter_map(|key| reader.own(&format!("session.{key}")));
        for entry in entries {
            if entry.name() != "serializer" || !entry.text()?.eq_ignore_ascii_case("json") {
                let feature = "is not in this build, which has `serializer: json` only: build dancecard with the feature `codec`";
                return Err(entry.refuse(feature));
            }
        }
        reader.note("session.serializer", "json", reader.own("session.serializer").as_ref());
        Ok(Self::default())
    }

    /// The manager, writing as it was asked to, and reading what any of the others wrote.
    #[cfg(feature = "codec")]
    pub(crate) fn apply(&self, manager: SessionManager) -> SessionManager {
        self.chosen.iter().fold(manager, |manager, chosen| chosen.apply(manager))
    }

    #[cfg(not(feature = "codec"))]
    pub(crate) fn apply(&self, manager: SessionManager) -> SessionManager {
        manager
    }
}

#[cfg(feature = "codec")]
mod chosen {
    use std::sync::Arc;

    use dancecard_codec::{Compressed, Encrypted, MessagePackCodec, SharedCodec, YamlCodec, by_name};
    use dancecard_core::{Codec, JsonCodec, Result, SessionManager};
    use dancecard_seal::{Key as Secret, KeyRing};

    use crate::entry::Entry;
    use crate::mask::HIDDEN;
    use crate::reader::{Key, Reader};

    /// What encrypted data belong to, where no namespace is set.
    const APPLICATION: &str = "dancecard";
    /// What may be compressed at least, in bytes: as much as sessions have by default.
    const LIMIT: usize = 1 << 20;

    #[derive(Debug, Clone)]
    pub(crate) struct Chosen {
        serializer: SharedCodec,
        /// The application's own, which are all read.
        own: Vec<SharedCodec>,
        limit: usize,
        compress_above: Option<usize>,
        keys: Option<KeyRing>,
        encrypt: bool,
        application: String,
    }

    impl Chosen {
        pub(crate) fn read(
            reader: &mut Reader<'_>,
            namespace: &str,
            own: &[(String, SharedCodec)],
        ) -> Result<Self> {
            let name = reader.value(
                Key::own("session.serializer"),
                "json".to_owned(),
                Entry::text,
                String::clone,
            )?;
            let serializer =
                named(name.trim(), own).map_err(|error| match reader.own("session.serializer") {
                    Some(entry) => entry.refuse(error.detail().unwrap_or("there is no such serializer")),
                    None => error,
                })?;
            let show =
                |bytes: &Option<usize>| bytes.map_or_else(|| "never".to_owned(), |bytes| bytes.to_string());
            let compress_above = reader.value(Key::own("session.compress_above"), None, bytes, show)?;
            let hidden = |keys: &Option<KeyRing>| {
                keys.as_ref().map_or_else(|| "none".to_owned(), |_| HIDDEN.to_owned())
            };
            let keys = reader.value(Key::own("session.encryption_keys"), None, ring, hidden)?;
            let encrypt = encrypt(reader, keys.is_some())?;
            let application = if namespace.is_empty() { APPLICATION } else { namespace }.to_owned();
            let limit = reader.own("session.max_payload").map(|entry| entry.number()).transpose()?;
            let limit = limit.unwrap_or(LIMIT).max(LIMIT);
            let own = own.iter().map(|(_, codec)| codec.clone()).collect();
            Ok(Self { serializer, own, limit, compress_above, keys, encrypt, application })
        }

        fn compressed<C: Codec>(&self, inside: C) -> Compressed<C> {
            let compressed = Compressed::new(inside).with_limit(self.limit);
            self.own.iter().fold(compressed, |compressed, own| compressed.with_reader(own.clone()))
        }

        fn encrypted(&self, inside: SharedCodec, keys: &KeyRing) -> Encrypted<SharedCodec> {
            let encrypted = Encrypted::new(inside, keys, &self.application);
            let encrypted = encrypted.with_reader(self.compressed(JsonCodec));
            self.own.iter().fold(encrypted, |encrypted, own| encrypted.with_reader(own.clone()))
        }

        /// All that can be read, and last what is written.
        pub(crate) fn apply(&self, manager: SessionManager) -> SessionManager {
            let manager = manager.with_codec(MessagePackCodec).with_codec(YamlCodec).with_codec(JsonCodec);
            let manager = self.own.iter().fold(manager, |manager, own| manager.with_codec(own.clone()));
            let manager = manager.with_codec(self.compressed(self.serializer.clone()));
            let manager = manager.with_codec(self.serializer.clone());
            let (manager, writer) = match self.compress_above {
                Some(bytes) => {
                    let writer = self.compressed(self.serializer.clone()).with_threshold(bytes);
                    let writer: SharedCodec = Arc::new(writer);
                    (manager.with_codec(writer.clone()), writer)
                }
                None => (manager, self.serializer.clone()),
            };
            let encrypted = |keys| self.encrypted(writer.clone(), keys);
            match &self.keys {
                Some(keys) if self.encrypt => manager.with_codec(encrypted(keys)),
                Some(keys) => manager.with_codec(encrypted(keys)).with_codec(writer),
                None => manager,
            }
        }
    }

    fn named(name: &str, own: &[(String, SharedCodec)]) -> Result<SharedCodec> {
        let found = own.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map_or_else(|| by_name(name), |(_, codec)| Ok(codec.clone()))
    }

    /// Off while there are keys, what is encrypted can be read, and is written plain.
    fn encrypt(reader: &mut Reader<'_>, has_keys: bool) -> Result<bool> {
        let key = Key::own("session.encrypt");
        let encrypt = reader.value(key, has_keys, Entry::switch, bool::to_string)?;
        match reader.find(key).filter(|_| encrypt && !has_keys) {
            Some(entry) => Err(entry.refuse("needs keys to encrypt with: set `session.encryption_keys`")),
            None => Ok(encrypt),
        }
    }

    fn bytes(entry: &Entry) -> Result<Option<usize>> {
        if entry.text()?.trim().eq_ignore_ascii_case("never") { Ok(None) } else { entry.number().map(Some) }
    }

    fn ring(entry: &Entry) -> Result<Option<KeyRing>> {
        let keys = entry.texts()?.iter().map(|key| Secret::parse(key)).collect::<Result<Vec<_>>>();
        let ring = keys.and_then(KeyRing::new);
        ring.map(Some).map_err(|error| entry.refuse(error.detail().unwrap_or("is not usable as a key")))
    }
}
