//! What the client gets when its session could not be stored.

use std::sync::Arc;

use dancecard_core::Error;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

/// Makes the response that takes the place of the handler's when the commit failed. The handler's own response may
/// claim what did not happen, so it is never sent.
///
/// Any function from [`Error`] to a response will do:
///
/// ```
/// use axum::{body::Body, response::{Html, IntoResponse}};
/// use dancecard_core::{Error, MemoryStore, SessionManager};
/// use dancecard_tower::SessionLayer;
///
/// let layer = SessionLayer::new(SessionManager::new(MemoryStore::new()))
///     .with_failure(|error: &Error| Html("<h1>One moment, please</h1>").into_response());
/// ```
pub trait FailureResponse<B>: Clone {
    /// The response. Its status may be changed to what fits the error with [`status_of`](SessionFailure::status_of).
    fn respond(&self, error: &Error) -> Response<B>;
}

impl<B, F: Fn(&Error) -> Response<B> + Clone> FailureResponse<B> for F {
    fn respond(&self, error: &Error) -> Response<B> {
        self(error)
    }
}

/// An empty response: 503 with `Retry-After` when trying again can help, 403 when a rule said no, else 500.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyResponse;

impl<B: Default> FailureResponse<B> for EmptyResponse {
    fn respond(&self, error: &Error) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = SessionFailure::status_of(error);
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// Why a response was replaced; in the extensions of the replacement, for the application's own layers.
#[derive(Debug, Clone)]
pub struct SessionFailure(Arc<Error>);

impl SessionFailure {
    pub(crate) fn new(error: Error) -> Self {
        Self(Arc::new(error))
    }

    /// The error.
    pub fn error(&self) -> &Error {
        &self.0
    }

    /// The status that fits an error: 503 where trying again can help, 403 where a rule said no, else 500.
    pub fn status_of(error: &Error) -> StatusCode {
        StatusCode::from_u16(dancecard_http::status_of(error)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
