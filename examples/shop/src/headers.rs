//! Response headers that narrow down what a browser does with the pages.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

/// Nothing but the shop's own files, no frames, no forms that lead elsewhere, no inline script or style.
const CONTENT: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// `Strict-Transport-Security` is left to whatever speaks TLS in front of the shop. `no-referrer` would make browsers
/// send `Origin: null` with forms, which `forgery.rs` would refuse.
const HEADERS: [(&str, &str); 5] = [
    ("content-security-policy", CONTENT),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
];

/// Adds them.
pub(crate) async fn add(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
