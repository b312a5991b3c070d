//! From errors to responses.

use std::error::Error as _;

use axum::Router;
use axum::body::Body;
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get as on_get;
use dancecard_core::{Error, ErrorKind};
use dancecard_testkit::Fault;
use dancecard_testkit::Operation::{Load, Write};
use dancecard_tower::{Loaded, Session, SessionError, SessionFailure, SessionLayer, SignedIn};
use http::header::{CACHE_CONTROL, RETRY_AFTER, SET_COOKIE, VARY};
use http::{Request, StatusCode};

use crate::desk::{Desk, get, text};

const KINDS: [(ErrorKind, u16); 13] = [
    (ErrorKind::Conflict, 503),
    (ErrorKind::Unavailable, 503),
    (ErrorKind::Full, 503),
    (ErrorKind::Unsupported, 500),
    (ErrorKind::Corrupt, 500),
    (ErrorKind::TooLarge, 500),
    (ErrorKind::Sealed, 500),
    (ErrorKind::Ended, 500),
    (ErrorKind::Refused, 403),
    (ErrorKind::Value, 500),
    (ErrorKind::Config, 500),
    (ErrorKind::Random, 500),
    (ErrorKind::Other, 500),
];

#[test]
fn every_kind_of_error_has_its_status() {
    for (kind, status) in KINDS {
        let response = SessionError::from(Error::new(kind, "test")).into_response();
        assert_eq!(response.status().as_u16(), status, "{kind:?}");
        assert_eq!(response.headers().contains_key(RETRY_AFTER), status == 503, "{kind:?}");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let failure = response.extensions().get::<SessionFailure>().unwrap();
        assert_eq!(failure.error().kind(), kind);
    }
}

#[test]
fn an_error_of_a_handler_tells_what_was_behind_it() {
    let error = SessionError::from(Error::new(ErrorKind::Unavailable, "load").with_source("refused"));
    assert_eq!(error.to_string(), Error::new(ErrorKind::Unavailable, "load").to_string());
    assert_eq!(error.source().unwrap().to_string(), "refused");
    assert!(error.error().is_unavailable());
}

async fn welcome(session: Session) -> Result<Response, SessionError> {
    session.set("a", 1)?;
    Ok(([("x-claim", "saved")], "saved").into_response())
}

async fn reads(session: Session) -> Result<String, SessionError> {
    Ok(format!("{:?}", session.get::<u32>("a").await?))
}

async fn loads(_: Loaded) {}

async fn account(_: SignedIn) {}

/// Fails after it has recorded something.
async fn writes_and_fails(session: Session) -> Result<String, SessionError> {
    session.set("a", 1)?;
    Err(Error::new(ErrorKind::Unavailable, "test").into())
}

fn routes() -> Router {
    Router::new()
        .route("/", on_get(welcome))
        .route("/reads", on_get(reads))
        .route("/loads", on_get(loads))
        .route("/account", on_get(account))
        .route("/writes-and-fails", on_get(writes_and_fails))
}

#[tokio::test]
async fn a_response_that_claims_what_did_not_happen_is_never_sent() {
    let desk = Desk::new();
    let app = routes().layer(SessionLayer::new(desk.manager.clone()));
    desk.faults.next(Write, Fault::FailBefore);
    let response = get(&app, "/", "").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "1");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[VARY], "Cookie");
    assert!(!response.headers().contains_key(SET_COOKIE) && !response.headers().contains_key("x-claim"));
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn the_application_replaces_the_failure_response() {
    let desk = Desk::new();
    let failure = |error: &Error| (SessionFailure::status_of(error), Html(error.to_string())).into_response();
    let app = routes().layer(SessionLayer::new(desk.manager.clone()).with_failure(failure));
    desk.faults.next(Write, Fault::FailBefore);
    let response = get(&app, "/", "").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    assert!(!response.headers().contains_key("x-claim"));
    let failure = response.extensions().get::<SessionFailure>().unwrap().clone();
    assert!(failure.error().is_unavailable());
    assert_eq!(text(response).await, failure.error().to_string());
}

#[tokio::test]
async fn a_page_that_apologises_with_200_is_no_503_and_has_no_retry_after() {
    let desk = Desk::new();
    let sorry = |_: &Error| "one moment, please".into_response();
    let app = routes().layer(SessionLayer::new(desk.manager.clone()).with_failure(sorry));
    desk.faults.next(Write, Fault::FailBefore);
    let response = get(&app, "/", "").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key(RETRY_AFTER));
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    assert!(!response.headers().contains_key(SET_COOKIE));
}

#[tokio::test]
async fn the_application_replaces_what_handlers_and_extractors_made_of_an_error() {
    let desk = Desk::new();
    let sorry = |error: &Error| (SessionFailure::status_of(error), "one moment, please").into_response();
    let app = routes().layer(SessionLayer::new(desk.manager.clone()).with_failure(sorry));
    let cookie = desk.signed_in("ada").await;
    for route in ["/reads", "/loads", "/account"] {
        desk.faults.next(Load, Fault::FailBefore);
        let response = get(&app, route, &cookie).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{route}");
        assert_eq!(response.headers()[RETRY_AFTER], "1", "{route}");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store", "{route}");
        assert_eq!(response.headers()[VARY], "Cookie", "{route}");
        assert!(response.extensions().get::<SessionFailure>().unwrap().error().is_unavailable(), "{route}");
        assert_eq!(text(response).await, "one moment, please", "{route}");
    }
}

#[tokio::test]
async fn a_page_that_apologises_with_200_stores_nothing_of_what_the_handler_left() {
    let desk = Desk::new();
    let sorry = |_: &Error| "one moment, please".into_response();
    let app = routes().layer(SessionLayer::new(desk.manager.clone()).with_failure(sorry));
    let response = get(&app, "/writes-and-fails", "").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key(SET_COOKIE) && !response.headers().contains_key(RETRY_AFTER));
    assert_eq!(text(response).await, "one moment, please");
    assert_eq!(desk.calls().to_string(), "nothing");
}

#[tokio::test]
async fn a_response_is_replaced_by_the_innermost_layer_only() {
    struct Outer;
    let desk = Desk::new();
    let inner = SessionLayer::new(desk.manager.clone()).with_failure(|_: &Error| "inner".into_response());
    let outer = SessionLayer::new(desk.manager.clone().with_namespace("outer")).named::<Outer>();
    let outer = outer.with_failure(|_: &Error| "outer".into_response());
    let app = routes().layer(inner).layer(outer);
    let cookie = desk.signed_in("ada").await;
    desk.faults.next(Load, Fault::FailBefore);
    assert_eq!(text(get(&app, "/reads", &cookie).await).await, "inner", "from the handler");
    desk.faults.next(Write, Fault::FailBefore);
    assert_eq!(text(get(&app, "/", "").await).await, "inner", "from the commit");
}

/// Without a response of the application's, one that a layer within made of a handler's error stays.
#[tokio::test]
async fn a_layer_within_may_dress_an_error_itself() {
    async fn dress(request: Request<Body>, next: Next) -> Response {
        next.run(request).await.map(|_| Body::from("dressed"))
    }
    let desk = Desk::new();
    let app = routes().layer(from_fn(dress)).layer(SessionLayer::new(desk.manager.clone()));
    let cookie = desk.signed_in("ada").await;
    desk.faults.next(Load, Fault::FailBefore);
    let response = get(&app, "/account", &cookie).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text(response).await, "dressed");
}

#[tokio::test]
async fn layers_outside_see_why_a_response_failed() {
    async fn explain(request: Request<Body>, next: Next) -> Response {
        let response = next.run(request).await;
        let kind = response.extensions().get::<SessionFailure>().map(|failure| failure.error().kind());
        (response.status(), format!("{kind:?}")).into_response()
    }
    let desk = Desk::new();
    let app = routes().layer(SessionLayer::new(desk.manager.clone())).layer(from_fn(explain));
    assert_eq!(text(get(&app, "/", "").await).await, "None");
    desk.faults.next(Write, Fault::FailBefore);
    assert_eq!(text(get(&app, "/", "").await).await, "Some(Unavailable)", "from the commit");
    let cookie = desk.signed_in("ada").await;
    desk.faults.next(Load, Fault::FailBefore);
    assert_eq!(text(get(&app, "/reads", &cookie).await).await, "Some(Unavailable)", "from the handler");
}
