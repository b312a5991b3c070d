//! The layer: puts sessions around a service.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use dancecard_core::{Result, SessionManager};
use dancecard_http::{CookieConfig, SessionHttp, Transport};
use http::Extensions;
use tower_layer::Layer;

use crate::failure::EmptyResponse;
use crate::service::SessionService;

/// Puts sessions around a service.
///
/// Mounted twice with the same manager, the inner one leaves everything to the outer one. An application with two kinds
/// of session, each with its own cookie, names one of them by a type of its own:
///
/// ```
/// use dancecard_core::{MemoryStore, SessionManager};
/// use dancecard_http::CookieConfig;
/// use dancecard_tower::{Session, SessionLayer};
///
/// struct Admin;
///
/// async fn handler(visitor: Session, admin: Session<Admin>) {}
///
/// # fn main() -> Result<(), dancecard_core::Error> {
/// let store = MemoryStore::new();
/// let admins = SessionManager::new(store).with_namespace("admin");
/// let layer = SessionLayer::new(admins).with_cookie(CookieConfig::new("admin"))?.named::<Admin>();
/// # Ok(()) }
/// ```
pub struct SessionLayer<F = EmptyResponse, M = ()> {
    pub(crate) http: SessionHttp,
    pub(crate) failure: F,
    pub(crate) login: Option<Arc<str>>,
    pub(crate) address: fn(&Extensions) -> Option<IpAddr>,
    pub(crate) kind: PhantomData<fn() -> M>,
}

impl SessionLayer {
    /// Sessions of a manager, in the default cookie.
    pub fn new(manager: SessionManager) -> Self {
        Self::over(SessionHttp::new(manager))
    }

    /// Sessions over HTTP as they were set up.
    pub fn over(http: SessionHttp) -> Self {
        Self { http, failure: EmptyResponse, login: None, address: |_| None, kind: PhantomData }
    }
}

impl<F, M> SessionLayer<F, M> {
    /// Uses another cookie.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config) for a combination that browsers would refuse.
    pub fn with_cookie(self, cookie: CookieConfig) -> Result<Self> {
        self.with_transport(Transport::Cookie(cookie))
    }

    /// Lets the token travel in another way.
    ///
    /// # Errors
    /// As [`SessionLayer::with_cookie`].
    pub fn with_transport(mut self, transport: Transport) -> Result<Self> {
        self.http = self.http.with_transport(transport)?;
        Ok(self)
    }

    /// Records the user agent of the client, and its address if [`SessionLayer::with_address`] finds it, for a device
    /// list. Off unless asked for: they are personal data.
    #[must_use]
    pub fn with_device_facts(mut self) -> Self {
        self.http = self.http.with_device_facts();
        self
    }

    /// Says where the address of a client is found: behind a proxy, in what a layer in front made of its headers; else
    /// in axum's `ConnectInfo`.
    ///
    /// ```
    /// # use axum::extract::ConnectInfo;
    /// # use dancecard_core::{MemoryStore, SessionManager};
    /// # use dancecard_tower::SessionLayer;
    /// # use std::net::SocketAddr;
    /// let layer = SessionLayer::new(SessionManager::new(MemoryStore::new()))
    ///     .with_device_facts()
    ///     .with_address(|request| request.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()));
    /// ```
    #[must_use]
    pub fn with_address(mut self, address: fn(&Extensions) -> Option<IpAddr>) -> Self {
        self.address = address;
        self
    }

    /// Where visitors are sent who must sign in first. Without it they are answered 401.
    #[must_use]
    pub fn with_login(mut self, path: &str) -> Self {
        self.login = Some(path.into());
        self
    }

    /// Sets what the client gets when its session could not be stored.
    #[must_use]
    pub fn with_failure<G>(self, failure: G) -> SessionLayer<G, M> {
        SessionLayer { http: self.http, failure, login: self.login, address: self.address, kind: PhantomData }
    }

    /// Makes this another kind of session, beside others.
    #[must_use]
    pub fn named<N>(self) -> SessionLayer<F, N> {
        SessionLayer {
            http: self.http,
            failure: self.failure,
            login: self.login,
            address: self.address,
            kind: PhantomData,
        }
    }
}

impl<F: Clone, M> Clone for SessionLayer<F, M> {
    fn clone(&self) -> Self {
        Self {
            http: self.http.clone(),
            failure: self.failure.clone(),
            login: self.login.clone(),
            address: self.address,
            kind: PhantomData,
        }
    }
}

impl<F, M> std::fmt::Debug for SessionLayer<F, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionLayer").field("http", &self.http).finish_non_exhaustive()
    }
}

impl<S, F: Clone, M> Layer<S> for SessionLayer<F, M> {
    type Service = SessionService<S, F, M>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService::new(inner, self.clone())
    }
}
