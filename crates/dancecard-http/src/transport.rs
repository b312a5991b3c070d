//! How the token travels between client and server.

use std::time::Duration;

use dancecard_core::{Error, ErrorKind, Result};
use smallvec::SmallVec;

use crate::cookie::{Cookie, CookieConfig};
use crate::fields::{Field, RequestHeaders};

/// Chosen at run time: in a cookie for browsers, or in a header for other clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// In a cookie.
    Cookie(CookieConfig),
    /// In a header.
    Header(HeaderConfig),
}

impl Default for Transport {
    fn default() -> Self {
        Self::Cookie(CookieConfig::default())
    }
}

impl Transport {
    /// Whether it can be used: what [`SessionHttp::with_transport`] will say of it.
    ///
    /// ```
    /// use dancecard_http::{CookieConfig, Transport};
    ///
    /// assert!(Transport::Cookie(CookieConfig::new("id")).check().is_ok());
    /// assert!(Transport::Cookie(CookieConfig::new("a b")).check().is_err());
    /// ```
    ///
    /// # Errors
    /// Those of [`SessionHttp::with_transport`].
    ///
    /// [`SessionHttp::with_transport`]: crate::SessionHttp::with_transport
    pub fn check(&self) -> Result<()> {
        Carrier::new(self.clone()).map(drop)
    }

    /// Whether scripts in a page can read the token as it is kept in the browser.
    pub(crate) fn is_open_to_scripts(&self) -> bool {
        matches!(self, Self::Cookie(config) if config.has_script_access())
    }
}

/// How the token travels in headers.
///
/// ```
/// use dancecard_http::HeaderConfig;
///
/// // Authorization: Bearer <token> in, X-Session: <token> out when there is a new one, empty when it is over.
/// let api = HeaderConfig::bearer("x-session");
/// // X-Session both ways.
/// let plain = HeaderConfig::new("x-session");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderConfig {
    request: String,
    bearer: bool,
    response: String,
}

impl HeaderConfig {
    /// One header of this name both ways.
    pub fn new(name: &str) -> Self {
        Self { request: name.to_ascii_lowercase(), bearer: false, response: name.to_ascii_lowercase() }
    }

    /// `Authorization: Bearer` in requests (RFC 6750), and a header of this name in responses.
    pub fn bearer(response: &str) -> Self {
        Self { request: "authorization".into(), bearer: true, response: response.to_ascii_lowercase() }
    }
}

/// A transport that was checked.
#[derive(Debug, Clone)]
pub(crate) enum Carrier {
    Cookie(Cookie),
    Header(HeaderConfig),
}

impl Default for Carrier {
    fn default() -> Self {
        Self::Cookie(CookieConfig::default().build())
    }
}

impl Carrier {
    pub(crate) fn new(transport: Transport) -> Result<Self> {
        match transport {
            Transport::Cookie(config) => config.prepare().map(Self::Cookie),
            Transport::Header(config) => check(&config).map(|()| Self::Header(config)),
        }
    }

    pub(crate) fn can_relax(&self) -> bool {
        matches!(self, Self::Cookie(cookie) if cookie.can_relax())
    }

    /// What a cache must know the request by.
    pub(crate) fn varies_by(&self) -> &str {
        match self {
            Self::Cookie(_) => "Cookie",
            Self::Header(config) => &config.request,
        }
    }

    /// The line that gives the client a token.
    pub(crate) fn set(&self, relaxed: bool, token: &str, remaining: Duration) -> (Field<'_>, String) {
        match self {
            Self::Cookie(cookie) => (Field::SetCookie, cookie.set(relaxed, token, remaining)),
            Self::Header(config) => (Field::Named(&config.response), token.to_owned()),
        }
    }

    /// The line that takes it away.
    pub(crate) fn remove(&self, relaxed: bool) -> (Field<'_>, String) {
        match self {
            Self::Cookie(cookie) => (Field::SetCookie, cookie.remove(relaxed)),
            Self::Header(config) => (Field::Named(&config.response), String::new()),
        }
    }

    /// The tokens in a request.
    pub(crate) fn tokens<'a>(&self, request: &'a impl RequestHeaders, relaxed: bool) -> Candidates<'a> {
        let mut found = Candidates::new();
        match self {
            Self::Cookie(cookie) => {
                let variant = cookie.variant(relaxed);
                request.values(Field::Cookie).for_each(|line| variant.find(line, &mut found));
            }
            Self::Header(config) => {
                let lines = request.values(Field::Named(&config.request));
                found.extend(lines.filter_map(|line| config.token(line)));
            }
        }
        found
    }
}

/// What may be the client's token; usually one.
pub(crate) type Candidates<'a> = SmallVec<[&'a [u8]; 4]>;

impl HeaderConfig {
    pub(crate) fn response(&self) -> &str {
        &self.response
    }

    fn token<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        if !self.bearer {
            return Some(line);
        }
        let (scheme, token) = line.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
    }
}

fn check(config: &HeaderConfig) -> Result<()> {
    let usable = [&config.request, &config.response]
        .iter()
        .all(|name| http::HeaderName::try_from(name.as_str()).is_ok());
    if usable && config.response != "authorization" {
        return Ok(());
    }
    let remedy = "give the names of header fields, and for responses another than Authorization";
    Err(Error::new(ErrorKind::Config, "header transport").with_detail(remedy))
}
