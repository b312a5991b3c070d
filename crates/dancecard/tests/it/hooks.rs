//! The hooks by a handle, on every engine ([`hold`]), and over HTTP.

use std::future::ready;
use std::sync::{Arc, Mutex};

use dancecard::{
    Fingerprint, HookPoint, Hooks, MemoryStore, Outcome, Result, Session, SessionId, SessionManager,
    SharedStore, Token, TokenAction,
};
use libtest_mimic::Trial;

mod broken;
#[cfg(feature = "axum")]
mod over_http;

pub(crate) fn trials() -> Vec<Trial> {
    let in_memory = || hold(SharedStore::new(MemoryStore::new()));
    let modules = [
        vec![crate::trial("hooks::in_memory", in_memory)],
        #[cfg(feature = "axum")]
        over_http::trials(),
    ];
    modules.into_iter().flatten().collect()
}

/// All that is promised of hooks, on an engine.
pub(crate) async fn hold(store: SharedStore) {
    order(store.clone()).await;
    several_at_a_point(store.clone()).await;
    whose_id(store.clone()).await;
    broken::stop_nothing(store).await;
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

    /// That of the session which its cookie leads to.
    fn fingerprint(&self) -> Fingerprint {
        let id = SessionId::parse(self.cookie.unwrap().as_str().as_bytes()).unwrap();
        self.manager.fingerprint(&id.key(""))
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

/// They run in the order in which they were given, each after the one before it.
async fn several_at_a_point(store: SharedStore) {
    let log = Log::default();
    let hooks =
        ["first", "second", "third"].into_iter().fold(Hooks::new(tokio::time::sleep), |hooks, name| {
            let log = log.clone();
            hooks.on(HookPoint::BeforeFlush, move |_| {
                let log = log.clone();
                async move {
                    // The later ones have the shorter way.
                    for _ in 0..10 - name.len() {
                        tokio::task::yield_now().await;
                    }
                    log.0.lock().unwrap().push(name);
                    Ok(())
                }
            })
        });
    let mut visitor = Visitor::new(SessionManager::new(store).with_hooks(hooks));
    visitor.request(async |session| session.set("user", "ada")).await.unwrap();
    assert_eq!(log.take(), ["first", "second", "third"]);
}

/// A lookup and an end tell of the id that they are for, a change of id of the old one and of the new one.
async fn whose_id(store: SharedStore) {
    use HookPoint::{
        AfterChangeId, AfterDestroy, AfterRetrieve, BeforeChangeId, BeforeDestroy, BeforeRetrieve,
    };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hooks = HookPoint::ALL.into_iter().fold(Hooks::new(tokio::time::sleep), |hooks, point| {
        let seen = seen.clone();
        hooks.on(point, move |moment| {
            seen.lock().unwrap().push((moment.point(), moment.fingerprint()));
            ready(Ok(()))
        })
    });
    let mut visitor = Visitor::new(SessionManager::new(store).with_hooks(hooks));
    visitor.request(async |session| session.set("user", "ada")).await.unwrap();
    seen.lock().unwrap().clear();
    let old = visitor.fingerprint();
    visitor.request(async |session| session.cycle_id()).await.unwrap();
    let new = visitor.fingerprint();
    visitor.request(async |session| session.destroy()).await.unwrap();
    let told = [(BeforeRetrieve, old), (AfterRetrieve, old), (BeforeChangeId, old), (AfterChangeId, new)];
    let told_at_its_end =
        [(BeforeRetrieve, new), (AfterRetrieve, new), (BeforeDestroy, new), (AfterDestroy, new)];
    let expected: Vec<_> =
        told.into_iter().chain(told_at_its_end).map(|(point, id)| (point, Some(id))).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_ne!(old, new);
}
