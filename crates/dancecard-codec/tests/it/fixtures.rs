//! What earlier releases wrote.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dancecard_codec::{Compressed, SharedCodec};
use dancecard_core::{
    CodecTag, JsonCodec, Outcome, Record, Result, SessionId, SessionManager, Store, Timestamp, WriteMode,
};

use crate::world::*;

/// What every fixture holds.
const MEMBERS: [(&str, &str); 5] = [
    ("user", "{\"id\":7,\"name\":\"Zoë \\\"Z\\\" O'Neil\",\"admin\":false}"),
    ("numbers", "[0,-1,18446744073709551615,-9223372036854775808,0.1,-0.0,2.5,1e+300,1e400]"),
    ("schlüssel 🔑", "[null,[],{},\"\\u0000\\n\"]"),
    ("twice", "{\"a\":1,\"a\":2}"),
    ("words", "\"yes and yes and yes and yes and yes and no\""),
];
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const FIRST: &str = "0.1.0";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn forms() -> Vec<(&'static str, SharedCodec)> {
    let mut forms = codecs();
    forms.push(("stored", std::sync::Arc::new(Compressed::new(JsonCodec))));
    forms
}

fn expected() -> Vec<(String, String)> {
    let mut all: Vec<_> = MEMBERS.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    all.sort();
    all
}

/// The record that a codec makes of the session, with fixed facts.
async fn written(codec: SharedCodec) -> Result<Record> {
    let manager = SessionManager::new(memory()).with_codec(codec.clone());
    let visitor = begin(&manager, &MEMBERS).await?;
    let payload = visitor.stored(manager.store()).await.payload().to_vec();
    let meta = dancecard_core::Meta::new(START, START.saturating_add(Duration::from_secs(3600)));
    Ok(Record::new(meta.with_codec(codec.tag()), payload))
}

async fn write_missing(release: &str) -> Result<()> {
    let folder = folder().join(release);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, codec) in forms() {
        let path = folder.join(name).with_extension("record");
        if !path.exists() {
            std::fs::write(path, written(codec).await?.to_envelope()).unwrap();
        }
    }
    Ok(())
}

/// Release, name and record of each file.
fn fixtures() -> Vec<(String, String, Record)> {
    let entries = |path: &Path| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let folders = entries(&folder()).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| entries(&folder).collect::<Vec<_>>());
    let word = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let release = |path: &Path| path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    let read = |path: &Path| Record::from_envelope(&std::fs::read(path).unwrap()).unwrap();
    files.map(|path| (release(&path), word(&path), read(&path))).collect()
}

#[tokio::test]
async fn records_of_every_release_are_read_and_change_over() -> Result<()> {
    if let Ok(release) = std::env::var("DANCECARD_WRITE_FIXTURES") {
        write_missing(&release).await?;
    }
    let fixtures = fixtures();
    let of_the_first = fixtures.iter().filter(|(release, ..)| release == FIRST).count();
    assert_eq!(of_the_first, forms().len(), "a fixture is missing");
    for (release, name, record) in fixtures {
        let codec = forms().into_iter().find(|(other, _)| *other == name).expect(&name).1;
        assert_eq!(record.meta.codec(), codec.tag(), "{release} {name}");
        for (new, next) in forms() {
            let id = SessionId::from_bytes([9; 32]);
            let visitor = Visitor(id.token());
            let manager = SessionManager::new(memory())
                .with_clock(dancecard_core::ManualClock::at(START))
                .with_codec(codec.clone())
                .with_codec(next.clone());
            manager.store().write(&visitor.key(), record.clone(), WriteMode::Create).await?;
            assert_eq!(values(&visitor.visit(&manager)).await?, expected(), "{release} {name}");
            let session = visitor.visit(&manager);
            session.set("added", 1)?;
            assert_eq!(manager.commit(&session).await?.outcome, Outcome::Updated);
            assert_eq!(visitor.stored(manager.store()).await.meta().codec(), next.tag(), "{name} to {new}");
            let mut all = expected();
            all.push(("added".into(), "1".into()));
            all.sort();
            assert_eq!(values(&visitor.visit(&manager)).await?, all, "{release} {name} to {new}");
        }
    }
    Ok(())
}

/// What is written in one way only is written so by every release. Compression may get better, and nonces differ.
#[tokio::test]
async fn the_plain_forms_are_written_as_the_first_release_wrote_them() -> Result<()> {
    let mut compared = 0;
    for (release, name, record) in fixtures() {
        let codec = forms().into_iter().find(|(other, _)| *other == name).expect(&name).1;
        let plain = [CodecTag::JSON, CodecTag::MESSAGE_PACK, CodecTag::YAML].contains(&codec.tag());
        if release == FIRST && (plain || name == "stored") {
            assert_eq!(written(codec).await?.payload, record.payload, "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, 4);
    Ok(())
}
