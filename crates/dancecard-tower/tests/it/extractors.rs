//! What handlers ask for.

use axum::Router;
use axum::routing::{any, get as on_get};
use dancecard_http::CookieConfig;
use dancecard_testkit::Fault;
use dancecard_testkit::Operation::Load;
use dancecard_tower::{Loaded, MissingLayer, Session, SessionError, SessionFailure, SessionLayer, SignedIn};
use http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER, VARY};
use http::{Method, StatusCode};

use crate::desk::{Desk, cookie, get, send, text};

struct Admin;

async fn count(session: Session) -> Result<String, SessionError> {
    session.update("n", |n: &mut u32| *n += 1)?;
    Ok(format!("{:?}", session.get::<u32>("n").await?))
}

async fn optional(session: Option<Session>) -> &'static str {
    if session.is_some() { "some" } else { "none" }
}

async fn loaded(session: Loaded) -> Result<String, SessionError> {
    Ok(format!("{:?} {:?}", session.get::<u32>("n")?, session.principal().map(|who| who.as_str().to_owned())))
}

async fn account(SignedIn { principal, session, .. }: SignedIn) -> Result<String, SessionError> {
    Ok(format!("{} {:?}", principal.as_str(), session.get::<u32>("n")?))
}

fn app(layer: SessionLayer) -> Router {
    bare().layer(layer)
}

fn bare() -> Router {
    Router::new()
        .route("/count", on_get(count))
        .route("/optional", on_get(optional))
        .route("/loaded", on_get(loaded))
        .route("/account", any(account))
}

#[tokio::test]
async fn a_handler_reads_and_writes_its_session() {
    let desk = Desk::new();
    let app = app(SessionLayer::new(desk.manager.clone()));
    let response = get(&app, "/count", "").await;
    let cookie = cookie(&response);
    assert_eq!(text(response).await, "Some(1)");
    assert_eq!(text(get(&app, "/count", &cookie).await).await, "Some(2)");
    assert_eq!(desk.calls().to_string(), "1 load, 2 writes");
}

#[tokio::test]
async fn an_optional_session_is_there_when_the_layer_is() {
    let desk = Desk::new();
    assert_eq!(text(get(&app(SessionLayer::new(desk.manager.clone())), "/optional", "").await).await, "some");
    assert_eq!(text(get(&bare(), "/optional", "").await).await, "none");
}

#[tokio::test]
async fn a_missing_layer_is_a_mistake_that_says_so() {
    for route in ["/count", "/loaded", "/account"] {
        let response = get(&bare(), route, "").await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{route}");
        assert_eq!(text(response).await, MissingLayer.to_string());
    }
}

#[tokio::test]
async fn a_loaded_session_costs_one_load() {
    let desk = Desk::new();
    let app = app(SessionLayer::new(desk.manager.clone()));
    let cookie = cookie(&get(&app, "/count", "").await);
    let before = desk.calls();
    let response = get(&app, "/loaded", &cookie).await;
    assert_eq!(response.headers()[VARY], "Cookie");
    assert_eq!(text(response).await, "Some(1) None");
    assert_eq!((desk.calls() - before).to_string(), "1 load");
}

#[tokio::test]
async fn a_session_that_cannot_be_loaded_is_503_before_the_handler() {
    let desk = Desk::new();
    let app = app(SessionLayer::new(desk.manager.clone()).with_login("/login"));
    let cookie = desk.signed_in("ada").await;
    for route in ["/loaded", "/account"] {
        desk.faults.next(Load, Fault::FailBefore);
        let response = get(&app, route, &cookie).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[VARY], "Cookie");
        let failure = response.extensions().get::<SessionFailure>().unwrap();
        assert!(failure.error().is_unavailable());
        assert_eq!(text(response).await, "");
    }
}

#[tokio::test]
async fn a_signed_in_visitor_comes_with_the_session() {
    let desk = Desk::new();
    let app = app(SessionLayer::new(desk.manager.clone()));
    let cookie = desk.signed_in("ada").await;
    let before = desk.calls();
    assert_eq!(text(get(&app, "/account", &cookie).await).await, "ada None");
    assert_eq!((desk.calls() - before).to_string(), "1 load");
}

#[tokio::test]
async fn others_are_answered_401_without_a_login_page() {
    let desk = Desk::new();
    let app = app(SessionLayer::new(desk.manager.clone()));
    let anonymous = cookie(&get(&app, "/count", "").await);
    for cookie in ["", &anonymous, "__Host-session=nonsense"] {
        for method in [Method::GET, Method::POST] {
            let response = send(&app, method, "/account", cookie).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert_eq!(response.headers()[VARY], "Cookie");
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
            assert!(!response.headers().contains_key(LOCATION));
        }
    }
}

#[tokio::test]
async fn who_follows_a_link_is_sent_to_the_login_page_and_who_sends_a_form_is_not() {
    let desk = Desk::new();
    let app = app(SessionLayer::new(desk.manager.clone()).with_login("/login"));
    for method in [Method::GET, Method::HEAD] {
        let response = send(&app, method, "/account", "").await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()[LOCATION], "/login");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let response = send(&app, method, "/account", "").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(!response.headers().contains_key(LOCATION));
    }
}

#[tokio::test]
async fn each_kind_has_its_own_extractors() -> Result<(), dancecard_core::Error> {
    async fn kinds(
        visitor: Session,
        admin: Session<Admin>,
        loaded: Loaded<Admin>,
        signed_in: Result<SignedIn<Admin>, axum::response::Response>,
    ) -> Result<String, SessionError> {
        visitor.set("visitor", 1)?;
        admin.set("admin", 2)?;
        let status = signed_in.err().map(|response| response.status().as_u16());
        Ok(format!("{:?} {:?} {status:?}", visitor.get::<u32>("admin").await?, loaded.get::<u32>("admin")?))
    }
    let desk = Desk::new();
    let admins = SessionLayer::new(desk.manager.clone().with_namespace("admin"))
        .with_cookie(CookieConfig::new("admin"))?
        .named::<Admin>();
    let app =
        Router::new().route("/", on_get(kinds)).layer(admins).layer(SessionLayer::new(desk.manager.clone()));
    let response = get(&app, "/", "").await;
    let names: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(names.len(), 2);
    assert_eq!(text(response).await, "None Some(2) Some(401)");
    assert_eq!(desk.calls().to_string(), "2 writes");
    Ok(())
}

#[tokio::test]
async fn the_address_of_a_client_is_recorded_where_the_application_says_it_is() {
    async fn address(session: Session) -> Result<String, SessionError> {
        session.set("a", 1)?;
        session.save().await?;
        let meta = session.meta().await?;
        Ok(format!("{:?}", meta.as_ref().and_then(|meta| meta.address())))
    }
    let desk = Desk::new();
    let layer = SessionLayer::new(desk.manager.clone())
        .with_address(|extensions| extensions.get::<std::net::IpAddr>().copied());
    let outside = |layer: SessionLayer| {
        Router::new()
            .route("/", on_get(address))
            .layer(layer)
            .layer(axum::Extension(std::net::IpAddr::from([192, 0, 2, 7])))
    };
    // Both go on: what is asked of one is not asked of the other.
    let with_facts = outside(layer.clone().with_device_facts());
    let without = outside(layer);
    assert_eq!(text(get(&without, "/", "").await).await, "None", "off unless asked for");
    assert_eq!(text(get(&with_facts, "/", "").await).await, "Some(\"192.0.2.7\")");
}
