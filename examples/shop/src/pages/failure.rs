//! What people see when something goes wrong. The reason goes into the log, not onto the page.

use axum::http::header::CACHE_CONTROL;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use dancecard::axum::SessionFailure;
use maud::{Markup, html};

use crate::pages::layout::plain;

/// A page that could not be made. Handlers use `?` on everything.
#[derive(Debug)]
pub(crate) struct PageError {
    status: StatusCode,
    reason: String,
}

impl<E: Into<anyhow::Error>> From<E> for PageError {
    fn from(error: E) -> Self {
        let error = error.into();
        let session = error.downcast_ref::<dancecard::Error>();
        let status = session.map_or(StatusCode::INTERNAL_SERVER_ERROR, SessionFailure::status_of);
        Self { status, reason: format!("{error:#}") }
    }
}

impl PageError {
    /// For a session that could not be read before the handler, or not be stored after it.
    pub(crate) fn not_stored(error: &dancecard::Error) -> Self {
        Self { status: SessionFailure::status_of(error), reason: error.to_string() }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        tracing::error!(status = self.status.as_u16(), "{}", self.reason);
        (self.status, [(CACHE_CONTROL, "no-store")], sorry()).into_response()
    }
}

fn sorry() -> Markup {
    plain(
        "Sorry",
        html! {
            h1 { "One moment, please" }
            p { "That did not work, and nothing was changed. Try again in a little while." }
        },
    )
}

/// For an address that leads nowhere.
pub(crate) async fn not_found(uri: Uri) -> (StatusCode, Markup) {
    let main = html! { h1 { "Nothing here" } p { "There is no page at " code { (uri.path()) } "." } };
    (StatusCode::NOT_FOUND, plain("Nothing here", main))
}

/// For a request that another site may have sent.
pub(crate) fn forged() -> Markup {
    plain(
        "Refused",
        html! {
            h1 { "Refused" }
            p { "This was not sent by one of our own pages, so nothing was done." }
        },
    )
}
