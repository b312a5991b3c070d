//! Where a test sits: an engine that counts and fails, and a client that keeps its cookie.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use dancecard_core::{ManualClock, MemoryStore, SessionManager};
use dancecard_testkit::{Calls, FaultStore, Faults};
use http::header::{COOKIE, SET_COOKIE};
use http::{Method, Request};
use tower_service::Service;

/// An engine, and what can be told of it.
pub(crate) struct Desk {
    pub(crate) manager: SessionManager,
    pub(crate) faults: Faults,
    pub(crate) clock: ManualClock,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let store = FaultStore::new(MemoryStore::new());
        let (faults, clock) = (store.faults(), ManualClock::default());
        Self { manager: SessionManager::new(store).with_clock(clock.clone()), faults, clock }
    }

    pub(crate) fn calls(&self) -> Calls {
        self.faults.calls()
    }

    /// The cookie of a session in which somebody signed in.
    pub(crate) async fn signed_in(&self, who: &str) -> String {
        let session = self.manager.open([]);
        session.sign_in(who).unwrap();
        let committed = self.manager.commit(&session).await.unwrap();
        let dancecard_core::TokenAction::Set { token, .. } = committed.token else { panic!("no token") };
        format!("__Host-session={}", token.as_str())
    }
}

/// Sends a request with a cookie, or without if it is empty.
pub(crate) async fn send(app: &Router, method: Method, target: &str, cookie: &str) -> Response {
    let mut request = Request::builder().method(method).uri(target);
    if !cookie.is_empty() {
        request = request.header(COOKIE, cookie);
    }
    app.clone().call(request.body(Body::empty()).unwrap()).await.unwrap()
}

pub(crate) async fn get(app: &Router, target: &str, cookie: &str) -> Response {
    send(app, Method::GET, target, cookie).await
}

/// The `name=value` part of the cookie that a response sets.
pub(crate) fn cookie(response: &Response) -> String {
    let line = response.headers()[SET_COOKIE].to_str().unwrap();
    line.split(';').next().unwrap().to_owned()
}

pub(crate) async fn text(response: Response) -> String {
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}
