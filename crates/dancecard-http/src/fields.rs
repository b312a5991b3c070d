//! Header fields, without a header map: frameworks disagree on whose to use.

use std::borrow::Cow;

use http::header::{self, Entry, HeaderMap, HeaderName, HeaderValue};

/// A header field that this crate reads or writes.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<'a> {
    /// `Cookie`
    Cookie,
    /// `Set-Cookie`
    SetCookie,
    /// `Vary`
    Vary,
    /// `Cache-Control`
    CacheControl,
    /// `Host`
    Host,
    /// `User-Agent`
    UserAgent,
    /// Another one, in lower case.
    Named(&'a str),
}

impl Field<'_> {
    /// The name in lower case.
    pub fn name(&self) -> &str {
        match self {
            Self::Cookie => "cookie",
            Self::SetCookie => "set-cookie",
            Self::Vary => "vary",
            Self::CacheControl => "cache-control",
            Self::Host => "host",
            Self::UserAgent => "user-agent",
            Self::Named(name) => name,
        }
    }
}

/// The header of a request.
pub trait RequestHeaders {
    /// The values of a field, in order.
    fn values<'a>(&'a self, field: Field<'_>) -> impl Iterator<Item = &'a [u8]>;
}

/// The header of a response. Values are visible ASCII.
pub trait ResponseHeaders: RequestHeaders {
    /// Adds a line.
    fn append(&mut self, field: Field<'_>, value: Cow<'static, str>);
    /// Puts one line in the place of all lines of that field.
    fn replace(&mut self, field: Field<'_>, value: Cow<'static, str>);

    /// Adds a line unless there is one already; `false` if there is. A header map may have a shorter way.
    fn add_if_absent(&mut self, field: Field<'_>, value: &'static str) -> bool {
        let absent = self.values(field).next().is_none();
        if absent {
            self.append(field, value.into());
        }
        absent
    }
}

impl RequestHeaders for HeaderMap {
    fn values<'a>(&'a self, field: Field<'_>) -> impl Iterator<Item = &'a [u8]> {
        let values = match field {
            Field::Named(name) => self.get_all(name),
            known => self.get_all(standard(known)),
        };
        values.into_iter().map(HeaderValue::as_bytes)
    }
}

impl ResponseHeaders for HeaderMap {
    fn append(&mut self, field: Field<'_>, value: Cow<'static, str>) {
        if let (Some(name), Some(value)) = (name(field), line(value)) {
            HeaderMap::append(self, name, value);
        }
    }

    fn replace(&mut self, field: Field<'_>, value: Cow<'static, str>) {
        if let (Some(name), Some(value)) = (name(field), line(value)) {
            self.insert(name, value);
        }
    }

    fn add_if_absent(&mut self, field: Field<'_>, value: &'static str) -> bool {
        match field {
            Field::Named(name) => self.try_entry(name).is_ok_and(|entry| is_new(entry, value)),
            known => is_new(self.entry(standard(known)), value),
        }
    }
}

#[inline]
fn is_new(entry: Entry<'_, HeaderValue>, value: &'static str) -> bool {
    match entry {
        Entry::Vacant(vacant) => {
            vacant.insert(constant(value));
            true
        }
        Entry::Occupied(_) => false,
    }
}

/// What nearly every response gets is checked when this is compiled, not each time.
#[inline]
fn constant(value: &'static str) -> HeaderValue {
    const COOKIE: HeaderValue = HeaderValue::from_static("Cookie");
    const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    match value {
        "Cookie" => COOKIE,
        "no-store" => NO_STORE,
        other => HeaderValue::from_static(other),
    }
}

fn name(field: Field<'_>) -> Option<HeaderName> {
    match field {
        Field::Named(name) => HeaderName::from_bytes(name.as_bytes()).ok(),
        known => Some(standard(known)),
    }
}

const fn standard(field: Field<'_>) -> HeaderName {
    match field {
        Field::Cookie => header::COOKIE,
        Field::SetCookie => header::SET_COOKIE,
        Field::Vary => header::VARY,
        Field::CacheControl => header::CACHE_CONTROL,
        Field::Host => header::HOST,
        Field::UserAgent | Field::Named(_) => header::USER_AGENT,
    }
}

fn line(value: Cow<'static, str>) -> Option<HeaderValue> {
    match value {
        Cow::Borrowed(text) => Some(HeaderValue::from_static(text)),
        Cow::Owned(text) => HeaderValue::try_from(text).ok(),
    }
}
