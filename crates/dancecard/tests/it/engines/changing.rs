//! Sessions change over from form to form on every engine, whether the form is chosen in code or in a file.

use std::sync::Arc;

use dancecard::codec::{Compressed, Encrypted, MessagePackCodec, SharedCodec, YamlCodec, by_name};
use dancecard::config::Loader;
use dancecard::http::SessionHttp;
use dancecard::seal::{Key, KeyRing};
use dancecard::{
    Changes, Codec, CodecTag, ErrorKind, JsonCodec, Result, SessionManager, SharedStore, Versioned,
};

use super::House;
use super::browser::Browser;

const OLD: &str = "T7GgwCLRZdlX1O2pmAWuk0l_rselYUc6iWbGVlRPEDA=";
pub(super) const NEW: &str = "AJ8lSbbyzMwQPfdB0fC7hFlgMdaUzYqpMSmdTcHbAGs=";
/// What encrypted data belong to, where a file sets no namespace.
const APPLICATION: &str = "dancecard";
/// In the data, so that it is seen whether the stored bytes show them.
pub(super) const WORD: &str = "quickstep";

pub(super) async fn from_form_to_form(house: &House) {
    for way in [House::in_code as Way, House::in_file] {
        house.changes_over(way).await;
        house.refuses_what_it_can_not_read(way).await;
    }
    house.changes_over_to_ones_own().await;
}

/// A way to write the data of sessions.
#[derive(Clone, Copy)]
struct Form {
    serializer: &'static str,
    compressed: bool,
    /// The first encrypts, unless none does.
    keys: &'static [&'static str],
    plain: bool,
    tag: CodecTag,
    /// Whether stored bytes are of this form.
    fits: fn(&[u8]) -> bool,
}

const JSON: Form = Form {
    serializer: "json",
    compressed: false,
    keys: &[],
    plain: true,
    tag: CodecTag::JSON,
    fits: |bytes| bytes.starts_with(b"{\"") && shows(bytes),
};
const PACKED: Form = Form {
    serializer: "MessagePack",
    tag: CodecTag::MESSAGE_PACK,
    fits: |bytes| bytes.first() == Some(&0x82) && shows(bytes),
    ..JSON
};
const YAML: Form = Form {
    serializer: "yaml",
    tag: CodecTag::YAML,
    fits: |bytes| {
        String::from_utf8_lossy(bytes).lines().any(|line| line.starts_with("count: ")) && shows(bytes)
    },
    ..JSON
};
const COMPRESSED: Form = Form {
    compressed: true,
    tag: CodecTag::COMPRESSED,
    fits: |bytes| bytes.starts_with(&[1, CodecTag::JSON.0]),
    ..JSON
};
const ENCRYPTED: Form = Form {
    serializer: "yaml",
    keys: &[OLD],
    plain: false,
    tag: CodecTag::ENCRYPTED,
    fits: |bytes| !shows(bytes) && opens(bytes, OLD) && !opens(bytes, NEW),
    ..JSON
};
/// All at once, and under the next key.
const ROTATED: Form = Form {
    serializer: "messagepack",
    compressed: true,
    keys: &[NEW, OLD],
    fits: |bytes| !shows(bytes) && opens(bytes, NEW) && !opens(bytes, OLD),
    ..ENCRYPTED
};
/// On the way back: what is encrypted is read still, and no longer written.
const PLAIN: Form = Form { keys: &[NEW, OLD], ..JSON };

const CHANGES: [Form; 8] = [JSON, PACKED, YAML, COMPRESSED, ENCRYPTED, ROTATED, PLAIN, JSON];

fn shows(bytes: &[u8]) -> bool {
    bytes.windows(WORD.len()).any(|part| part == WORD.as_bytes())
}

fn opens(bytes: &[u8], key: &str) -> bool {
    ring(&[key]).sealer("payload", APPLICATION).open(&[], bytes).is_some()
}

pub(super) fn ring(keys: &[&str]) -> KeyRing {
    KeyRing::new(keys.iter().map(|key| Key::parse(key).unwrap())).unwrap()
}

impl Form {
    /// A manager that writes it, and reads the others for which it has keys.
    fn in_code(&self, store: SharedStore) -> SessionManager {
        let serializer = by_name(self.serializer).unwrap();
        let manager = SessionManager::new(store).with_codec(MessagePackCodec).with_codec(YamlCodec);
        let manager = manager.with_codec(Compressed::new(JsonCodec)).with_codec(serializer.clone());
        let writer: SharedCodec = match self.compressed {
            true => Arc::new(Compressed::new(serializer).with_threshold(16)),
            false => serializer,
        };
        if self.keys.is_empty() {
            return manager.with_codec(writer);
        }
        let encrypted = Encrypted::new(writer.clone(), &ring(self.keys), APPLICATION);
        let manager = manager.with_codec(encrypted);
        if self.plain { manager.with_codec(writer) } else { manager }
    }

    /// The same, in the words of a file.
    fn in_file(&self, engine: &str) -> String {
        let compress = if self.compressed { "16" } else { "never" };
        let encrypt = !self.plain;
        format!(
            "session:\n  engine: '{engine}'\n  serializer: {}\n  compress_above: {compress}\n  encryption_keys: {:?}\n  encrypt: {encrypt}\n",
            self.serializer, self.keys
        )
        .replace("  encryption_keys: []\n", "")
    }
}

/// Somebody's own, that no other manager knows.
#[derive(Debug)]
struct Own;

impl Codec for Own {
    fn tag(&self) -> CodecTag {
        CodecTag::FIRST_OWN
    }

    fn open(&self, stored: &[u8]) -> Result<Option<Vec<u8>>> {
        JsonCodec.open(stored)
    }

    fn encode(&self, stored: Option<&[u8]>, changes: Changes<'_>) -> Result<Option<Vec<u8>>> {
        JsonCodec.encode(stored, changes)
    }
}

/// How a form is chosen.
type Way = fn(&House, &Form) -> SessionHttp;

impl House {
    fn in_code(&self, form: &Form) -> SessionHttp {
        SessionHttp::new(form.in_code(self.engines.open(&self.engine).unwrap()))
    }

    fn in_file(&self, form: &Form) -> SessionHttp {
        let path = self.folder.path().join("config.yml");
        std::fs::write(&path, form.in_file(&self.engine)).unwrap();
        Loader::new(path).with_variables([("A", "b")]).load(&self.engines).unwrap().http().unwrap()
    }

    async fn changes_over(&self, way: Way) {
        let mut browser = Browser::default();
        let mut before: Option<Versioned> = None;
        for (count, form) in CHANGES.iter().enumerate() {
            let http = way(self, form);
            if let Some(before) = &before {
                assert_eq!(browser.reads(&http).await.unwrap(), count, "{}", form.serializer);
                browser.keeps(&http, before).await;
            }
            browser.counts(&http).await.unwrap();
            let stored = browser.stored(&http).await;
            assert_eq!(stored.meta().codec(), form.tag);
            assert!((form.fits)(stored.payload()), "{} {:?}", form.serializer, form.tag);
            assert_eq!(browser.reads(&http).await.unwrap(), count + 1);
            before = Some(stored);
        }
    }

    /// A serializer that a file chooses by the name that the application gave it.
    async fn changes_over_to_ones_own(&self) {
        let mut browser = Browser::default();
        browser.counts(&self.in_file(&JSON)).await.unwrap();
        let mut engines = self.engines.clone();
        engines.serializer("own", Own);
        let path = self.folder.path().join("own.yml");
        std::fs::write(&path, Form { serializer: "own", ..JSON }.in_file(&self.engine)).unwrap();
        let own = Loader::new(path).with_variables([("A", "b")]).load(&engines).unwrap().http().unwrap();
        assert_eq!(browser.reads(&own).await.unwrap(), 1);
        browser.counts(&own).await.unwrap();
        let stored = browser.stored(&own).await;
        assert_eq!(stored.meta().codec(), CodecTag::FIRST_OWN);
        assert!((JSON.fits)(stored.payload()));
        assert_eq!(browser.reads(&own).await.unwrap(), 2);
    }

    /// What one writes and the other can't read stays as it is, and says what to do.
    async fn refuses(&self, writer: &SessionHttp, reader: &SessionHttp, remedy: &str) {
        let mut browser = Browser::default();
        browser.counts(writer).await.unwrap();
        let (before, cookie) = (browser.stored(writer).await, browser.cookie.clone());
        for error in [browser.reads(reader).await.unwrap_err(), browser.sets(reader).await.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(error.to_string().contains(remedy) && !format!("{error:?}").contains(WORD), "{error}");
        }
        browser.keeps(writer, &before).await;
        assert_eq!(browser.cookie, cookie);
        browser.counts(writer).await.unwrap();
        assert_eq!(browser.reads(writer).await.unwrap(), 2);
    }

    async fn refuses_what_it_can_not_read(&self, way: Way) {
        let under_the_next = Form { keys: &[NEW], ..ENCRYPTED };
        let encrypted = way(self, &ENCRYPTED);
        self.refuses(&encrypted, &way(self, &JSON), "codec 5, which is not configured: add that codec").await;
        self.refuses(&encrypted, &way(self, &under_the_next), "put its key back in").await;
        let own = SessionHttp::new(way(self, &JSON).manager().clone().with_codec(Own));
        self.refuses(&own, &way(self, &PACKED), "codec 128, which is not configured: add that codec").await;
    }
}
