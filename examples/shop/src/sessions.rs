//! How this shop wants its sessions: how long they live, in which cookie they travel, what is known of devices. A file
//! can want something else.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::Extensions;
use axum::response::{IntoResponse, Response};
use dancecard::axum::{CookieConfig, Security, SessionLayer, Transport};
use dancecard::config;
use dancecard::http::SessionHttp;
use dancecard::observe::TracingObserver;
use dancecard::{AtLimit, Error, Lifetime, Policy, Result, SessionManager, Store};

use crate::pages::failure::PageError;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a visitor gets who asked to be remembered. The idle limit ends nothing sooner: it is there so that use is noted, and
/// the list of devices knows when each was last seen.
pub(crate) const REMEMBERED: Lifetime = Lifetime::new(DAY.saturating_mul(30), DAY.saturating_mul(30));

/// Makes the page that takes the place of one whose session could not be stored.
pub(crate) type OnFailure = fn(&Error) -> Response;

/// Sessions as the shop wants them, in any engine. The cookie is `__Host-session`, for encrypted connections only; a
/// debug build on a loopback address sends a plain one instead, and says so in the log.
pub(crate) fn own(store: impl Store, security: Security) -> Result<SessionHttp> {
    let cookie = CookieConfig::default().with_security(security);
    let http = SessionHttp::new(observed(SessionManager::new(store).with_policy(policy())));
    Ok(http.with_transport(Transport::Cookie(cookie))?.with_device_facts())
}

/// Sessions as a file wants them: engine, limits, cookie, and whether devices are told apart.
pub(crate) fn from_file(path: &Path) -> Result<SessionHttp> {
    let config = config::load(path)?;
    config.http_over(observed(config.manager()?))
}

/// What happens to sessions is told to the log, without their ids.
fn observed(manager: SessionManager) -> SessionManager {
    manager.with_observer(TracingObserver)
}

/// Out after an hour without a click, out after a day in any case; a new id every quarter of an hour; ten devices.
fn policy() -> Policy {
    Policy::default()
        .with_lifetime(Lifetime::new(60 * MINUTE, DAY))
        .with_renewal(15 * MINUTE, MINUTE)
        .with_max_sessions(10, AtLimit::EndIdlest)
}

/// The layer around all pages, wherever sessions are kept.
pub(crate) fn layer(http: SessionHttp) -> SessionLayer<OnFailure> {
    SessionLayer::over(http)
        .with_address(client_address)
        .with_login("/sign-in")
        .with_failure(not_stored as OnFailure)
}

/// The other end of the connection. Behind a proxy it would have to come from a header that the proxy sets.
fn client_address(request: &Extensions) -> Option<IpAddr> {
    request.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
}

fn not_stored(error: &Error) -> Response {
    PageError::not_stored(error).into_response()
}

#[cfg(test)]
mod tests {
    use dancecard::{ManualClock, MemoryStore, Principal, TokenAction};

    use super::*;

    #[tokio::test]
    async fn a_remembered_device_in_daily_use_was_seen_today_and_is_out_after_30_days() -> Result<()> {
        let clock = ManualClock::default();
        let manager = SessionManager::new(MemoryStore::new()).with_policy(policy()).with_clock(clock.clone());
        let mut session = manager.open([]);
        session.sign_in("ada")?;
        session.set_lifetime(REMEMBERED)?;
        for day in 1..=30 {
            let TokenAction::Set { token, .. } = manager.commit(&session).await?.token else {
                panic!("no new id on day {day}");
            };
            let devices = manager.sessions_of(&Principal::new("ada")).await?;
            assert_eq!(manager.now().since(devices[0].meta.last_seen()), Duration::ZERO, "day {day}");
            clock.advance(DAY);
            session = manager.open([token.as_str().as_bytes()]);
            assert_eq!(session.principal().await?.is_some(), day < 30, "day {day}");
        }
        Ok(())
    }
}
