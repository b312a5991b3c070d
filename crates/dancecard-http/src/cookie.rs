//! The session cookie: which name and attributes it has, how it is found, written and removed.
//!
//! Sources: RFC 6265 and draft-ietf-httpbis-rfc6265bis; OWASP ASVS 5.0, 3.3.1 to 3.3.5.

use std::time::Duration;

use dancecard_core::{Error, ErrorKind, Result};

use crate::transport::Candidates;

/// Browsers drop a cookie whose name and value are longer together.
const MAX_NAME_AND_VALUE: usize = 4096;
/// ... and an attribute value that is longer than this.
const MAX_ATTRIBUTE: usize = 1024;
/// ... and cut a lifetime that is longer.
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 3600);

/// Which cross-site requests carry the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SameSite {
    /// None but links that a person follows to the site.
    #[default]
    Lax,
    /// None at all, not even such links.
    Strict,
    /// All. The application must protect itself against request forgery.
    None,
}

impl SameSite {
    fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }
}

/// Whether the cookie is for encrypted connections only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Security {
    /// Encrypted connections only; but a build with debug assertions, asked by a browser on the same machine for a
    /// loopback host, sends a plain cookie of the plain name, and says so once in the log.
    #[default]
    Auto,
    /// Encrypted connections only.
    Always,
    /// Any connection: for a network without encryption. The name has no prefix then.
    Never,
}

/// How long the browser keeps the cookie. The server's limits hold in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CookieLifetime {
    /// Until it is closed.
    #[default]
    Browser,
    /// As long as the session can live by its absolute limit, at most 400 days (`Max-Age`).
    Persistent,
}

/// How the session cookie looks.
///
/// The default is `__Host-session=...; Path=/; HttpOnly; Secure; SameSite=Lax`, kept until the browser is closed.
/// Unusable combinations are refused when the configuration is put to use.
///
/// ```
/// use dancecard_http::{CookieConfig, SameSite};
///
/// let shared_by_subdomains = CookieConfig::new("id").with_domain("example.org").with_same_site(SameSite::Strict);
/// assert_eq!(shared_by_subdomains.secure_name(), "__Secure-id");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieConfig {
    name: String,
    exact: bool,
    path: String,
    domain: Option<String>,
    same_site: SameSite,
    security: Security,
    lifetime: CookieLifetime,
    partitioned: bool,
}

impl Default for CookieConfig {
    fn default() -> Self {
        Self::new("session")
    }
}

impl CookieConfig {
    /// A cookie of this name. Over encrypted connections it gets the strictest prefix that its attributes allow:
    /// `__Host-`, or `__Secure-` with a domain or another path than `/`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            exact: false,
            path: "/".into(),
            domain: None,
            same_site: SameSite::default(),
            security: Security::default(),
            lifetime: CookieLifetime::default(),
            partitioned: false,
        }
    }

    /// Uses the name as it is, without a prefix, to share it with something else.
    #[must_use]
    pub fn with_exact_name(mut self) -> Self {
        self.exact = true;
        self
    }

    /// Sends the cookie for this path and below only.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Shares the cookie with all hosts of a domain.
    #[must_use]
    pub fn with_domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets which cross-site requests carry it.
    #[must_use]
    pub fn with_same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Sets whether it is for encrypted connections only.
    #[must_use]
    pub fn with_security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// Sets how long the browser keeps it.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: CookieLifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Keeps one cookie per embedding site, for pages in foreign frames (CHIPS).
    #[must_use]
    pub fn with_partitioned(mut self) -> Self {
        self.partitioned = true;
        self
    }

    /// The name over encrypted connections.
    pub fn secure_name(&self) -> String {
        match (self.exact || self.security == Security::Never, &self.domain, self.path.as_str()) {
            (true, ..) => self.name.clone(),
            (false, None, "/") => format!("__Host-{}", self.name),
            _ => format!("__Secure-{}", self.name),
        }
    }

    /// Checks the combination and makes what is needed per request.
    pub(crate) fn prepare(self) -> Result<Cookie> {
        self.check(&self.secure_name())?;
        Ok(self.build())
    }

    /// Makes what is needed per request, of a combination that is known to be usable.
    pub(crate) fn build(self) -> Cookie {
        let name = self.secure_name();
        let secure = self.security != Security::Never;
        let strict = Variant { attributes: self.attributes(secure), name };
        let relaxed = (self.security == Security::Auto && cfg!(debug_assertions) && !self.partitioned)
            .then(|| Variant { name: self.name.clone(), attributes: self.attributes(false) });
        Cookie { strict, relaxed, lifetime: self.lifetime }
    }

    fn check(&self, name: &str) -> Result<()> {
        let secure = self.security != Security::Never;
        let token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        let value = |text: &str| {
            text.len() <= MAX_ATTRIBUTE && text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b';')
        };
        let lower = self.name.to_ascii_lowercase();
        let named_like_prefix = lower.starts_with("__host-") || lower.starts_with("__secure-");
        let rules = [
            (
                !self.name.is_empty() && self.name.bytes().all(token),
                "the cookie's name must be a token of RFC 9110",
            ),
            (name.len() + dancecard_core::TOKEN_LEN <= MAX_NAME_AND_VALUE, "the cookie's name is too long"),
            (
                !named_like_prefix,
                "leave out the prefix of the cookie's name: it is added where it is allowed",
            ),
            (
                self.path.starts_with('/') && value(&self.path),
                "the cookie's path must begin with / and hold no ;",
            ),
            (self.domain.as_deref().is_none_or(is_domain), "the cookie's domain must be a host name"),
            (
                secure || self.same_site != SameSite::None,
                "SameSite=None needs Secure: allow encrypted connections only",
            ),
            (secure || !self.partitioned, "Partitioned needs Secure: allow encrypted connections only"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, remedy)) => Err(Error::new(ErrorKind::Config, "cookie").with_detail(remedy)),
            None => Ok(()),
        }
    }

    fn attributes(&self, secure: bool) -> String {
        let mut text = format!("; Path={}", self.path);
        if let Some(domain) = &self.domain {
            text += "; Domain=";
            text += domain;
        }
        text += "; HttpOnly";
        if secure {
            text += "; Secure";
        }
        text += "; SameSite=";
        text += if secure || self.same_site != SameSite::None { self.same_site.as_str() } else { "Lax" };
        if self.partitioned {
            text += "; Partitioned";
        }
        text
    }
}

fn is_domain(domain: &str) -> bool {
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    domain.len() <= 253 && domain.split('.').all(label)
}

/// A cookie that was checked.
#[derive(Debug)]
pub(crate) struct Cookie {
    strict: Variant,
    relaxed: Option<Variant>,
    lifetime: CookieLifetime,
}

/// One way in which the cookie is sent.
#[derive(Debug)]
pub(crate) struct Variant {
    name: String,
    attributes: String,
}

impl Cookie {
    pub(crate) fn can_relax(&self) -> bool {
        self.relaxed.is_some()
    }

    pub(crate) fn variant(&self, relaxed: bool) -> &Variant {
        self.relaxed.as_ref().filter(|_| relaxed).unwrap_or(&self.strict)
    }

    /// The line that sets the cookie. `remaining` is what is left of the session's absolute limit.
    pub(crate) fn set(&self, relaxed: bool, token: &str, remaining: Duration) -> String {
        let mut line = self.variant(relaxed).line(token);
        if self.lifetime == CookieLifetime::Persistent {
            line += "; Max-Age=";
            line += &remaining.min(MAX_AGE).as_secs().to_string();
        }
        line
    }

    /// The line that removes the cookie: the same attributes, and an age of nothing.
    pub(crate) fn remove(&self, relaxed: bool) -> String {
        self.variant(relaxed).line("") + "; Max-Age=0"
    }
}

impl Variant {
    fn line(&self, value: &str) -> String {
        let mut line = String::with_capacity(self.name.len() + value.len() + self.attributes.len() + 24);
        line += &self.name;
        line += "=";
        line += value;
        line += &self.attributes;
        line
    }

    /// Finds the values under this name in a `Cookie` header. Names are compared byte by byte: what decodes, or folds,
    /// to our name is not our cookie.
    pub(crate) fn find<'a>(&self, header: &'a [u8], found: &mut Candidates<'a>) {
        let mut rest = header;
        loop {
            while let [b' ' | b'\t', after @ ..] = rest {
                rest = after;
            }
            let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
            let (pair, after) = rest.split_at(end);
            found.extend(pair.strip_prefix(self.name.as_bytes()).and_then(|pair| pair.strip_prefix(b"=")));
            match after {
                [b';', after @ ..] => rest = after,
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prepared(config: CookieConfig) -> Cookie {
        config.prepare().unwrap()
    }

    fn values(name: &str, header: &[u8]) -> Vec<Vec<u8>> {
        let cookie = prepared(CookieConfig::new(name).with_exact_name());
        let mut found = Candidates::new();
        cookie.strict.find(header, &mut found);
        found.into_iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn lines_are_exact() {
        let hour = Duration::from_secs(3600);
        let cases = [
            (CookieConfig::default(), "__Host-session=T; Path=/; HttpOnly; Secure; SameSite=Lax"),
            (
                CookieConfig::new("id").with_domain("example.org"),
                "__Secure-id=T; Path=/; Domain=example.org; HttpOnly; Secure; SameSite=Lax",
            ),
            (
                CookieConfig::new("id").with_path("/shop").with_same_site(SameSite::Strict),
                "__Secure-id=T; Path=/shop; HttpOnly; Secure; SameSite=Strict",
            ),
            (
                CookieConfig::new("id").with_same_site(SameSite::None).with_partitioned(),
                "__Host-id=T; Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
            ),
            (
                CookieConfig::new("id").with_lifetime(CookieLifetime::Persistent),
                "__Host-id=T; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=3600",
            ),
            (
                CookieConfig::new("dancer.session").with_exact_name().with_security(Security::Never),
                "dancer.session=T; Path=/; HttpOnly; SameSite=Lax",
            ),
        ];
        for (config, expected) in cases {
            assert_eq!(prepared(config).set(false, "T", hour), expected);
        }
    }

    #[test]
    fn removal_repeats_every_attribute() {
        let cookie =
            prepared(CookieConfig::new("id").with_domain("example.org").with_path("/a").with_partitioned());
        let set = cookie.set(false, "", Duration::ZERO);
        assert_eq!(cookie.remove(false), set + "; Max-Age=0");
    }

    #[test]
    fn a_lifetime_is_cut_to_what_browsers_allow() {
        let cookie = prepared(CookieConfig::new("id").with_lifetime(CookieLifetime::Persistent));
        assert!(cookie.set(false, "T", Duration::MAX).ends_with("; Max-Age=34560000"));
    }

    #[test]
    fn unusable_combinations_are_refused() {
        let never = |config: CookieConfig| config.with_security(Security::Never);
        let bad = [
            CookieConfig::new(""),
            CookieConfig::new("a b"),
            CookieConfig::new("a\r\nSet-Cookie: x"),
            CookieConfig::new("a=b"),
            CookieConfig::new("naïve"),
            CookieConfig::new("__Host-id"),
            CookieConfig::new("__secure-id").with_exact_name(),
            CookieConfig::new("a".repeat(4096)),
            CookieConfig::new("id").with_path("shop"),
            CookieConfig::new("id").with_path("/a; Domain=evil.example"),
            CookieConfig::new("id").with_path("/a\r\nX: y"),
            CookieConfig::new("id").with_path("/".repeat(1025)),
            CookieConfig::new("id").with_domain("example.org; x"),
            CookieConfig::new("id").with_domain("exa mple.org"),
            CookieConfig::new("id").with_domain(""),
            never(CookieConfig::new("id").with_same_site(SameSite::None)),
            never(CookieConfig::new("id").with_partitioned()),
        ];
        for config in bad {
            let text = format!("{config:?}");
            assert_eq!(config.prepare().map(drop).unwrap_err().kind(), ErrorKind::Config, "{text}");
        }
    }

    #[test]
    fn names_are_compared_byte_by_byte() {
        let header = b"__host-id=1; %5f%5fHost-id=2; ..Host-id=3;  id=4; id =5; Id=6; id; xid=7; id=8";
        assert_eq!(values("id", header), [b"4".to_vec(), b"8".to_vec()]);
    }

    #[test]
    fn quotes_hide_nothing() {
        let header = b"a=\"x; id=planted; b=\"; id=own";
        assert_eq!(values("id", header), [b"planted".to_vec(), b"own".to_vec()]);
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(header: Vec<u8>) {
            let _ = values("id", &header);
        }

        #[test]
        fn what_was_set_is_found(token in "[A-Za-z0-9_-]{43}", others in "([a-z]{1,8}=[ -:<-~]{0,20}; ){0,5}") {
            let header = format!("{others}session-x={token}");
            prop_assert_eq!(values("session-x", header.as_bytes()), [token.into_bytes()]);
        }
    }
}
