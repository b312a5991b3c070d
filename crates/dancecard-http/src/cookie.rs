//! The session cookie: which name and attributes it has, how it is found, written and removed.
//!
//! Sources: RFC 6265 and draft-ietf-httpbis-rfc6265bis; OWASP ASVS 5.0, 3.3.1 to 3.3.5.

use dancecard_core::{Error, ErrorKind, Result};

mod line;

pub(crate) use line::Cookie;
use line::Variant;

/// Browsers drop a cookie whose name and value are longer together.
const MAX_NAME_AND_VALUE: usize = 4096;
/// ... and an attribute value that is longer than this.
const MAX_ATTRIBUTE: usize = 1024;
/// A session is spread over no more cookies than this: servers and proxies limit a request's header.
pub(crate) const MAX_PARTS: usize = 8;

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
    scripts: bool,
    parts: usize,
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
            scripts: false,
            parts: 1,
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

    /// Lets scripts in the page read the cookie: `HttpOnly` is left out, which is said in the log when the configuration is
    /// put to use.
    ///
    /// It is there for a site whose older half needs it. A script that an attacker gets into any of its pages can then take
    /// the token away, and use the session from elsewhere for as long as that lives; with `HttpOnly` it can do so only while
    /// the page is open.
    #[must_use]
    pub fn with_script_access(mut self) -> Self {
        self.scripts = true;
        self
    }

    /// Lets a session that the client carries, sealed, take up to this many cookies of some four kilobytes, 1 to 8. One
    /// unless set: a larger session is refused then. Servers and proxies often accept no more than 8 or 16 kilobytes of
    /// header in all. Sessions that an engine keeps need one small cookie whatever is set here.
    #[must_use]
    pub fn with_parts(mut self, cookies: usize) -> Self {
        self.parts = cookies;
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

    /// Whether scripts in the page can read it.
    pub(crate) fn has_script_access(&self) -> bool {
        self.scripts
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
        let strict = Variant::new(name, self.attributes(secure));
        let relaxes = self.security == Security::Auto && cfg!(debug_assertions) && !self.partitioned;
        let relaxed = relaxes.then(|| Variant::new(self.name.clone(), self.attributes(false)));
        Cookie::new(strict, relaxed, self.lifetime, self.parts)
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
            ((1..=MAX_PARTS).contains(&self.parts), "a session can take 1 to 8 cookies"),
            (
                !is_http_name(name) || (secure && !self.scripts),
                "browsers keep a cookie of such a name, `__Http-`, only if it is Secure and HttpOnly: choose another",
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
        if !self.scripts {
            text += "; HttpOnly";
        }
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

/// Of the names that stand for what a server set, out of reach of scripts (draft-ietf-httpbis-layered-cookies).
fn is_http_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("__http-") || name.starts_with("__host-http-")
}

fn is_domain(domain: &str) -> bool {
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    domain.len() <= 253 && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::option;
    use proptest::prelude::*;

    fn prepared(config: CookieConfig) -> Cookie {
        config.prepare().unwrap()
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
            (CookieConfig::new("id").with_script_access(), "__Host-id=T; Path=/; Secure; SameSite=Lax"),
            (
                CookieConfig::new("dancer.session")
                    .with_exact_name()
                    .with_security(Security::Never)
                    .with_script_access(),
                "dancer.session=T; Path=/; SameSite=Lax",
            ),
            (CookieConfig::new("http-id"), "__Host-http-id=T; Path=/; HttpOnly; Secure; SameSite=Lax"),
        ];
        for (config, expected) in cases {
            assert_eq!(prepared(config).set(false, "T", hour), expected);
        }
    }

    #[test]
    fn unusable_combinations_are_refused() {
        let never = |config: CookieConfig| config.with_security(Security::Never);
        let bad = [
            CookieConfig::new("id").with_parts(0),
            CookieConfig::new("id").with_parts(9),
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
            never(CookieConfig::new("__Http-id").with_exact_name()),
            CookieConfig::new("__http-id").with_exact_name().with_script_access(),
            CookieConfig::new("Http-id").with_script_access(),
        ];
        for config in bad {
            let text = format!("{config:?}");
            assert_eq!(config.prepare().map(drop).unwrap_err().kind(), ErrorKind::Config, "{text}");
        }
    }

    /// The names of the attributes in a line.
    fn attributes(line: &str) -> Vec<&str> {
        line.split(';').skip(1).map(|part| part.trim().split('=').next().unwrap()).collect()
    }

    proptest! {
        #[test]
        fn no_setting_adds_a_line_or_an_attribute(name in ".{0,12}", path in "/.{0,12}", domain in option::of(".{0,12}")) {
            let config = CookieConfig::new(name).with_path(path);
            let config = match &domain {
                Some(domain) => config.with_domain(domain),
                None => config,
            };
            if let Ok(cookie) = config.prepare() {
                let line = cookie.set(false, "T", Duration::ZERO);
                let expected: &[&str] = match &domain {
                    Some(_) => &["Path", "Domain", "HttpOnly", "Secure", "SameSite"],
                    None => &["Path", "HttpOnly", "Secure", "SameSite"],
                };
                prop_assert_eq!(attributes(&line), expected);
                prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            }
        }

        #[test]
        fn ordinary_settings_are_taken(name in "[a-z.]{1,12}", path in "(/[a-z]{0,8}){1,3}", domain in "[a-z]{1,8}\\.org") {
            prop_assert!(CookieConfig::new(name).with_path(path).with_domain(domain).prepare().is_ok());
        }
    }
}
