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
    pub(crate) settings: Arc<Settings<F>>,
    kind: PhantomData<fn() -> M>,
}

/// What all requests share. Behind one pointer, since axum makes a service of the layer for each request.
pub(crate) struct Settings<F> {
    pub(crate) http: SessionHttp,
    pub(crate) failure: F,
    pub(crate) login: Option<Arc<str>>,
    pub(crate) address: fn(&Extensions) -> Option<IpAddr>,
}

impl SessionLayer {
    /// Sessions of a manager, in the default cookie.
    pub fn new(manager: SessionManager) -> Self {
        Self::over(SessionHttp::new(manager))
    }

    /// Sessions over HTTP as they were set up.
    pub fn over(http: SessionHttp) -> Self {
        Self::of(Settings { http, failure: EmptyResponse, login: None, address: |_| None })
    }
}

impl<F, M> SessionLayer<F, M> {
    fn of(settings: Settings<F>) -> Self {
        Self { settings: Arc::new(settings), kind: PhantomData }
    }
}

impl<F: Clone, M> SessionLayer<F, M> {
    fn with<G>(self, change: impl FnOnce(Settings<F>) -> Settings<G>) -> SessionLayer<G, M> {
        SessionLayer::of(change(Arc::unwrap_or_clone(self.settings)))
    }

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
    pub fn with_transport(self, transport: Transport) -> Result<Self> {
        let settings = Arc::unwrap_or_clone(self.settings);
        let http = settings.http.with_transport(transport)?;
        Ok(Self::of(Settings { http, ..settings }))
    }

    /// Records the user agent of the client, and its address if [`SessionLayer::with_address`] finds it, for a device
    /// list. Off unless asked for: they are personal data.
    #[must_use]
    pub fn with_device_facts(self) -> Self {
        self.with(|settings| Settings { http: settings.http.with_device_facts(), ..settings })
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
    pub fn with_address(self, address: fn(&Extensions) -> Option<IpAddr>) -> Self {
        self.with(|settings| Settings { address, ..settings })
    }

    /// Where visitors are sent who must sign in first. Without it they are answered 401.
    #[must_use]
    pub fn with_login(self, path: &str) -> Self {
        self.with(|settings| Settings { login: Some(path.into()), ..settings })
    }

    /// Sets what the client gets when its session could not be stored, or could not be read by an extractor or by a
    /// handler that returns `SessionError`.
    #[must_use]
    pub fn with_failure<G>(self, failure: G) -> SessionLayer<G, M> {
        self.with(|Settings { http, login, address, .. }| Settings { http, failure, login, address })
    }

    /// Makes this another kind of session, beside others.
    #[must_use]
    pub fn named<N>(self) -> SessionLayer<F, N> {
        SessionLayer { settings: self.settings, kind: PhantomData }
    }
}

impl<F: Clone> Clone for Settings<F> {
    fn clone(&self) -> Self {
        let Self { http, failure, login, address } = self;
        Self { http: http.clone(), failure: failure.clone(), login: login.clone(), address: *address }
    }
}

impl<F, M> Clone for SessionLayer<F, M> {
    fn clone(&self) -> Self {
        Self { settings: self.settings.clone(), kind: PhantomData }
    }
}

impl<F, M> std::fmt::Debug for SessionLayer<F, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionLayer").field("http", &self.settings.http).finish_non_exhaustive()
    }
}

impl<S, F, M> Layer<S> for SessionLayer<F, M> {
    type Service = SessionService<S, F, M>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService::new(inner, self.settings.clone())
    }
}
