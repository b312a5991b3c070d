//! The few files that pages refer to, built into the program.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const SVG: &str = "image/svg+xml";

/// `GET /assets/{name}`
pub(crate) async fn send(Path(name): Path<String>) -> Response {
    match find(&name) {
        Some((kind, text)) => {
            ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=300")], text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn find(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "style.css" => Some(("text/css; charset=utf-8", include_str!("../../assets/style.css"))),
        "live.js" => Some(("text/javascript; charset=utf-8", include_str!("../../assets/live.js"))),
        "art.svg" => Some((SVG, include_str!("../../assets/art.svg"))),
        "icon.svg" => Some((SVG, include_str!("../../assets/icon.svg"))),
        _ => None,
    }
}
