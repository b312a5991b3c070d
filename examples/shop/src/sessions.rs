//! How this shop wants its sessions: how long they live, in which cookie they travel, what is known of devices.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::Extensions;
use axum::response::{IntoResponse, Response};
use dancecard::axum::{CookieConfig, Security, SessionLayer};
use dancecard::observe::TracingObserver;
use dancecard::{AtLimit, Error, Lifetime, Policy, Result, SessionManager, Store};

use crate::pages::failure::PageError;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a visitor gets who asked to be remembered.
pub(crate) const REMEMBERED: Lifetime = Lifetime::absolute(DAY.saturating_mul(30));

/// Makes the page that takes the place of one whose session could not be stored.
pub(crate) type OnFailure = fn(&Error) -> Response;

/// The manager of all sessions, in any engine. What happens to them is told to the log, without their ids.
pub(crate) fn manager(store: impl Store) -> SessionManager {
    SessionManager::new(store).with_policy(policy()).with_observer(TracingObserver)
}

/// Out after an hour without a click, out after a day in any case; a new id every quarter of an hour; ten devices.
fn policy() -> Policy {
    Policy::default()
        .with_lifetime(Lifetime::new(60 * MINUTE, DAY))
        .with_renewal(15 * MINUTE, MINUTE)
        .with_max_sessions(10, AtLimit::EndIdlest)
}

/// The layer around all pages. The cookie is `__Host-session`, for encrypted connections only; a debug build on a
/// loopback address sends a plain one instead, and says so in the log.
pub(crate) fn layer(manager: SessionManager, security: Security) -> Result<SessionLayer<OnFailure>> {
    let layer = SessionLayer::new(manager)
        .with_cookie(CookieConfig::default().with_security(security))?
        .with_device_facts()
        .with_address(client_address)
        .with_login("/sign-in")
        .with_failure(not_stored as OnFailure);
    Ok(layer)
}

/// The other end of the connection. Behind a proxy it would have to come from a header that the proxy sets.
fn client_address(request: &Extensions) -> Option<IpAddr> {
    request.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
}

fn not_stored(error: &Error) -> Response {
    PageError::not_stored(error).into_response()
}
