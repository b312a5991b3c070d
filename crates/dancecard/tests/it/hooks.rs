//! The hooks on engines that answer at once, on disk and over a network, by a handle, and in the cookie.

use std::future::{Future, ready};
use std::sync::{Arc, Mutex};

use dancecard::{
    HookPoint, Hooks, MemoryStore, Outcome, Result, Session, SessionId, SessionManager, SharedStore, Token,
    TokenAction,
};
use libtest_mimic::Trial;

mod broken;
#[cfg(feature = "axum")]
mod over_http;

pub(crate) fn trials() -> Vec<Trial> {
    let modules = [
        on_engines("the_order_is_that_of_dancer", order),
        broken::trials(),
        #[cfg(feature = "axum")]
        over_http::trials(),
    ];
    modules.into_iter().flatten().collect()
}

/// A test on several engines.
fn on_engines<F: Future<Output = ()>>(
    name: &'static str,
    test: impl Fn(SharedStore) -> F + Copy + Send + 'static,
) -> Vec<Trial> {
    let named = |engine| format!("hooks::{name}_on_{engine}");
    vec![
        crate::trial(named("memory"), move || test(SharedStore::new(MemoryStore::new()))),
        #[cfg(feature = "sqlite")]
        crate::trial(named("sqlite"), move || async move {
            use dancecard::sqlite::{Config, SqliteStore};
            let folder = tempfile::tempdir().unwrap();
            let store = SqliteStore::connect(Config::new(folder.path().join("sessions.db"))).unwrap();
            test(SharedStore::new(store)).await;
        }),
        #[cfg(feature = "file")]
        crate::trial(named("files"), move || async move {
            use dancecard::file::{Config, FileStore};
            let folder = tempfile::tempdir().unwrap();
            let store = FileStore::connect(Config::new(folder.path().join("sessions"))).unwrap();
            test(SharedStore::new(store)).await;
        }),
        #[cfg(feature = "redis")]
        match dancecard_servers::redis::check() {
            Ok(()) => crate::trial(named("redis"), move || async move { test(on_redis()).await }),
            Err(absent) => absent.trial(&named("redis")),
        },
    ]
}

/// Sessions of random ids don't meet, so one server does for all.
#[cfg(feature = "redis")]
fn on_redis() -> SharedStore {
    use dancecard::redis::{Config, RedisStore};
    use dancecard_servers::{Running, redis};
    use std::time::Duration;

    static SERVER: std::sync::OnceLock<Running> = std::sync::OnceLock::new();
    let url = SERVER.get_or_init(|| redis::start().unwrap()).url();
    let patience = Duration::from_secs(60);
    let config = Config::from_url(&url).unwrap().with_timeout(patience).with_connect_timeout(patience);
    SharedStore::new(RedisStore::connect(config).unwrap())
}

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

/// One browser.
struct Visitor {
    manager: SessionManager,
    cookie: Option<Token>,
}

impl Visitor {
    fn new(manager: SessionManager) -> Self {
        Self { manager, cookie: None }
    }

    fn open(&self) -> Session {
        self.manager.open(self.cookie.as_ref().map(|token| token.as_str().as_bytes()))
    }

    async fn request(&mut self, handler: impl AsyncFnOnce(&Session) -> Result<()>) -> Result<Outcome> {
        let session = self.open();
        handler(&session).await?;
        let committed = self.manager.commit(&session).await?;
        match committed.token {
            TokenAction::Set { token, .. } => self.cookie = Some(token),
            TokenAction::Forget => self.cookie = None,
            _ => {}
        }
        Ok(committed.outcome)
    }
}

/// What Dancer 2 does, as it was seen to.
async fn order(store: SharedStore) {
    let log = Log::default();
    let mut visitor = Visitor::new(SessionManager::new(store).with_hooks(log.hooks()));
    let write = async |session: &Session| session.set("user", "ada");
    let read = async |session: &Session| session.get::<String>("user").await.map(drop);

    visitor.request(write).await.unwrap();
    assert_eq!(log.take(), ["before_create", "after_create", "before_flush", "after_flush"]);

    visitor.request(read).await.unwrap();
    assert_eq!(log.take(), ["before_retrieve", "after_retrieve"]);

    visitor.request(async |session| session.cycle_id()).await.unwrap();
    assert_eq!(log.take(), ["before_retrieve", "after_retrieve", "before_change_id", "after_change_id"]);
    visitor.request(read).await.unwrap();
    assert_eq!(log.take(), ["before_retrieve", "after_retrieve"]);

    let old = visitor.cookie;
    visitor.request(async |session| session.destroy()).await.unwrap();
    assert_eq!(log.take(), ["before_retrieve", "after_retrieve", "before_destroy", "after_destroy"]);

    // What was ended is found no more, and nothing takes its place while its last requests may be under way.
    visitor.cookie = old;
    visitor.request(read).await.unwrap();
    assert_eq!(log.take(), ["before_retrieve"]);

    visitor.cookie = Some(SessionId::from_bytes([0x5a; 32]).token());
    visitor.request(write).await.unwrap();
    let unknown = ["before_retrieve", "before_create", "after_create", "before_flush", "after_flush"];
    assert_eq!(log.take(), unknown);
    assert_eq!(visitor.open().get::<String>("user").await.unwrap().as_deref(), Some("ada"));
}
