//! How the token travels: in which cookie, or in which header.

use dancecard_core::{Error, Result};
use dancecard_http::{CookieConfig, CookieLifetime, HeaderConfig, SameSite, Security, Transport};

use crate::entry::{Entry, switch};
use crate::reader::{Key, Reader, word};

const NAME: Key = Key::new("session.cookie.name", "cookie_name", "session_name");
const DOMAIN: Key = Key::new("session.cookie.domain", "cookie_domain", "session_domain");
const PATH: Key = Key::new("session.cookie.path", "cookie_path", "session_cookie_path");
const SAME_SITE: Key = Key::new("session.cookie.same_site", "cookie_same_site", "session_same_site");
const SECURE: Key = Key::new("session.cookie.secure", "is_secure", "session_secure");
const HTTP_ONLY: Key = Key::new("session.cookie.http_only", "is_http_only", "session_is_http_only");
const DURATION: Key = Key::new("session.cookie.duration", "cookie_duration", "session_expires");
const EXACT: Key = Key::own("session.cookie.exact");
const PARTITIONED: Key = Key::own("session.cookie.partitioned");
const PARTS: Key = Key::own("session.cookie.parts");
const COOKIE: &[&str] = &[
    "name",
    "exact",
    "domain",
    "path",
    "same_site",
    "secure",
    "http_only",
    "duration",
    "partitioned",
    "parts",
];

const HEADER: &[&str] = &["name", "bearer"];

/// The paths of all keys here.
pub(crate) fn paths() -> impl Iterator<Item = String> {
    let cookie = COOKIE.iter().map(|key| format!("session.cookie.{key}"));
    cookie.chain(HEADER.iter().map(|key| format!("session.header.{key}")))
}

const SAME_SITES: &[(&str, SameSite)] =
    &[("lax", SameSite::Lax), ("strict", SameSite::Strict), ("none", SameSite::None)];
const SECURITIES: &[(&str, Security)] =
    &[("auto", Security::Auto), ("always", Security::Always), ("never", Security::Never)];

/// What Dancer's `is_secure: 0` and `is_http_only: 0` come to.
const PLAIN: &str = "the cookie is not Secure: whoever listens on the way can take the session away";
const OPEN: &str = "the cookie is not HttpOnly: a script that gets into a page can take the session away";

/// Reads the transport, and refuses what browsers would.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Transport> {
    let Some(header) = reader.own("session.header") else { return cookie(reader).map(Transport::Cookie) };
    if let Some(cookie) = reader.own("session.cookie") {
        return Err(cookie.refuse("the token travels in `session.header`; keep one of both"));
    }
    let others = [NAME, DOMAIN, PATH, SAME_SITE, SECURE, HTTP_ONLY];
    if let Some(other) = others.into_iter().find_map(|key| reader.find(key)) {
        return Err(
            other.refuse("is about a cookie, and the token travels in `session.header`; keep one of both")
        );
    }
    let config = self::header(reader, &header)?;
    check(Transport::Header(config), &[("", Some(header))])
}

fn header(reader: &mut Reader<'_>, header: &Entry) -> Result<HeaderConfig> {
    let name = match header.is_table() {
        true => reader.check("session.header", HEADER).map(|()| reader.own("session.header.name"))?,
        false => Some(header.clone()),
    };
    let name =
        name.ok_or_else(|| header.refuse("needs `name`, the header of responses that has the token"))?;
    let text = name.text()?;
    reader.note("session.header.name", text.clone(), Some(&name));
    let bearer = reader.value(Key::own("session.header.bearer"), false, Entry::switch, bool::to_string)?;
    Ok(if bearer { HeaderConfig::bearer(&text) } else { HeaderConfig::new(&text) })
}

/// What the attributes say, before they are put together.
struct Attributes {
    domain: Option<String>,
    path: String,
    security: Security,
    same_site: SameSite,
    http_only: bool,
}

fn cookie(reader: &mut Reader<'_>) -> Result<CookieConfig> {
    reader.check("session.cookie", COOKIE)?;
    let attributes = attributes(reader)?;
    let partitioned = reader.value(PARTITIONED, false, Entry::switch, bool::to_string)?;
    let parts = reader.value(PARTS, 1, Entry::number::<usize>, usize::to_string)?;
    let lifetime = lifetime(reader)?;
    let config = named(reader, &attributes)?;
    let config = config.with_path(attributes.path).with_same_site(attributes.same_site);
    let config = config.with_security(attributes.security).with_lifetime(lifetime).with_parts(parts);
    let config = attributes.domain.into_iter().fold(config, CookieConfig::with_domain);
    let config = if partitioned { config.with_partitioned() } else { config };
    let config = if attributes.http_only { config } else { config.with_script_access() };
    let found = |key: Key| reader.find(key);
    let blamed = [
        ("name", found(NAME)),
        ("path", found(PATH)),
        ("domain", found(DOMAIN)),
        ("cookies", found(PARTS)),
        ("Partitioned", found(PARTITIONED)),
    ];
    match check(Transport::Cookie(config), &blamed)? {
        Transport::Cookie(config) => Ok(config),
        Transport::Header(_) => Ok(CookieConfig::default()),
    }
}

fn attributes(reader: &mut Reader<'_>) -> Result<Attributes> {
    let show = |domain: &Option<String>| domain.clone().unwrap_or_else(|| "none".to_owned());
    let domain = reader.value(DOMAIN, None, |entry| entry.text().map(Some), show)?;
    let path = reader.value(PATH, "/".to_owned(), Entry::text, String::clone)?;
    let security = reader.value(SECURE, Security::Auto, secure, |level| word(SECURITIES, level))?;
    let same_site =
        reader.value(SAME_SITE, SameSite::Lax, |e| e.choice(SAME_SITES), |site| word(SAME_SITES, site))?;
    let http_only = reader.value(HTTP_ONLY, true, Entry::switch, bool::to_string)?;
    if let Some(entry) = reader.find(HTTP_ONLY).filter(|_| !http_only) {
        reader.warn(&entry, OPEN);
    }
    if let Some(entry) = reader.find(SECURE).filter(|_| security == Security::Never) {
        reader.warn(&entry, PLAIN);
    }
    if let Some(entry) =
        reader.find(SAME_SITE).filter(|_| same_site == SameSite::None && security == Security::Never)
    {
        return Err(entry.refuse("SameSite=None needs Secure: let the cookie be secure, or choose `Lax`"));
    }
    Ok(Attributes { domain, path, security, same_site, http_only })
}

fn secure(entry: &Entry) -> Result<Security> {
    match switch(&entry.text()?) {
        Some(true) => Ok(Security::Always),
        Some(false) => Ok(Security::Never),
        None => entry.choice(SECURITIES),
    }
}

/// How long the browser keeps it. The server's limits hold in any case, so a length of time is one of those.
fn lifetime(reader: &mut Reader<'_>) -> Result<CookieLifetime> {
    const WORDS: &[(&str, CookieLifetime)] =
        &[("browser", CookieLifetime::Browser), ("persistent", CookieLifetime::Persistent)];
    let read = |entry: &Entry| {
        let is_own = entry.path() == DURATION.own;
        match entry.text()?.trim() {
            "" | "0" if entry.path() == DURATION.flat => Ok(CookieLifetime::Browser),
            _ if !is_own => entry.duration().map(|_| CookieLifetime::Persistent),
            _ => entry.choice(WORDS).map_err(|_| {
                entry.refuse(
                    "must be `browser` or `persistent`, which is as long as the session can live: `session.absolute`",
                )
            }),
        }
    };
    reader.value(DURATION, CookieLifetime::Browser, read, |lifetime| word(WORDS, lifetime))
}

/// The cookie of its name. We add the prefix that browsers honour; a name from another framework stays as it is.
fn named(reader: &mut Reader<'_>, attributes: &Attributes) -> Result<CookieConfig> {
    let entry = reader.find(NAME);
    let text = entry.as_ref().map(Entry::text).transpose()?.unwrap_or_else(|| "session".to_owned());
    let is_foreign = entry.as_ref().is_some_and(|entry| entry.path() != NAME.own);
    let exact = reader.value(EXACT, is_foreign, Entry::switch, bool::to_string)?;
    let lower = text.to_ascii_lowercase();
    let config = match (&entry, lower.strip_prefix("__host-"), lower.strip_prefix("__secure-")) {
        (Some(entry), Some(rest), _) => host(entry, &text[text.len() - rest.len()..], attributes)?,
        (Some(entry), _, Some(rest)) => below(entry, &text[text.len() - rest.len()..], attributes)?,
        _ if exact => CookieConfig::new(&text).with_exact_name(),
        _ => CookieConfig::new(&text),
    };
    reader.note(NAME.own, text, entry.as_ref());
    Ok(config)
}

fn host(entry: &Entry, rest: &str, attributes: &Attributes) -> Result<CookieConfig> {
    let rules = [
        (attributes.domain.is_none(), "a `__Host-` cookie has no domain: remove the prefix, or the domain"),
        (attributes.path == "/", "a `__Host-` cookie has the path `/`: remove the prefix, or the path"),
        (
            attributes.security != Security::Never,
            "a `__Host-` cookie is Secure: remove the prefix, or let it be",
        ),
    ];
    match rules.iter().find(|(holds, _)| !holds) {
        Some((_, rule)) => Err(entry.refuse(rule)),
        None => Ok(CookieConfig::new(rest)),
    }
}

fn below(entry: &Entry, rest: &str, attributes: &Attributes) -> Result<CookieConfig> {
    let is_narrow = attributes.domain.is_some() || attributes.path != "/";
    match is_narrow && attributes.security != Security::Never {
        true => Ok(CookieConfig::new(rest)),
        false => Err(entry.refuse("leave out the prefix `__Secure-`: the strictest one that fits is added")),
    }
}

/// Lets the transport judge itself, and finds out which entry it speaks of.
fn check(transport: Transport, entries: &[(&str, Option<Entry>)]) -> Result<Transport> {
    let Err(error) = transport.check() else { return Ok(transport) };
    let detail = error.detail().unwrap_or_default().to_owned();
    let blamed = entries.iter().find(|(word, entry)| entry.is_some() && detail.contains(word));
    Err(blamed
        .and_then(|(_, entry)| entry.as_ref())
        .map_or(error, |entry: &Entry| -> Error { entry.refuse(&detail) }))
}
