//! The service: opens the session of each request.

use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use dancecard_core::Session;
use http::{Request, Response};
use tower_service::Service;

use crate::failure::{EmptyResponse, FailureResponse};
use crate::future::ResponseFuture;
use crate::layer::Settings;

/// What [`SessionLayer`](crate::SessionLayer) makes of a service.
pub struct SessionService<S, F = EmptyResponse, M = ()> {
    inner: S,
    settings: Arc<Settings<F>>,
    kind: PhantomData<fn() -> M>,
}

impl<S, F, M> SessionService<S, F, M> {
    pub(crate) fn new(inner: S, settings: Arc<Settings<F>>) -> Self {
        Self { inner, settings, kind: PhantomData }
    }
}

impl<S: Clone, F, M> Clone for SessionService<S, F, M> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), settings: self.settings.clone(), kind: PhantomData }
    }
}

impl<S: std::fmt::Debug, F, M> std::fmt::Debug for SessionService<S, F, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// What the layer puts into the extensions of a request: the session of kind `M`. Frameworks without an extractor of
/// this crate read it from there.
///
/// ```
/// # use dancecard_tower::Slot;
/// fn session(request: &http::Request<()>) -> Option<&dancecard_core::Session> {
///     request.extensions().get::<Slot>().map(Slot::session)
/// }
/// ```
pub struct Slot<M = ()> {
    session: Session,
    login: Option<Arc<str>>,
    kind: PhantomData<fn() -> M>,
}

impl<M> Slot<M> {
    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Where visitors are sent who must sign in first.
    pub fn login(&self) -> Option<&str> {
        self.login.as_deref()
    }
}

impl<M> Clone for Slot<M> {
    fn clone(&self) -> Self {
        Self { session: self.session.clone(), login: self.login.clone(), kind: PhantomData }
    }
}

impl<M> std::fmt::Debug for Slot<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("session", &self.session).finish_non_exhaustive()
    }
}

impl<S, F, M, Q, B> Service<Request<Q>> for SessionService<S, F, M>
where
    S: Service<Request<Q>, Response = Response<B>>,
    F: FailureResponse<B> + Send + Sync + 'static,
    M: 'static,
    S::Error: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B, S::Error, F>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let http = &self.settings.http;
        let slot = request.extensions().get::<Slot<M>>();
        if slot.is_some_and(|slot| slot.session.manager().is_same_as(http.manager())) {
            return ResponseFuture::passing(self.inner.call(request));
        }
        let address = (self.settings.address)(request.extensions());
        let exchange = http.begin_from(request.headers(), address);
        let session = exchange.session().clone();
        let login = self.settings.login.clone();
        request.extensions_mut().insert(Slot::<M> { session, login, kind: PhantomData });
        ResponseFuture::finishing(self.inner.call(request), exchange, self.settings.clone())
    }
}
