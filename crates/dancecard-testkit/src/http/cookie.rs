//! A `Set-Cookie` line, as a browser reads it.

use std::collections::BTreeMap;
use std::fmt;

/// Source: draft-ietf-httpbis-rfc6265bis, section 5.6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SetCookie {
    pub(super) name: String,
    pub(super) value: String,
    /// By name in lower case; `None` for one without a value.
    attributes: BTreeMap<String, Option<String>>,
}

impl SetCookie {
    /// Reads a line. An attribute that comes twice is a fault of the sender, and an error here.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let mut parts = line.split(';');
        let pair = parts.next().and_then(|pair| pair.split_once('='));
        let Some((name, value)) = pair else { return Err(format!("`{line}` has no name")) };
        let mut attributes = BTreeMap::new();
        for attribute in parts {
            let (name, value) = split(attribute.trim());
            if attributes.insert(name.to_ascii_lowercase(), value.map(str::to_owned)).is_some() {
                return Err(format!("the attribute {name} comes twice"));
            }
        }
        Ok(Self { name: name.trim().into(), value: value.trim().into(), attributes })
    }

    pub(super) fn has(&self, attribute: &str) -> bool {
        self.attributes.contains_key(attribute)
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.as_deref()
    }

    /// The attributes in which another line differs, each with what this one and the other have.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let names: std::collections::BTreeSet<_> =
            self.attributes.keys().chain(other.attributes.keys()).collect();
        let differs = |name: &&String| self.attributes.get(*name) != other.attributes.get(*name);
        names.into_iter().filter(differs).map(|name| self.difference(other, name)).collect()
    }

    fn difference(&self, other: &Self, name: &str) -> String {
        let shown = |cookie: &Self| match cookie.attributes.get(name) {
            None => "nothing".to_owned(),
            Some(None) => "no value".to_owned(),
            Some(Some(value)) => format!("`{value}`"),
        };
        format!("{name}: expected {}, got {}", shown(self), shown(other))
    }
}

fn split(attribute: &str) -> (&str, Option<&str>) {
    match attribute.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (attribute, None),
    }
}

/// Shows everything but the value.
impl fmt::Display for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.value.is_empty() { "" } else { "..." };
        write!(f, "{}={value}", self.name)?;
        for (name, value) in &self.attributes {
            let value = value.as_ref().map(|value| format!("={value}")).unwrap_or_default();
            write!(f, "; {name}{value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_compared_by_name_whatever_their_order() {
        let one = SetCookie::parse("a=1; Path=/; Secure; SameSite=Lax").unwrap();
        let same = SetCookie::parse("a=1;SameSite=Lax; secure;path=/").unwrap();
        let other = SetCookie::parse("a=1; Path=/x; HttpOnly; SameSite=Lax").unwrap();
        assert!(one.differences(&same).is_empty());
        let expected = [
            "httponly: expected nothing, got no value",
            "path: expected `/`, got `/x`",
            "secure: expected no value, got nothing",
        ];
        assert_eq!(one.differences(&other), expected);
    }

    #[test]
    fn faulty_lines_are_errors() {
        assert!(SetCookie::parse("no pair; Path=/").is_err());
        assert!(SetCookie::parse("a=1; Path=/; path=/").is_err());
    }
}
