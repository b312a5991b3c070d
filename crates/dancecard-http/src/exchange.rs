//! One request and its response.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dancecard_core::{Error, ErrorKind, Outcome, Result, Session, SessionManager, TokenAction};

use crate::carried::{self, Carried};
use crate::fields::{Field, RequestHeaders, ResponseHeaders};
use crate::transport::{Carrier, Transport};

const NO_STORE: &str = "no-store";
const COOKIE: &str = "Cookie";
/// Seconds.
const RETRY_AFTER: &str = "1";

/// User agents of more characters are cut: they are for a person to recognise a device by.
const MAX_USER_AGENT: usize = 256;

/// Sessions over HTTP. A clone is another handle on the same thing.
#[derive(Debug, Clone)]
pub struct SessionHttp(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    manager: SessionManager,
    carrier: Carrier,
    records_device: bool,
    is_client_side: bool,
    said_relaxed: AtomicBool,
}

impl SessionHttp {
    /// Sessions of a manager, in the default cookie.
    pub fn new(manager: SessionManager) -> Self {
        Self::of(manager, Carrier::default(), false)
    }

    fn of(manager: SessionManager, carrier: Carrier, records_device: bool) -> Self {
        let is_client_side = manager.is_client_side();
        let said_relaxed = AtomicBool::new(false);
        Self(Arc::new(Inner { manager, carrier, records_device, is_client_side, said_relaxed }))
    }

    /// Lets the token travel in another way. What is less safe than it could be is said in the log, as a warning.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config) for a combination that browsers would refuse, with the
    /// remedy.
    pub fn with_transport(self, transport: Transport) -> Result<Self> {
        if transport.is_open_to_scripts() {
            tracing::warn!(
                "the session cookie is not HttpOnly: a script that gets into a page can take the session away"
            );
        }
        Ok(Self::of(self.0.manager.clone(), Carrier::new(transport)?, self.0.records_device))
    }

    /// Records user agent and address of the client when a session is created or signed in to, for a device list.
    /// Off unless asked for: they are personal data.
    #[must_use]
    pub fn with_device_facts(self) -> Self {
        Self::of(self.0.manager.clone(), self.0.carrier.clone(), true)
    }

    /// The manager.
    pub fn manager(&self) -> &SessionManager {
        &self.0.manager
    }

    /// Opens the session of a request. Asks nothing of the engine.
    pub fn begin(&self, request: &impl RequestHeaders) -> Exchange {
        self.begin_from(request, None)
    }

    /// Opens the session of a request that came from an address: that of the client itself, not of a proxy.
    pub fn begin_from(&self, request: &impl RequestHeaders, address: Option<IpAddr>) -> Exchange {
        let relaxed = self.0.carrier.can_relax() && self.relaxes(request);
        let exchange = match relaxed || self.0.is_client_side {
            true => self.open_specially(request, relaxed),
            false => self.open(request, relaxed, None),
        };
        if self.0.records_device {
            record_device(&exchange.session, request, address);
        }
        exchange
    }

    #[inline]
    fn open(&self, request: &impl RequestHeaders, relaxed: bool, special: Option<Box<Special>>) -> Exchange {
        let session = self.0.manager.open(self.0.carrier.tokens(request, relaxed));
        Exchange { http: self.clone(), session, special }
    }

    #[cold]
    fn open_specially(&self, request: &impl RequestHeaders, relaxed: bool) -> Exchange {
        let Inner { manager, carrier, is_client_side, .. } = &*self.0;
        let special = |carried| Some(Box::new(Special { relaxed, carried }));
        let carried = is_client_side.then(|| carried::open(manager, carrier, request, relaxed)).flatten();
        match carried {
            Some((session, carried)) => {
                Exchange { http: self.clone(), session, special: special(Some(carried)) }
            }
            None => self.open(request, relaxed, special(None)),
        }
    }

    /// In a debug build, for a browser on the same machine. Nothing that a remote client or a proxy on another machine
    /// sends can bring this about in a release build.
    fn relaxes(&self, request: &impl RequestHeaders) -> bool {
        let forwarded = ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via"];
        let direct = forwarded.iter().all(|name| request.values(Field::Named(name)).next().is_none());
        let relaxed = direct && request.values(Field::Host).next().is_some_and(is_loopback);
        if relaxed && !self.0.said_relaxed.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "debug build on a loopback host: the session cookie has no __Host- prefix and no Secure"
            );
        }
        relaxed
    }
}

fn is_loopback(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let by_name = name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
    by_name || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn record_device(session: &Session, request: &impl RequestHeaders, address: Option<IpAddr>) {
    let agent = request.values(Field::UserAgent).next().and_then(|agent| std::str::from_utf8(agent).ok());
    let agent: Option<String> = agent.map(|agent| agent.chars().take(MAX_USER_AGENT).collect());
    let address = address.map(|address| address.to_string());
    session.set_device(agent.as_deref(), address.as_deref());
}

/// One request and its response: the session, and how its token travelled.
#[derive(Debug)]
pub struct Exchange {
    http: SessionHttp,
    session: Session,
    /// Few have it, and every request moves its exchange about.
    special: Option<Box<Special>>,
}

#[derive(Debug)]
struct Special {
    /// See [`SessionHttp::relaxes`].
    relaxed: bool,
    carried: Option<Carried>,
}

impl Exchange {
    /// The session of this request.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Finishes without asking the engine, where that is possible: for most requests. `false` when
    /// [`Exchange::finish`] has to be awaited.
    pub fn finish_now(&self, status: u16, response: &mut impl ResponseHeaders) -> bool {
        if status >= 500 && self.session.was_used() {
            self.session.abandon();
        }
        // Also of a session that nobody used: a body that is still to come can't write to it unnoticed.
        match self.session.commit_now() {
            Some(_) if !self.session.was_used() => true,
            // What can't be sealed is an error, and those are for the other way.
            Some(committed) => self.write_headers(committed.token, response).is_ok(),
            None => false,
        }
    }

    /// Stores what is due, and writes the header lines. Once per response, before its head is sent.
    ///
    /// # Errors
    /// Those of [`SessionManager::commit`], and [`ErrorKind::Refused`] for a sign-in that was undone: there were too many
    /// sessions, or all of them were ended meanwhile. Nothing was written to the response then, and it must not be sent
    /// as it is: it may claim what did not happen. Another takes its place, with [`status_of`](crate::status_of) the error and
    /// what [`Exchange::fail`] adds.
    ///
    /// # Cancel safety
    /// A dropped future leaves the stored session as it was, or as it was to be.
    pub async fn finish(&self, status: u16, response: &mut impl ResponseHeaders) -> Result<()> {
        if self.finish_now(status, response) { Ok(()) } else { self.finish_rest(response).await }
    }

    /// What [`Exchange::finish_now`] left to do when it returned `false`.
    ///
    /// # Errors
    /// Those of [`Exchange::finish`].
    ///
    /// # Cancel safety
    /// That of [`Exchange::finish`].
    pub async fn finish_rest(&self, response: &mut impl ResponseHeaders) -> Result<()> {
        let committed = self.http.0.manager.commit(&self.session).await?;
        if committed.outcome == Outcome::Undone {
            // The handler's response welcomes somebody who is not signed in.
            return Err(Error::new(ErrorKind::Refused, "sign in").with_detail("the sign-in was undone"));
        }
        self.write_headers(committed.token, response)
    }

    /// Writes the header lines of a response, of this status, that takes the place of one which [`Exchange::finish`]
    /// refused: `Retry-After` where the status is 503, and a cookie where an earlier
    /// [`save`](dancecard_core::Session::save) gave the session an id that the client would otherwise never learn.
    pub fn fail(&self, status: u16, response: &mut impl ResponseHeaders) {
        self.session.abandon();
        let token = self.session.commit_now().map_or(TokenAction::Keep, |committed| committed.token);
        // Without random bytes to seal with there is nothing that the client could be told.
        let _ = self.write_headers(token, response);
        if status == 503 {
            response.add_if_absent(Field::Named("retry-after"), RETRY_AFTER);
        }
    }

    fn write_headers(&self, token: TokenAction, response: &mut impl ResponseHeaders) -> Result<()> {
        match self.special.as_deref() {
            Some(Special { carried: Some(carried), relaxed }) => {
                self.write_carried(carried, *relaxed, token, response)?;
            }
            special => {
                self.write_line(self.line(special.is_some_and(|special| special.relaxed), token), response)
            }
        }
        Ok(())
    }

    #[inline]
    fn write_line(&self, line: Option<(Field<'_>, String)>, response: &mut impl ResponseHeaders) {
        self.write_caching(line.is_some(), response);
        if let Some((field, line)) = line {
            response.append(field, line.into());
        }
    }

    #[cold]
    fn write_carried(
        &self,
        carried: &Carried,
        relaxed: bool,
        token: TokenAction,
        response: &mut impl ResponseHeaders,
    ) -> Result<()> {
        let lines = carried.lines(&self.http.0.carrier, relaxed, &self.session, token)?;
        self.write_caching(!lines.is_empty(), response);
        lines.into_iter().for_each(|(field, line)| response.append(field, line.into()));
        Ok(())
    }

    /// A response that carries a token is nobody else's; for others the application may know better.
    #[inline]
    fn write_caching(&self, carries_token: bool, response: &mut impl ResponseHeaders) {
        add_vary(response, self.http.0.carrier.varies_by());
        if !response.add_if_absent(Field::CacheControl, NO_STORE) && carries_token {
            response.replace(Field::CacheControl, NO_STORE.into());
        }
    }

    /// The line that tells the client about its token.
    fn line(&self, relaxed: bool, token: TokenAction) -> Option<(Field<'_>, String)> {
        let carrier = &self.http.0.carrier;
        match token {
            TokenAction::Keep => None,
            TokenAction::Set { token, expires_at } => {
                let remaining = expires_at.since(self.http.0.manager.now());
                Some(carrier.set(relaxed, token.as_str(), remaining))
            }
            TokenAction::Forget => Some(carrier.remove(relaxed)),
        }
    }
}

fn add_vary(response: &mut impl ResponseHeaders, by: &str) {
    if by == COOKIE && response.add_if_absent(Field::Vary, COOKIE) {
        return;
    }
    let names = |line: &[u8]| {
        line.split(|byte| *byte == b',').any(|name| {
            let name = name.trim_ascii();
            name == b"*" || name.eq_ignore_ascii_case(by.as_bytes())
        })
    };
    if !response.values(Field::Vary).any(names) {
        response.append(Field::Vary, by.to_owned().into());
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::sync::Mutex;

    use dancecard_core::MemoryStore;
    use tracing::field::{Field as Named, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};

    use super::*;
    use crate::cookie::CookieConfig;

    #[test]
    fn the_default_transport_is_usable() {
        assert!(Carrier::new(Transport::default()).is_ok());
    }

    /// Keeps what is said as a warning.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Log {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() == Level::WARN
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            event.record(&mut self.clone());
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    impl Visit for Log {
        fn record_debug(&mut self, _: &Named, value: &dyn Debug) {
            self.0.lock().unwrap().push(format!("{value:?}"));
        }
    }

    #[test]
    fn a_cookie_that_scripts_can_read_is_a_warning() {
        let log = Log::default();
        tracing::subscriber::with_default(log.clone(), || {
            let with = |cookie| {
                let http = SessionHttp::new(SessionManager::new(MemoryStore::new()));
                http.with_transport(Transport::Cookie(cookie)).unwrap()
            };
            with(CookieConfig::default());
            assert_eq!(*log.0.lock().unwrap(), [""; 0]);
            with(CookieConfig::default().with_script_access());
        });
        let said = log.0.lock().unwrap();
        assert!(said.len() == 1 && said[0].contains("not HttpOnly"), "{said:?}");
    }

    #[test]
    fn loopback_hosts_are_told_by_name_and_address() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "app.localhost:1",
            "127.0.0.1:3000",
            "127.1.2.3",
            "[::1]:80",
            "[::1]",
        ] {
            assert!(is_loopback(host.as_bytes()), "{host}");
        }
        let others = [
            "localhost.example.org",
            "example.org",
            "127.0.0.1.example.org",
            "[::2]",
            "128.0.0.1",
            "",
            "\u{e9}",
        ];
        for host in others {
            assert!(!is_loopback(host.as_bytes()), "{host}");
        }
    }
}
