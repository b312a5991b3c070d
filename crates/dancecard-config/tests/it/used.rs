//! A configuration put to use.

use dancecard_core::{ErrorKind, Outcome, TokenAction};

use crate::toy::load;

#[tokio::test]
async fn sessions_are_kept_by_the_engine_that_was_chosen() {
    let config = load("session: memory\n").unwrap();
    let session = config.manager().unwrap().open([]);
    session.set("a", 1).unwrap();
    let committed = session.manager().commit(&session).await.unwrap();
    assert_eq!(committed.outcome, Outcome::Created);
    let TokenAction::Set { token, .. } = committed.token else { panic!("no token") };
    // Another manager of the same configuration has the same engine.
    let session = config.http().unwrap().manager().open([token.as_str().as_bytes()]);
    assert_eq!(session.get::<u32>("a").await.unwrap(), Some(1));
}

#[tokio::test]
async fn without_an_engine_opening_works_and_using_says_what_to_write() {
    for text in ["", "session: { idle: 5m }\n", "logger: console\n"] {
        let manager = load(text).unwrap().manager().unwrap();
        let session = manager.open([]);
        assert_eq!(manager.commit(&session).await.unwrap().outcome, Outcome::Unchanged);
        let said = |error: dancecard_core::Error| {
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains("write `session: memory`"), "{error}");
        };
        let session = manager.open([]);
        session.set("a", 1).unwrap();
        said(manager.commit(&session).await.unwrap_err());
        let token = [b'A'; 43];
        for tokens in [&[][..], &[&token[..]], &[&b"no token"[..]]] {
            let session = || manager.open(tokens.iter().copied());
            said(session().get::<u32>("a").await.unwrap_err());
            said(session().keys().await.unwrap_err());
            said(session().principal().await.unwrap_err());
            said(session().load().await.map(drop).unwrap_err());
            let ended = session();
            ended.destroy().unwrap();
            said(manager.commit(&ended).await.unwrap_err());
        }
        let listed = futures_util::StreamExt::next(&mut manager.list(dancecard_core::ListQuery::all())).await;
        assert_eq!(listed.unwrap().unwrap_err().kind(), ErrorKind::Config);
    }
}

/// An application that puts something around the engine is told the same.
#[tokio::test]
async fn without_an_engine_what_is_around_it_says_so_too() {
    use dancecard_core::{CachedStore, PrefixedStore, SessionManager};

    let store = load("").unwrap().store().unwrap();
    let managers = [
        SessionManager::new(store.clone()),
        SessionManager::new(CachedStore::new(store.clone())),
        SessionManager::new(PrefixedStore::new(store, "shop").unwrap()),
    ];
    for manager in managers {
        let error = manager.open([]).get::<u32>("a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("write `session: memory`"), "{error}");
    }
}

#[cfg(feature = "codec")]
#[tokio::test]
async fn sessions_are_written_as_the_file_says_and_read_whatever_it_said_before() {
    use dancecard_config::{Engines, Loader};
    use dancecard_core::{Codec, CodecTag, ListQuery, MemoryStore, SharedStore};

    use crate::plain::Plain;
    use crate::toy::Files;

    #[derive(Default, serde::Serialize, serde::Deserialize)]
    struct Nothing {}

    let shared = SharedStore::new(MemoryStore::new());
    let store = shared.clone();
    let mut engines = Engines::new();
    engines.register("shared", &[], move |_: Nothing| Ok(store.clone()));
    engines.serializer("Plain", Plain);
    let key = "T7GgwCLRZdlX1O2pmAWuk0l_rselYUc6iWbGVlRPEDA=";
    let steps = [
        ("json", String::new(), CodecTag::JSON),
        ("yaml", String::new(), CodecTag::YAML),
        ("plain", String::new(), Plain.tag()),
        ("PLAIN", ", compress_above: 0".to_owned(), CodecTag::COMPRESSED),
        ("MessagePack", ", compress_above: 0".to_owned(), CodecTag::COMPRESSED),
        ("plain", format!(", compress_above: 0, encryption_keys: [{key}]"), CodecTag::ENCRYPTED),
        ("json", format!(", encryption_keys: [{key}]"), CodecTag::ENCRYPTED),
        ("msgpack", format!(", encryption_keys: [{key}], compress_above: 100"), CodecTag::ENCRYPTED),
        ("json", format!(", encryption_keys: [{key}], encrypt: false"), CodecTag::JSON),
    ];
    let mut token: Option<String> = None;
    for (count, (serializer, more, tag)) in steps.into_iter().enumerate() {
        let text = format!("session: {{ engine: shared, serializer: {serializer}{more} }}");
        let files = Files::new(&[("config.yml", &text)]);
        let loader = Loader::new(files.path().join("config.yml")).with_variables([("A", "b")]);
        let config = loader.load(&engines).unwrap();
        assert!(!config.to_string().contains(key), "{config}");
        let manager = config.manager().unwrap();
        let session = manager.open(token.as_deref().map(str::as_bytes));
        session.update("count", |count: &mut usize| *count += 1).unwrap();
        let committed = manager.commit(&session).await.unwrap();
        if let TokenAction::Set { token: new, .. } = committed.token {
            token = Some(new.as_str().to_owned());
        }
        let session = manager.open(token.as_deref().map(str::as_bytes));
        assert_eq!(session.get::<usize>("count").await.unwrap(), Some(count + 1), "{text}");
        let entry =
            futures_util::StreamExt::next(&mut manager.list(ListQuery::all())).await.unwrap().unwrap();
        let stored = dancecard_core::Store::load(&shared, &entry.key).await.unwrap().unwrap();
        assert_eq!(stored.meta().codec(), tag, "{text}");
    }
}

/// What may be stored may be compressed too.
#[cfg(feature = "codec")]
#[tokio::test(flavor = "current_thread")]
async fn as_much_is_compressed_as_sessions_may_have() -> dancecard_core::Result<()> {
    use crate::toy::Files;

    for keys in ["", ", encryption_keys: [T7GgwCLRZdlX1O2pmAWuk0l_rselYUc6iWbGVlRPEDA=]"] {
        let text = format!("session: {{ engine: memory, max_payload: 5242880, compress_above: 1000{keys} }}");
        let config = Files::new(&[("config.yml", &text)]).load(&[])?;
        let manager = config.manager()?;
        let session = manager.open([]);
        session.set("text", "a".repeat(2 << 20))?;
        let TokenAction::Set { token, .. } = manager.commit(&session).await?.token else {
            panic!("no token")
        };
        let session = manager.open([token.as_str().as_bytes()]);
        assert_eq!(session.get::<String>("text").await?.map(|text| text.len()), Some(2 << 20));
    }
    Ok(())
}
