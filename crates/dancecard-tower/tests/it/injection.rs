//! No setting and no input adds a line, or an attribute, to a header.

use axum::Router;
use axum::extract::RawQuery;
use axum::routing::get as on_get;
use dancecard_core::ErrorKind;
use dancecard_http::{CookieConfig, HeaderConfig, Transport};
use dancecard_tower::{Session, SessionError, SessionLayer, SignedIn};
use http::StatusCode;

use crate::desk::{Desk, get};

const HOSTILE: [&str; 7] =
    ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a; Domain=evil.example", "a\0", "a\u{7f}", "a,b\r", "é"];

#[test]
fn hostile_settings_are_refused() {
    let layer = || SessionLayer::new(Desk::new().manager);
    for text in HOSTILE {
        let cookies = [
            CookieConfig::new(text),
            CookieConfig::new(text).with_exact_name(),
            CookieConfig::new("id").with_path(format!("/{text}")),
            CookieConfig::new("id").with_domain(text),
        ];
        for cookie in cookies {
            assert_eq!(layer().with_cookie(cookie).unwrap_err().kind(), ErrorKind::Config, "{text:?}");
        }
        for header in [HeaderConfig::new(text), HeaderConfig::bearer(text)] {
            let refused = layer().with_transport(Transport::Header(header)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Config, "{text:?}");
        }
    }
}

#[tokio::test]
async fn a_hostile_login_path_leads_nowhere() {
    async fn account(_: SignedIn) {}
    for text in HOSTILE {
        let layer = SessionLayer::new(Desk::new().manager).with_login(text);
        let response = get(&Router::new().route("/", on_get(account)).layer(layer), "/", "").await;
        let headers = response.headers();
        assert!(!headers.contains_key("x-evil"), "{text:?}");
        match headers.get("location") {
            Some(line) => assert_eq!(line.as_bytes(), text.as_bytes(), "one line, as it was set"),
            None => assert_eq!(response.status(), StatusCode::UNAUTHORIZED),
        }
    }
}

#[tokio::test]
async fn what_clients_send_does_not_reach_the_header_of_a_response() {
    async fn store(RawQuery(query): RawQuery, session: Session) -> Result<(), SessionError> {
        let text = query.unwrap_or_default().replace("%0d%0a", "\r\n");
        session.set(&text, &text)?;
        session.sign_in(text)?;
        Ok(())
    }
    let app = Router::new().route("/", on_get(store)).layer(SessionLayer::new(Desk::new().manager));
    let response = get(&app, "/?a%0d%0aSet-Cookie:evil=1%0d%0a", "evil=1; __Host-session=evil").await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut lines: Vec<_> = response.headers().iter().map(|(name, _)| name.as_str()).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["cache-control", "content-length", "set-cookie", "vary"]);
    assert!(response.headers().values().all(|value| !value.to_str().unwrap().contains("evil")));
}
