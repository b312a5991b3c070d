//! People open these files with an editor.

use std::fs;

use dancecard_core::{ErrorKind, ListQuery, Retry, Store, WriteMode};
use dancecard_store_file::Format;

use crate::fixture::*;

const DATA: &str = r#"{"cart":[{"sku":"a1","qty":2}],"theme":"dark"}"#;

fn edit(path: &std::path::Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[tokio::test]
async fn an_edited_session_is_read_as_edited() {
    for (format, from, to) in [
        (Format::Json, r#""theme": "dark""#, r#""theme": "light", "new" : [1, 2]"#),
        (Format::Yaml, "theme: dark", "theme: light\n  new: [1, 2]"),
    ] {
        let place = Place::new();
        let store = place.open_as(format);
        store.write(&key("a"), session(DATA), WriteMode::Create).await.unwrap();
        edit(&place.record(), from, to);
        let list = if format == Format::Json { "[1, 2]" } else { "[1,2]" };
        let expected = format!(r#"{{"cart":[{{"sku":"a1","qty":2}}],"theme":"light","new":{list}}}"#);
        assert_eq!(payload(&store, "a").await.unwrap(), session(&expected).payload, "{format:?}");
    }
}

/// A request that read the session before must not undo what a person did meanwhile.
#[tokio::test]
async fn an_edit_is_a_change_that_no_writer_overwrites_unseen() {
    let place = Place::new();
    let store = place.open();
    let version = store.write(&key("a"), session(DATA), WriteMode::Create).await.unwrap();
    edit(&place.record(), "dark", "light");
    let stale = store.write(&key("a"), session(DATA), WriteMode::Update(version)).await.unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Conflict);
    let found = store.load(&key("a")).await.unwrap().unwrap();
    store.write(&key("a"), session(DATA), WriteMode::Update(found.version().clone())).await.unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_an_error_until_it_is_corrected() {
    for format in FORMATS {
        let place = Place::new();
        let store = place.open_as(format);
        for name in 0..5 {
            create(&store, name).await;
        }
        let path = place.records()[2].clone();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 7]).unwrap();

        let entries = list(&store, ListQuery::all()).await;
        let errors: Vec<_> = entries.into_iter().filter_map(Result::err).collect();
        assert_eq!(errors.len(), 1);
        assert_eq!((errors[0].kind(), errors[0].retry()), (ErrorKind::Corrupt, Retry::Never));
        assert_discreet(&errors[0]);
        let mut damaged = Vec::new();
        for name in 0..5 {
            damaged.extend(store.load(&key(name)).await.map(|_| ()).err());
        }
        assert_eq!(damaged.len(), 1);
        assert_discreet(&damaged[0]);
        assert_eq!(store.purge_expired(later(9000), 10).await.unwrap(), 4);

        fs::write(&path, &whole).unwrap();
        assert_eq!(list(&store, ListQuery::all()).await.len(), 1);
    }
}

#[tokio::test]
async fn a_damaged_file_can_be_deleted_and_overwritten() {
    let place = Place::new();
    let store = place.open();
    for name in ["a", "b"] {
        create(&store, name).await;
    }
    place.records().iter().for_each(|path| fs::write(path, "{").unwrap());
    store.delete(&key("a")).await.unwrap();
    assert_eq!(payload(&store, "a").await, None);
    let refused = store.write(&key("b"), bulk(10), WriteMode::Create).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    store.write(&key("b"), bulk(10), WriteMode::Overwrite).await.unwrap();
    assert_eq!(payload(&store, "b").await.unwrap(), bulk(10).payload);
    assert_eq!(list(&store, ListQuery::of(SECRET.into())).await.len(), 1);
}

/// Editors save by writing anew, which sets the time of the file to now.
#[tokio::test]
async fn the_time_of_an_edit_neither_ends_a_session_nor_prolongs_it() {
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    let over = NOW.saturating_sub(std::time::Duration::from_secs(1));
    for (time, expires_at) in [(over, later(3600)), (later(60), later(3600)), (later(9000), later(9000))] {
        let since = std::time::Duration::from_millis(time.as_millis() as u64);
        fs::File::open(place.record()).unwrap().set_modified(std::time::UNIX_EPOCH + since).unwrap();
        assert_eq!(store.load(&key("a")).await.unwrap().unwrap().expires_at(), expires_at);
        assert_eq!(store.purge_expired(later(3599), 10).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn an_edited_expiry_counts() {
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    edit(
        &place.record(),
        r#""expires_at": "2026-01-01T01:00:00.000Z""#,
        r#""expires_at": "2100-01-01T00:00:00Z""#,
    );
    let found = store.load(&key("a")).await.unwrap().unwrap();
    assert_eq!(found.expires_at().as_millis(), 4_102_444_800_000);
    // The time of the file is the present now, which is past later(3600).
    assert_eq!(store.purge_expired(later(9000), 10).await.unwrap(), 0);
}

#[tokio::test]
async fn a_principal_given_by_hand_is_indexed_by_the_next_write() {
    let place = Place::new();
    let store = place.open();
    create(&store, "a").await;
    edit(&place.record(), &format!(r#""principal": "{SECRET}""#), r#""principal": "ada""#);
    assert_eq!(list(&store, ListQuery::of(SECRET.into())).await.len(), 0);
    let found = store.load(&key("a")).await.unwrap().unwrap();
    let again = dancecard_core::Record::new(found.meta(), found.payload().to_vec());
    store.write(&key("a"), again, WriteMode::Update(found.version().clone())).await.unwrap();
    assert_eq!(list(&store, ListQuery::of("ada".into())).await.len(), 1);
}

/// What a loss of power leaves of a file that was not flushed.
#[tokio::test]
async fn an_empty_file_is_no_session() {
    let place = Place::new();
    let store = place.open();
    for (name, left) in [("a", vec![]), ("b", vec![0; 4096])] {
        create(&store, name).await;
        fs::write(place.record(), left).unwrap();
        assert_eq!(payload(&store, name).await, None);
        assert_eq!(list(&store, ListQuery::all()).await.len(), 0);
        assert_eq!(list(&store, ListQuery::of(SECRET.into())).await.len(), 0);
        create(&store, name).await;
        assert_eq!(payload(&store, name).await.unwrap(), bulk(100).payload);
        store.delete(&key(name)).await.unwrap();
    }
}
