//! Hooks behind the layer: what a refusal becomes, and sessions that the browser carries.

use std::error::Error as _;
use std::fmt;
use std::future::ready;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use dancecard::axum::{Session, SessionError, SessionFailure, SessionLayer};
use dancecard::{ErrorKind, HookError, HookPoint, Hooks, MemoryStore, SessionManager};
use tower_service::Service as _;

#[cfg(feature = "cookie")]
use carried::{a_broken_hook_harms_no_session_in_the_cookie, a_session_in_the_cookie_has_its_hooks_in_order};

trials! {
    a_refusal_is_a_response_that_claims_nothing,
    #[cfg(feature = "cookie")]
    a_session_in_the_cookie_has_its_hooks_in_order,
    #[cfg(feature = "cookie")]
    a_broken_hook_harms_no_session_in_the_cookie,
}

/// A reason that an application looks for.
#[derive(Debug)]
struct Closed(&'static str);

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "closed until {}", self.0)
    }
}

impl std::error::Error for Closed {}

fn app(manager: SessionManager) -> Router {
    Router::new()
        .route("/write", get(async |session: Session| session.set("user", "ada").map_err(SessionError::from)))
        .route(
            "/read",
            get(async |session: Session| {
                session.get::<String>("user").await.map(Option::unwrap_or_default).map_err(SessionError::from)
            }),
        )
        .route("/cycle", get(async |session: Session| session.cycle_id().map_err(SessionError::from)))
        .route("/leave", get(async |session: Session| session.destroy().map_err(SessionError::from)))
        .layer(SessionLayer::new(manager))
}

async fn ask(app: &mut Router, path: &str, cookie: &str) -> Response {
    let mut request = http::Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap();
    if !cookie.is_empty() {
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
    }
    app.call(request).await.unwrap()
}

async fn a_refusal_is_a_response_that_claims_nothing() {
    let hooks = Hooks::new(tokio::time::sleep)
        .on(HookPoint::BeforeFlush, |_| ready(Err(HookError::refuse(Closed("eight")))));
    let mut app = app(SessionManager::new(MemoryStore::new()).with_hooks(hooks));
    let response = ask(&mut app, "/write", "").await;
    assert_eq!(response.status(), 403);
    assert!(!response.headers().contains_key("set-cookie"));
    let error = response.extensions().get::<SessionFailure>().unwrap().error();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let reason = error.source().and_then(|source| source.downcast_ref::<Closed>());
    assert_eq!(reason.map(|reason| reason.0), Some("eight"));
}

#[cfg(feature = "cookie")]
mod carried {
    use dancecard::cookie::CookieStore;
    use dancecard::seal::{Key, KeyRing};

    use super::super::{Log, broken};
    use super::*;

    /// With a registry, and without, where a copy that the browser kept still counts after a sign-out.
    fn managers() -> [(SessionManager, &'static str); 2] {
        let keys = KeyRing::new([Key::random().unwrap()]).unwrap();
        let engine = CookieStore::new(&keys, "shop");
        let registered = engine.clone().with_registry(MemoryStore::new());
        [(SessionManager::new(registered), ""), (SessionManager::new(engine), "ada")]
    }

    /// A browser with one cookie.
    struct Browser {
        app: Router,
        cookie: String,
    }

    impl Browser {
        async fn ask(&mut self, path: &str) -> String {
            let response = ask(&mut self.app, path, &self.cookie).await;
            assert_eq!(response.status(), 200, "{path}");
            if let Some(line) = response.headers().get("set-cookie") {
                let line = line.to_str().unwrap();
                let pair = line.split(';').next().unwrap();
                self.cookie = if pair.ends_with('=') { String::new() } else { pair.to_owned() };
            }
            let body = axum::body::to_bytes(response.into_body(), 1 << 10).await.unwrap();
            String::from_utf8(body.to_vec()).unwrap()
        }
    }

    pub(super) async fn a_session_in_the_cookie_has_its_hooks_in_order() {
        for (manager, left) in managers() {
            in_order(manager, left).await;
        }
    }

    async fn in_order(manager: SessionManager, left: &str) {
        let log = Log::default();
        let mut browser = Browser { app: app(manager.with_hooks(log.hooks())), cookie: String::new() };
        browser.ask("/write").await;
        assert_eq!(log.take(), ["before_create", "after_create", "before_flush", "after_flush"]);
        assert_eq!(browser.ask("/read").await, "ada");
        assert_eq!(log.take(), ["before_retrieve", "after_retrieve"]);
        browser.ask("/cycle").await;
        assert_eq!(log.take(), ["before_retrieve", "after_retrieve", "before_change_id", "after_change_id"]);
        let kept = browser.cookie.clone();
        browser.ask("/leave").await;
        assert_eq!(log.take(), ["before_retrieve", "after_retrieve", "before_destroy", "after_destroy"]);
        assert_eq!(browser.cookie, "");

        browser.cookie = kept;
        assert_eq!(browser.ask("/read").await, left);
        let found =
            if left.is_empty() { &["before_retrieve"][..] } else { &["before_retrieve", "after_retrieve"] };
        assert_eq!(log.take(), found);
    }

    pub(super) async fn a_broken_hook_harms_no_session_in_the_cookie() {
        for (manager, left) in managers() {
            harms_none(manager, left).await;
        }
    }

    async fn harms_none(manager: SessionManager, left: &str) {
        for point in HookPoint::ALL {
            for (way, hooks) in broken::broken(point).into_iter().enumerate() {
                let app = app(manager.clone().with_hooks(hooks));
                let mut browser = Browser { app, cookie: String::new() };
                browser.ask("/write").await;
                browser.ask("/cycle").await;
                assert_eq!(browser.ask("/read").await, "ada", "{point:?}, {way}");

                let kept = browser.cookie.clone();
                browser.ask("/leave").await;
                assert_eq!(browser.cookie, "", "{point:?}, {way}");
                browser.cookie = kept;
                assert_eq!(browser.ask("/read").await, left, "{point:?}, {way}");
            }
        }
    }
}
