//! Extractors for axum.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use dancecard_core::{Error, Principal};
use http::header::LOCATION;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use crate::failure::{EmptyResponse, FailureResponse, SessionFailure};
use crate::service::Slot;

/// The session of a request; nothing is asked of the engine until it is used. `Option<Session>` extracts where the
/// layer may be missing.
///
/// ```
/// use dancecard_tower::{Session, SessionError};
///
/// async fn theme(session: Session) -> Result<String, SessionError> {
///     Ok(session.get("theme").await?.unwrap_or_else(|| "light".into()))
/// }
/// ```
pub struct Session<M = ()>(dancecard_core::Session, PhantomData<fn() -> M>);

impl<M> Session<M> {
    /// The session itself, as it is known outside of axum.
    pub fn into_inner(self) -> dancecard_core::Session {
        self.0
    }
}

impl<M> Deref for Session<M> {
    type Target = dancecard_core::Session;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<M> Clone for Session<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<M> fmt::Debug for Session<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S: Sync, M: 'static> FromRequestParts<S> for Session<M> {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        let slot = parts.extensions.get::<Slot<M>>().ok_or(MissingLayer)?;
        Ok(Self(slot.session().clone(), PhantomData))
    }
}

impl<S: Sync, M: 'static> OptionalFromRequestParts<S> for Session<M> {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get::<Slot<M>>().map(|slot| Self(slot.session().clone(), PhantomData)))
    }
}

/// The session of a request, read already: its values are had without waiting. Costs a read on each request.
///
/// ```
/// use dancecard_tower::{Loaded, SessionError};
///
/// async fn theme(session: Loaded) -> Result<String, SessionError> {
///     Ok(session.get("theme")?.unwrap_or_else(|| "light".into()))
/// }
/// ```
pub struct Loaded<M = ()>(dancecard_core::Loaded, PhantomData<fn() -> M>);

impl<M> Deref for Loaded<M> {
    type Target = dancecard_core::Loaded;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<M> fmt::Debug for Loaded<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S: Sync, M: 'static> FromRequestParts<S> for Loaded<M> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let slot = parts.extensions.get::<Slot<M>>().ok_or_else(|| MissingLayer.into_response())?;
        let loaded = slot.session().load().await.map_err(|e| SessionError(e).into_response())?;
        Ok(Self(loaded, PhantomData))
    }
}

/// Whoever is signed in, with the session. Others are sent to the login page of
/// [`SessionLayer::with_login`](crate::SessionLayer::with_login) when they follow a link, and answered 401 otherwise.
///
/// ```
/// use dancecard_tower::SignedIn;
///
/// async fn account(SignedIn { principal, session, .. }: SignedIn) -> String {
///     format!("hello, {}", principal.as_str())
/// }
/// ```
#[non_exhaustive]
pub struct SignedIn<M = ()> {
    /// Who it is.
    pub principal: Principal,
    /// The session.
    pub session: Loaded<M>,
}

impl<M> fmt::Debug for SignedIn<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").field("session", &self.session).finish_non_exhaustive()
    }
}

impl<S: Sync, M: 'static> FromRequestParts<S> for SignedIn<M> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let session = Loaded::<M>::from_request_parts(parts, state).await?;
        let login = parts.extensions.get::<Slot<M>>().and_then(Slot::login);
        match session.principal() {
            Some(principal) => Ok(Self { principal, session }),
            None => Err(unauthorized(&parts.method, login)),
        }
    }
}

fn unauthorized(method: &Method, login: Option<&str>) -> Response {
    let mut response = Response::new(Body::empty());
    let location = login.filter(|_| method.is_safe()).and_then(|path| HeaderValue::from_str(path).ok());
    match location {
        Some(location) => {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, location);
        }
        None => *response.status_mut() = StatusCode::UNAUTHORIZED,
    }
    response
}

/// The answer to an extraction where no [`SessionLayer`](crate::SessionLayer) is mounted: a mistake in the program.
#[derive(Debug, Clone, Copy)]
pub struct MissingLayer;

impl fmt::Display for MissingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no session layer is mounted around this route")
    }
}

impl std::error::Error for MissingLayer {}

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_string()));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    }
}

/// A session error as a response: that of [`SessionLayer::with_failure`](crate::SessionLayer::with_failure), else the one of
/// [`EmptyResponse`]. The error is in its extensions.
///
/// Handlers return `Result<_, SessionError>`, and use `?` on every call.
#[derive(Debug)]
pub struct SessionError(Error);

impl SessionError {
    /// The error.
    pub fn error(&self) -> &Error {
        &self.0
    }
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SessionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        let mut response: Response = EmptyResponse.respond(&self.0);
        response.extensions_mut().insert(SessionFailure::unanswered(self.0));
        response
    }
}
