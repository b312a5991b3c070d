//! Sessions change over from codec to codec, in memory and in a real file.

use dancecard_codec::{MessagePackCodec, SharedCodec, YamlCodec, by_name};
use dancecard_core::{
    CodecTag, ErrorKind, JsonCodec, Outcome, Result, SessionManager, SharedStore, TokenAction,
};
use dancecard_store_sqlite::SqliteStore;

use crate::world::*;

/// Every engine that migrations are shown on, and the folder that one lies in.
fn engines() -> (Vec<SharedStore>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::open(folder.path().join("sessions.db"));
    (vec![memory(), SharedStore::new(file.unwrap())], folder)
}

fn expected(members: &[(&str, &str)]) -> Vec<(String, String)> {
    members.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn change_over(
    store: &SharedStore,
    (old, from): (&str, SharedCodec),
    (new, to): (&str, SharedCodec),
) -> Result<()> {
    let before = SessionManager::new(store.clone()).with_codec(from.clone());
    let after = before.clone().with_codec(to.clone());
    let visitor = begin(&before, &[("kept", "{\"é\":[1.5,-0.0]}"), ("n", "1"), ("gone", "true")]).await?;
    let written = visitor.stored(store).await.payload().to_vec();

    // Reading changes nothing.
    let session = visitor.visit(&after);
    assert_eq!(session.get("n").await?, Some(1), "{old} to {new}");
    assert_eq!(after.commit(&session).await?.outcome, Outcome::Unchanged, "{old} to {new}");
    assert_eq!(visitor.stored(store).await.payload(), written, "{old} to {new}");

    // Writing does, and what was not touched stays as it was.
    let session = visitor.visit(&after);
    session.update("n", |n: &mut i64| *n += 1)?;
    session.remove("gone")?;
    assert_eq!(after.commit(&session).await?.outcome, Outcome::Updated, "{old} to {new}");
    assert_eq!(visitor.stored(store).await.meta().codec(), to.tag(), "{old} to {new}");
    let alone = SessionManager::new(store.clone()).with_codec(to);
    let kept = expected(&[("kept", "{\"é\":[1.5,-0.0]}"), ("n", "2")]);
    assert_eq!(values(&visitor.visit(&alone)).await?, kept, "{old} to {new}");
    Ok(())
}

#[tokio::test]
async fn a_session_changes_over_when_it_is_next_written() -> Result<()> {
    let (engines, _folder) = engines();
    for store in &engines {
        for from in codecs() {
            for to in codecs() {
                change_over(store, from.clone(), to).await?;
            }
        }
    }
    Ok(())
}

/// Two requests, one served by the release before, one by the release after.
#[tokio::test]
async fn two_writers_of_two_codecs_lose_nothing() -> Result<()> {
    let (engines, _folder) = engines();
    for store in &engines {
        for (name, codec) in codecs() {
            let old = SessionManager::new(store.clone()).with_codec(codec.clone()).with_codec(JsonCodec);
            let new = old.clone().with_codec(codec.clone());
            for (first, second) in [(&old, &new), (&new, &old)] {
                let visitor = begin(&old, &[("n", "0")]).await?;
                let (a, b) = (visitor.visit(first), visitor.visit(second));
                assert_eq!((a.get("n").await?, b.get("n").await?), (Some(0), Some(0)));
                a.update("n", |n: &mut i64| *n += 1)?;
                a.set("a", "first")?;
                b.update("n", |n: &mut i64| *n += 10)?;
                b.set("b", "second")?;
                first.commit(&a).await?;
                second.commit(&b).await?;
                let all = expected(&[("a", "\"first\""), ("b", "\"second\""), ("n", "11")]);
                assert_eq!(values(&visitor.visit(&old)).await?, all, "{name}");
            }
        }
    }
    Ok(())
}

/// A release that does not know the form says so, and leaves it alone.
#[tokio::test]
async fn an_old_writer_refuses_what_it_cannot_read() -> Result<()> {
    let (engines, _folder) = engines();
    for store in &engines {
        for (name, codec) in codecs().into_iter().filter(|(_, codec)| codec.tag() != CodecTag::JSON) {
            let old = SessionManager::new(store.clone());
            let new = old.clone().with_codec(codec);
            let visitor = begin(&old, &[("n", "0")]).await?;
            let late = visitor.visit(&old);
            assert_eq!(late.get("n").await?, Some(0));
            late.set("n", "overwritten")?;

            let session = visitor.visit(&new);
            session.set("n", 1)?;
            new.commit(&session).await?;
            let written = visitor.stored(store).await;

            // One that had read the old form meets the new one in a conflict; another meets it at once.
            let error = old.commit(&late).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}");
            assert!(error.to_string().contains("not configured"), "{error}");
            let fresh = visitor.visit(&old);
            assert_eq!(fresh.get::<i64>("n").await.unwrap_err().kind(), ErrorKind::Corrupt, "{name}");
            fresh.set("n", "overwritten")?;
            assert_eq!(old.commit(&fresh).await.unwrap_err().kind(), ErrorKind::Corrupt, "{name}");

            let now = visitor.stored(store).await;
            assert!(now.payload() == written.payload() && now.version() == written.version(), "{name}");
            assert_eq!(visitor.visit(&new).get("n").await?, Some(1), "{name}");
        }
    }
    Ok(())
}

/// How a change is rolled out on several servers: first all read both, then they write the new form.
#[tokio::test]
async fn a_release_that_reads_both_prepares_for_one_that_writes_the_other() -> Result<()> {
    let store = memory();
    let prepared = SessionManager::new(store.clone()).with_codec(MessagePackCodec).with_codec(JsonCodec);
    let switched = prepared.clone().with_codec(MessagePackCodec);
    let visitor = begin(&switched, &[("n", "1")]).await?;
    let session = visitor.visit(&prepared);
    session.update("n", |n: &mut i64| *n += 1)?;
    prepared.commit(&session).await?;
    assert_eq!(visitor.stored(&store).await.meta().codec(), CodecTag::JSON);
    assert_eq!(visitor.visit(&switched).get("n").await?, Some(2));
    Ok(())
}

#[tokio::test]
async fn a_sign_in_takes_the_data_along_and_the_next_write_changes_it_over() -> Result<()> {
    let (engines, _folder) = engines();
    for store in &engines {
        let old = SessionManager::new(store.clone()).with_codec(YamlCodec);
        let new = old.clone().with_codec(MessagePackCodec);
        let visitor = begin(&old, &[("cart", "[1]")]).await?;
        let session = visitor.visit(&new);
        session.sign_in("ada")?;
        session.set("name", "Ada")?;
        let TokenAction::Set { token, .. } = new.commit(&session).await?.token else { panic!("no new id") };
        let visitor = Visitor(token);
        assert_eq!(visitor.stored(store).await.meta().codec(), CodecTag::MESSAGE_PACK);
        let all = expected(&[("cart", "[1]"), ("name", "\"Ada\"")]);
        assert_eq!(values(&visitor.visit(&new)).await?, all);
    }
    Ok(())
}

#[tokio::test]
async fn a_codec_chosen_by_name_is_that_codec() -> Result<()> {
    for (name, tag) in [
        ("json", CodecTag::JSON),
        ("JSON", CodecTag::JSON),
        ("MessagePack", CodecTag::MESSAGE_PACK),
        ("msgpack", CodecTag::MESSAGE_PACK),
        ("yaml", CodecTag::YAML),
        ("YML", CodecTag::YAML),
    ] {
        let manager = SessionManager::new(memory()).with_codec(by_name(name)?);
        let visitor = begin(&manager, &[("n", "1")]).await?;
        assert_eq!(visitor.stored(manager.store()).await.meta().codec(), tag, "{name}");
    }
    let error = by_name("storable").map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    Ok(())
}

/// All of these keys are found apart from each other in one pass: it once took as many passes as there are keys.
#[tokio::test]
async fn a_session_of_many_keys_changes_over() -> Result<()> {
    let store = memory();
    let json = SessionManager::new(store.clone());
    let session = json.open([]);
    (0..5_000).try_for_each(|n| session.set(&format!("key {n}"), n))?;
    let TokenAction::Set { token, .. } = json.commit(&session).await?.token else { panic!("no session") };
    let visitor = Visitor(token);
    for codec in [by_name("messagepack")?, by_name("yaml")?, by_name("json")?] {
        let manager =
            json.clone().with_codec(MessagePackCodec).with_codec(YamlCodec).with_codec(codec.clone());
        let session = visitor.visit(&manager);
        session.set("key 7", codec.tag().0)?;
        manager.commit(&session).await?;
        assert_eq!(visitor.stored(&store).await.meta().codec(), codec.tag());
        let session = visitor.visit(&manager).load().await?;
        assert_eq!(session.keys()?.len(), 5_000);
        assert_eq!((session.get("key 7")?, session.get("key 4999")?), (Some(codec.tag().0), Some(4_999)));
    }
    Ok(())
}
