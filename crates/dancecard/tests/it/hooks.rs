//! The hooks, in the order that Dancer 2 calls them, on engines that answer at once, on disk, and by a handle.

use std::future::ready;
use std::sync::{Arc, Mutex};

use dancecard::{
    HookPoint, Hooks, MemoryStore, Session, SessionManager, SharedStore, Store, Token, TokenAction,
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn hooks(&self) -> Hooks {
        HookPoint::ALL.into_iter().fold(Hooks::new(tokio::time::sleep), |hooks, point| {
            let log = self.clone();
            hooks.on(point, move |moment| {
                log.0.lock().unwrap().push(moment.point().name());
                ready(Ok(()))
            })
        })
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// One browser, and what was called for its last request.
struct Visitor {
    manager: SessionManager,
    log: Log,
    cookie: Option<Token>,
}

impl Visitor {
    fn new(store: impl Store) -> Self {
        let log = Log::default();
        Self { manager: SessionManager::new(store).with_hooks(log.hooks()), log, cookie: None }
    }

    async fn request(&mut self, handler: impl AsyncFnOnce(&Session)) -> Vec<&'static str> {
        let session = self.manager.open(self.cookie.as_ref().map(|token| token.as_str().as_bytes()));
        handler(&session).await;
        match self.manager.commit(&session).await.unwrap().token {
            TokenAction::Set { token, .. } => self.cookie = Some(token),
            TokenAction::Forget => self.cookie = None,
            _ => {}
        }
        self.log.take()
    }
}

/// What Dancer 2 does, as it was seen to.
async fn check(store: impl Store) {
    let mut visitor = Visitor::new(store);
    let first = visitor.request(async |session| session.set("user", "ada").unwrap()).await;
    assert_eq!(first, ["before_create", "after_create", "before_flush", "after_flush"]);

    let read = async |session: &Session| {
        assert_eq!(session.get::<String>("user").await.unwrap().as_deref(), Some("ada"));
    };
    assert_eq!(visitor.request(read).await, ["before_retrieve", "after_retrieve"]);

    let changed = visitor.request(async |session| session.cycle_id().unwrap()).await;
    assert_eq!(changed, ["before_retrieve", "after_retrieve", "before_change_id", "after_change_id"]);
    assert_eq!(visitor.request(read).await, ["before_retrieve", "after_retrieve"]);

    let old = visitor.cookie;
    let ended = visitor.request(async |session| session.destroy().unwrap()).await;
    assert_eq!(ended, ["before_retrieve", "after_retrieve", "before_destroy", "after_destroy"]);

    // What was ended is unknown from now on.
    visitor.cookie = old;
    let nothing = visitor.request(async |session| assert!(session.keys().await.unwrap().is_empty())).await;
    assert_eq!(nothing, ["before_retrieve"]);
}

#[tokio::test]
async fn the_order_is_that_of_dancer_in_memory() {
    check(MemoryStore::new()).await;
    check(SharedStore::new(MemoryStore::new())).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn the_order_is_that_of_dancer_in_sqlite() {
    use dancecard::sqlite::{Config, SqliteStore};

    let folder = tempfile::tempdir().unwrap();
    check(SqliteStore::connect(Config::new(folder.path().join("sessions.db"))).unwrap()).await;
}

#[cfg(feature = "file")]
#[tokio::test]
async fn the_order_is_that_of_dancer_in_files() {
    use dancecard::file::{Config, FileStore};

    let folder = tempfile::tempdir().unwrap();
    check(FileStore::connect(Config::new(folder.path().join("sessions"))).unwrap()).await;
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_refusal_is_a_response_that_claims_nothing() {
    use axum::{Router, body::Body, routing::get};
    use dancecard::HookError;
    use dancecard::axum::{Session, SessionError, SessionFailure, SessionLayer};
    use tower_service::Service as _;

    async fn write(session: Session) -> Result<&'static str, SessionError> {
        session.set("user", "ada")?;
        Ok("stored")
    }
    let hooks = Hooks::new(tokio::time::sleep)
        .on(HookPoint::BeforeFlush, |_| ready(Err(HookError::refuse("closed for the night"))));
    let manager = SessionManager::new(MemoryStore::new()).with_hooks(hooks);
    let mut app = Router::new().route("/", get(write)).layer(SessionLayer::new(manager));
    let response = app.call(http::Request::new(Body::empty())).await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(!response.headers().contains_key("set-cookie"));
    let failure = response.extensions().get::<SessionFailure>().unwrap();
    assert_eq!(failure.error().kind(), dancecard::ErrorKind::Refused);
}
