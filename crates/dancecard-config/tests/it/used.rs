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
        let session = manager.open([]);
        session.set("a", 1).unwrap();
        let error = manager.commit(&session).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("write `session: memory`"), "{error}");
        let listed = futures_util::StreamExt::next(&mut manager.list(dancecard_core::ListQuery::all())).await;
        assert_eq!(listed.unwrap().unwrap_err().kind(), ErrorKind::Config);
    }
}
