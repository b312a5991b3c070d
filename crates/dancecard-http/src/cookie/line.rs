//! The cookie on the wire: its lines, and where it is in a `Cookie` header.

use std::time::Duration;

use super::{CookieLifetime, MAX_NAME_AND_VALUE};
use crate::transport::Candidates;

/// Browsers cut a lifetime that is longer.
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 3600);

/// A cookie that was checked.
#[derive(Debug, Clone)]
pub(crate) struct Cookie {
    strict: Variant,
    relaxed: Option<Variant>,
    lifetime: CookieLifetime,
    parts: usize,
}

/// One way in which the cookie is sent.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    name: String,
    attributes: String,
}

impl Cookie {
    pub(super) fn new(
        strict: Variant,
        relaxed: Option<Variant>,
        lifetime: CookieLifetime,
        parts: usize,
    ) -> Self {
        Self { strict, relaxed, lifetime, parts }
    }

    pub(crate) fn can_relax(&self) -> bool {
        self.relaxed.is_some()
    }

    pub(crate) fn variant(&self, relaxed: bool) -> &Variant {
        self.relaxed.as_ref().filter(|_| relaxed).unwrap_or(&self.strict)
    }

    /// The line that sets the cookie. `remaining` is what is left of the session's absolute limit.
    pub(crate) fn set(&self, relaxed: bool, token: &str, remaining: Duration) -> String {
        self.lasting(self.variant(relaxed).line(token), remaining)
    }

    fn lasting(&self, mut line: String, remaining: Duration) -> String {
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

    /// Over how many cookies a session may be spread.
    pub(crate) fn parts(&self) -> usize {
        self.parts
    }

    /// How long the value of each of them may be.
    pub(crate) fn room(&self, relaxed: bool) -> usize {
        let name = self.variant(relaxed).name.len() + if self.parts > 1 { 2 } else { 0 };
        MAX_NAME_AND_VALUE.saturating_sub(name)
    }

    /// As [`Cookie::set`], for one of several cookies.
    pub(crate) fn set_part(&self, relaxed: bool, part: usize, text: &str, remaining: Duration) -> String {
        self.lasting(self.variant(relaxed).part(part).line(text), remaining)
    }

    /// As [`Cookie::remove`], for one of several cookies.
    pub(crate) fn remove_part(&self, relaxed: bool, part: usize) -> String {
        self.variant(relaxed).part(part).line("") + "; Max-Age=0"
    }
}

impl Variant {
    pub(super) fn new(name: String, attributes: String) -> Self {
        Self { name, attributes }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The same for the cookie with another part of the value; the first has the plain name.
    pub(crate) fn part(&self, part: usize) -> Self {
        let name = if part == 0 { self.name.clone() } else { format!("{}.{part}", self.name) };
        Self { name, attributes: self.attributes.clone() }
    }

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
    use super::super::CookieConfig;
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
