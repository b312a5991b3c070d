//! Nobody chose an engine: pages without a session work, and others say what is missing.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use axum::routing::get;
use dancecard::ErrorKind;
use dancecard::axum::{Session, SessionError, SessionFailure, SessionLayer};
use http::StatusCode;
use tower_service::Service as _;

use super::load;

trials! {
    using_a_session_without_an_engine_says_what_to_write,
}

fn app(text: &str) -> Router {
    Router::new()
        .route("/", get(async || "welcome"))
        .route("/untouched", get(async |_: Session| "welcome"))
        .route(
            "/read",
            get(async |session: Session| {
                session.get::<String>("user").await.map(Option::unwrap_or_default).map_err(SessionError::from)
            }),
        )
        .route("/write", get(async |session: Session| session.set("user", "ada").map_err(SessionError::from)))
        .route("/leave", get(async |session: Session| session.destroy().map_err(SessionError::from)))
        .layer(SessionLayer::over(load(text).unwrap().http().unwrap()))
}

async fn ask(app: &mut Router, path: &str, cookie: Option<&str>) -> Response {
    let mut request = http::Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap();
    if let Some(cookie) = cookie {
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
    }
    app.call(request).await.unwrap()
}

/// As in Dancer. The visitor is told nothing of it; the application and its log are.
async fn using_a_session_without_an_engine_says_what_to_write() {
    let token = format!("__Host-session={}", "A".repeat(43));
    let cookies = [None, Some(token.as_str()), Some("__Host-session=nonsense")];
    for text in ["", "session: { idle: 5m }\n", "appname: shop\n"] {
        let mut app = app(text);
        for cookie in cookies {
            for path in ["/", "/untouched"] {
                let response = ask(&mut app, path, cookie).await;
                assert_eq!(response.status(), StatusCode::OK, "{text}{path}");
                assert!(response.headers().get("set-cookie").is_none(), "{text}{path}");
            }
            for path in ["/read", "/write", "/leave"] {
                let response = ask(&mut app, path, cookie).await;
                assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{text}{path} {cookie:?}");
                let failure = response.extensions().get::<SessionFailure>().expect(path).clone();
                assert_eq!(failure.error().kind(), ErrorKind::Config, "{path}");
                let said = failure.error().to_string();
                assert!(
                    said.contains("no session engine is chosen: write `session: memory`"),
                    "{path}: {said}"
                );
                let body = to_bytes(response.into_body(), 1_000).await.unwrap();
                assert!(body.is_empty(), "{path}: {body:?}");
            }
        }
    }
}
