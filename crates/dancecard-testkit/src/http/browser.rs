//! A browser: an origin, and a cookie jar.

use std::time::Duration;

use dancecard_core::Timestamp;

use super::cookie::SetCookie;

/// Browsers drop a cookie whose name and value are longer together.
const MAX_NAME_AND_VALUE: usize = 4096;
/// ... and ignore an attribute value that is longer than this.
const MAX_ATTRIBUTE: usize = 1024;
/// ... and cut a lifetime that is longer.
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 3600);

/// Scheme and host of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    secure: bool,
    authority: String,
}

impl Default for Origin {
    fn default() -> Self {
        Self { secure: true, authority: "app.example.org".into() }
    }
}

impl Origin {
    /// Reads `https://host` or `http://host:port`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (secure, authority) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(authority), _) => (true, authority),
            (_, Some(authority)) => (false, authority),
            _ => return Err(format!("`{text}` is not an origin, as in https://app.example.org")),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        if authority.is_empty() || !authority.bytes().all(plain) {
            return Err(format!("`{authority}` is not a host"));
        }
        Ok(Self { secure, authority: authority.to_owned() })
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    fn host(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.authority,
        }
    }
}

/// What a person sits in front of.
#[derive(Debug, Default)]
pub(super) struct Browser {
    pub(super) origin: Origin,
    jar: Vec<Cookie>,
    made: u64,
}

#[derive(Debug, Clone)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
    partitioned: bool,
    /// `None` until the browser is closed.
    expires_at: Option<Timestamp>,
    made: u64,
}

impl Browser {
    /// Takes a `Set-Cookie` line of a response to a request for `path`.
    ///
    /// # Errors
    /// Why the browser refuses it.
    pub(super) fn take(
        &mut self,
        line: &SetCookie,
        from: &Origin,
        path: &str,
        now: Timestamp,
    ) -> Result<(), &'static str> {
        check_size(line)?;
        let cookie = Cookie::new(line, from, path, now)?;
        check_prefix(&cookie, line)?;
        self.check_secure(&cookie, from)?;
        self.put(cookie, now);
        Ok(())
    }

    fn put(&mut self, mut cookie: Cookie, now: Timestamp) {
        let old =
            self.jar.iter().position(|other| other.is_same(&cookie)).map(|index| self.jar.remove(index));
        self.made += 1;
        cookie.made = old.map_or(self.made, |old| old.made);
        self.jar.push(cookie);
        self.expire(now);
    }

    fn expire(&mut self, now: Timestamp) {
        self.jar.retain(|cookie| cookie.expires_at.is_none_or(|at| now < at));
    }

    /// The `Cookie` header of a request: longer paths first, then older cookies.
    pub(super) fn header(&mut self, path: &str, now: Timestamp) -> Option<String> {
        self.expire(now);
        let origin = &self.origin;
        let mut sent: Vec<&Cookie> = self.jar.iter().filter(|cookie| cookie.goes_to(origin, path)).collect();
        sent.sort_by_key(|cookie| (std::cmp::Reverse(cookie.path.len()), cookie.made));
        let pairs: Vec<String> =
            sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// What is in the jar, whatever site it is for, as `name=value` in the order of arrival.
    pub(super) fn cookies(&mut self, now: Timestamp) -> Vec<String> {
        self.expire(now);
        let mut cookies: Vec<&Cookie> = self.jar.iter().collect();
        cookies.sort_by_key(|cookie| cookie.made);
        cookies.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect()
    }

    /// Drops what does not outlive the browser.
    pub(super) fn close(&mut self) {
        self.jar.retain(|cookie| cookie.expires_at.is_some());
    }

    /// Nothing that came in the clear takes the place of a cookie for encrypted connections.
    fn check_secure(&self, cookie: &Cookie, from: &Origin) -> Result<(), &'static str> {
        let shadows = |other: &Cookie| {
            other.secure
                && other.name == cookie.name
                && (domain_matches(&other.domain, &cookie.domain)
                    || domain_matches(&cookie.domain, &other.domain))
                && path_matches(&cookie.path, &other.path)
        };
        if !from.secure && !cookie.secure && self.jar.iter().any(shadows) {
            return Err("it would shadow a cookie that is Secure");
        }
        Ok(())
    }
}

impl Cookie {
    fn new(line: &SetCookie, from: &Origin, path: &str, now: Timestamp) -> Result<Self, &'static str> {
        let secure = line.has("secure");
        if secure && !from.secure {
            return Err("it is Secure, and came in the clear");
        }
        let same_site = line.attribute("samesite").unwrap_or_default();
        if same_site.eq_ignore_ascii_case("none") && !secure {
            return Err("SameSite=None needs Secure");
        }
        if line.has("partitioned") && !secure {
            return Err("Partitioned needs Secure");
        }
        let (domain, host_only) = domain(line, from)?;
        Ok(Self {
            name: line.name.clone(),
            value: line.value.clone(),
            domain,
            host_only,
            path: cookie_path(line, path),
            secure,
            partitioned: line.has("partitioned"),
            expires_at: expires_at(line, now),
            made: 0,
        })
    }

    /// Whether one takes the place of the other.
    fn is_same(&self, other: &Self) -> bool {
        let identity = |cookie: &Self| {
            let domain = (cookie.domain.clone(), cookie.host_only);
            (cookie.name.clone(), domain, cookie.path.clone(), cookie.partitioned)
        };
        identity(self) == identity(other)
    }

    fn goes_to(&self, origin: &Origin, path: &str) -> bool {
        let here = if self.host_only {
            self.domain.eq_ignore_ascii_case(origin.host())
        } else {
            domain_matches(origin.host(), &self.domain)
        };
        here && path_matches(path, &self.path) && (origin.secure || !self.secure)
    }
}

fn check_size(line: &SetCookie) -> Result<(), &'static str> {
    if line.name.len() + line.value.len() > MAX_NAME_AND_VALUE {
        return Err("name and value are longer than 4096 bytes");
    }
    let long = |name: &str| line.attribute(name).is_some_and(|value| value.len() > MAX_ATTRIBUTE);
    if ["path", "domain"].into_iter().any(long) {
        return Err("an attribute is longer than 1024 bytes");
    }
    Ok(())
}

/// Prefixes are told without regard to case (RFC 6265bis, 5.7, step 20).
fn check_prefix(cookie: &Cookie, line: &SetCookie) -> Result<(), &'static str> {
    let name = cookie.name.to_ascii_lowercase();
    if name.starts_with("__secure-") && !cookie.secure {
        return Err("__Secure- needs Secure");
    }
    let host = cookie.secure && cookie.host_only && line.attribute("path") == Some("/");
    if name.starts_with("__host-") && !host {
        return Err("__Host- needs Secure, Path=/ and no Domain");
    }
    Ok(())
}

fn domain(line: &SetCookie, from: &Origin) -> Result<(String, bool), &'static str> {
    let Some(domain) = line.attribute("domain").filter(|domain| !domain.is_empty()) else {
        return Ok((from.host().to_ascii_lowercase(), true));
    };
    let domain = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
    if !domain_matches(from.host(), &domain) {
        return Err("Domain does not cover the host");
    }
    if !domain.contains('.') && domain != from.host() {
        return Err("Domain is a public suffix");
    }
    Ok((domain, false))
}

fn cookie_path(line: &SetCookie, path: &str) -> String {
    let given = line.attribute("path").filter(|path| path.starts_with('/'));
    given.map_or_else(|| default_path(path), str::to_owned)
}

fn default_path(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) if !folder.is_empty() => folder.to_owned(),
        _ => "/".to_owned(),
    }
}

fn expires_at(line: &SetCookie, now: Timestamp) -> Option<Timestamp> {
    let seconds: i64 = line.attribute("max-age")?.parse().ok()?;
    let age = Duration::from_secs(seconds.max(0).unsigned_abs()).min(MAX_AGE);
    Some(now.saturating_add(age))
}

fn domain_matches(host: &str, domain: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let below = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    host == domain || (below && !host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

fn path_matches(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || cookie.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    fn take(browser: &mut Browser, line: &str, from: &str, path: &str) -> Result<(), &'static str> {
        browser.take(&SetCookie::parse(line).unwrap(), &origin(from), path, NOW)
    }

    fn at(from: &str, lines: &[&str]) -> Browser {
        let mut browser = Browser { origin: origin(from), ..Browser::default() };
        for line in lines {
            take(&mut browser, line, from, "/").unwrap();
        }
        browser
    }

    #[test]
    fn prefixes_are_promises() {
        let refused = [
            "__Host-a=1; Path=/",
            "__Host-a=1; Secure; Path=/x",
            "__Host-a=1; Secure",
            "__host-a=1; Secure; Path=/; Domain=example.org",
            "__Secure-a=1; Path=/",
            "a=1; SameSite=None",
            "a=1; Partitioned",
            "a=1; Domain=other.org",
            "a=1; Domain=org",
        ];
        for line in refused {
            assert!(take(&mut Browser::default(), line, "https://app.example.org", "/").is_err(), "{line}");
        }
        assert!(take(&mut Browser::default(), "a=1; Secure", "http://app.example.org", "/").is_err());
        assert!(
            take(&mut Browser::default(), &format!("a={}", "x".repeat(4096)), "https://a.org", "/").is_err()
        );
        assert!(take(&mut Browser::default(), "__Host-a=1; Secure; Path=/", "https://a.org", "/").is_ok());
    }

    #[test]
    fn a_cookie_is_removed_only_by_its_own_attributes() {
        let kept = [
            "a=; Max-Age=0; Path=/x",
            "a=; Max-Age=0; Path=/",
            "a=; Max-Age=0; Path=/; Domain=app.example.org",
            "a=; Max-Age=0; Path=/; Domain=example.org",
            "b=; Max-Age=0; Path=/; Domain=example.org; Partitioned; Secure",
        ];
        for line in kept {
            let set = "a=1; Path=/; Domain=example.org; Partitioned; Secure";
            let mut browser = at("https://app.example.org", &[set, line]);
            assert_eq!(browser.cookies(NOW), ["a=1"], "{line}");
        }
        let removal = "a=; Path=/; Domain=example.org; Partitioned; Secure; Max-Age=0";
        let mut browser =
            at("https://app.example.org", &["a=1; Path=/; Domain=example.org; Partitioned; Secure", removal]);
        assert!(browser.cookies(NOW).is_empty());
    }

    #[test]
    fn longer_paths_come_first_then_older_cookies() {
        let lines = ["a=1; Path=/", "a=2; Path=/shop", "b=3; Path=/", "a=4; Path=/", "c=5; Path=/shopping"];
        let mut browser = at("https://a.org", &lines);
        assert_eq!(browser.header("/shop/cart", NOW).as_deref(), Some("a=2; a=4; b=3"));
        assert_eq!(browser.header("/", NOW).as_deref(), Some("a=4; b=3"));
    }

    #[test]
    fn hosts_share_only_what_has_a_domain() {
        let mut browser =
            at("https://app.example.org", &["own=1; Path=/", "all=2; Path=/; Domain=example.org"]);
        browser.origin = origin("https://other.example.org");
        assert_eq!(browser.header("/", NOW).as_deref(), Some("all=2"));
        browser.origin = origin("https://badexample.org");
        assert_eq!(browser.header("/", NOW), None);
    }

    #[test]
    fn secure_cookies_stay_off_the_open_road() {
        let mut browser = at("https://a.org", &["s=1; Secure; Path=/", "p=2; Path=/"]);
        browser.origin = origin("http://a.org");
        assert_eq!(browser.header("/", NOW).as_deref(), Some("p=2"));
        assert!(take(&mut browser, "s=3; Path=/", "http://a.org", "/").is_err());
    }

    #[test]
    fn ages_end_and_browsers_close() {
        let mut browser = at("https://a.org", &["a=1; Max-Age=60; Path=/", "b=2; Path=/"]);
        assert_eq!(browser.cookies(NOW.saturating_add(Duration::from_secs(59))).len(), 2);
        browser.close();
        assert_eq!(browser.cookies(NOW), ["a=1"]);
        assert!(browser.cookies(NOW.saturating_add(Duration::from_secs(60))).is_empty());
    }

    #[test]
    fn the_path_of_a_request_is_the_default() {
        let mut browser = Browser { origin: origin("https://a.org"), ..Browser::default() };
        take(&mut browser, "a=1", "https://a.org", "/shop/cart").unwrap();
        assert_eq!(browser.header("/", NOW), None);
        assert_eq!(browser.header("/shop", NOW).as_deref(), Some("a=1"));
    }
}
