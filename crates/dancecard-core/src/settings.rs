//! How engines read their settings as text: from a URL, or from the entries of a configuration map.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// A URL that names an engine and how it is set up: `scheme:location?setting=value&…`.
///
/// Its `Debug` shows the scheme and the names of the settings; the rest may hold a password.
///
/// ```
/// use dancecard_core::EngineUrl;
///
/// let url = EngineUrl::parse("redis", "redis://localhost:6379/0?prefix=shop%3A&timeout_ms=250")?;
/// assert_eq!((url.scheme(), url.location()), ("redis", "//localhost:6379/0"));
/// assert_eq!(url.settings().map(|setting| setting.name()).collect::<Vec<_>>(), ["prefix", "timeout_ms"]);
/// # Ok::<(), dancecard_core::Error>(())
/// ```
pub struct EngineUrl {
    engine: &'static str,
    scheme: String,
    location: String,
    settings: Vec<(String, String)>,
}

impl EngineUrl {
    /// Takes a URL apart. Names and values of settings are percent-decoded; the location is left as it is, since what
    /// `%2F` means in it is the engine's to say.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no scheme, or a setting is not readable. No value is repeated in it.
    pub fn parse(engine: &'static str, url: &str) -> Result<Self> {
        let (scheme, rest) = url
            .split_once(':')
            .ok_or_else(|| refuse(engine, "the URL must begin with a scheme and a colon"))?;
        let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parts = query.split('&').filter(|part| !part.is_empty());
        let settings = parts.map(|part| pair(engine, part)).collect::<Result<_>>()?;
        Ok(Self { engine, scheme: scheme.to_ascii_lowercase(), location: location.to_owned(), settings })
    }

    /// What stands before the first colon, in lower case.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// What stands between the scheme's colon and the question mark, as it was written.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The settings, in order.
    pub fn settings(&self) -> impl Iterator<Item = Setting<'_>> {
        self.settings.iter().map(|(name, value)| Setting::new(self.engine, name, value))
    }
}

impl fmt::Debug for EngineUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.settings.iter().map(|(name, _)| name).collect();
        f.debug_struct("EngineUrl")
            .field("scheme", &self.scheme)
            .field("settings", &names)
            .finish_non_exhaustive()
    }
}

fn pair(engine: &'static str, part: &str) -> Result<(String, String)> {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    let name = percent_decode(name).ok_or_else(|| refuse(engine, "a setting's name is not readable"))?;
    let value = percent_decode(value)
        .ok_or_else(|| refuse(engine, format!("the value of {name} is not percent-encoded UTF-8")))?;
    Ok((name, value))
}

/// One setting of an engine as text. The value may be a secret: neither errors nor `Debug` repeat it.
///
/// ```
/// use dancecard_core::Setting;
///
/// let setting = Setting::new("redis", "timeout_ms", "250");
/// assert_eq!(setting.number::<u64>()?, 250);
/// assert_eq!(
///     setting.unknown(&["timeout", "prefix"]).to_string(),
///     "redis: configure: the configuration is not usable (there is no setting `timeout_ms`; did you mean `timeout`?)",
/// );
/// # Ok::<(), dancecard_core::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    engine: &'static str,
    name: &'a str,
    value: &'a str,
}

impl<'a> Setting<'a> {
    /// A setting of this engine.
    pub fn new(engine: &'static str, name: &'a str, value: &'a str) -> Self {
        Self { engine, name, value }
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its value as it is.
    pub fn text(&self) -> &'a str {
        self.value
    }

    /// Its value as a number.
    ///
    /// # Errors
    /// [`ErrorKind::Config`].
    pub fn number<T: FromStr>(&self) -> Result<T> {
        self.value
            .parse()
            .map_err(|_| self.refuse(format!("{} must be a whole number that is not negative", self.name)))
    }

    /// Its value as a switch: `true` or `false`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`].
    pub fn switch(&self) -> Result<bool> {
        self.choice(&[("true", true), ("false", false)])
    }

    /// Its value as one of several words.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], which names the words.
    pub fn choice<T: Clone>(&self, words: &[(&str, T)]) -> Result<T> {
        let found = words.iter().find(|(word, _)| *word == self.value);
        found.map(|(_, meaning)| meaning.clone()).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.refuse(format!("{} must be {}", self.name, words.join(" or ")))
        })
    }

    /// The error for a setting that the engine does not have, with the nearest of those that it has.
    pub fn unknown(&self, known: &[&str]) -> Error {
        let hint = nearest(self.name, known).map(|near| format!("; did you mean `{near}`?"));
        self.refuse(format!("there is no setting `{}`{}", self.name, hint.unwrap_or_default()))
    }

    /// The error for a value that can't be used, with the rule that it breaks.
    pub fn refuse(&self, rule: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        refuse(self.engine, rule)
    }
}

impl fmt::Debug for Setting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting").field("name", &self.name).finish_non_exhaustive()
    }
}

fn refuse(engine: &'static str, rule: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Config, "configure").with_engine(engine).with_detail(rule)
}

/// The text with each `%xy` replaced by its byte. `None` when that is not UTF-8, or a sign is cut off.
pub fn percent_decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// The known name that a misspelt one was probably meant to be. In a name of fewer than six characters, one slip is all that is
/// made up for: two would make nearly any word of it.
///
/// ```
/// use dancecard_core::nearest;
///
/// assert_eq!(nearest("perfix", &["prefix", "password"]), Some("prefix"));
/// assert_eq!(nearest("colour", &["prefix", "password"]), None);
/// assert_eq!(nearest("age", &["name", "idle"]), None);
/// ```
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let length = name.chars().count();
    let far = if length < 6 { 1 } else { 1 + length / 3 };
    let near = known.iter().map(|other| (slips(name, other), *other)).min();
    near.filter(|(slips, _)| *slips <= far).map(|(_, other)| other)
}

/// How many characters were forgotten, added, mistaken, or exchanged with the next one, to make one name of the other.
///
/// ```
/// use dancecard_core::slips;
///
/// assert_eq!(slips("idel", "idle"), 1);
/// assert_eq!(slips("kitten", "sitting"), 3);
/// ```
pub fn slips(name: &str, other: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (name.chars().collect(), other.chars().collect());
    let mut before = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = row[j] + usize::from(x != y);
            let best = changed.min(row[j + 1] + 1).min(next[j] + 1);
            let is_swap = i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x;
            next.push(if is_swap { best.min(before[j - 1] + 1) } else { best });
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let url = EngineUrl::parse("x", "Redis+TLS://u:p%40@h/0?a=1%202&b&c=%3D").unwrap();
        assert_eq!((url.scheme(), url.location()), ("redis+tls", "//u:p%40@h/0"));
        let pairs: Vec<_> = url.settings().map(|setting| (setting.name(), setting.text())).collect();
        assert_eq!(pairs, [("a", "1 2"), ("b", ""), ("c", "=")]);
    }

    #[test]
    fn no_value_is_shown() {
        let url = EngineUrl::parse("x", "redis://u:secret@h?password=secret").unwrap();
        assert!(!format!("{url:?}").contains("secret"));
        let setting = url.settings().next().unwrap();
        assert!(!format!("{setting:?}").contains("secret"));
        assert!(!setting.number::<u8>().unwrap_err().to_string().contains("secret"));
        assert!(!setting.switch().unwrap_err().to_string().contains("secret"));
        assert!(!EngineUrl::parse("x", "s:?p=secret%G0").unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn a_misspelt_name_is_recognised() {
        let near = |name: &str| nearest(name, &["timeout_ms", "prefix", "password"]);
        assert_eq!(near("timeout"), Some("timeout_ms"));
        assert_eq!(near("perfix"), Some("prefix"));
        assert_eq!(near("colour"), None);
        assert_eq!((nearest("age", &["name"]), nearest("nam", &["name"])), (None, Some("name")));
    }

    #[test]
    fn slips_are_symmetric_and_counted_in_characters() {
        let cases = [
            ("", "", 0),
            ("ab", "", 2),
            ("kitten", "sitting", 3),
            ("ä", "a", 1),
            ("ab", "ba", 1),
            ("xaby", "xbay", 1),
            ("abc", "abxc", 1),
            ("abc", "axc", 1),
        ];
        for (a, b, expected) in cases {
            assert_eq!((slips(a, b), slips(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn signs_that_are_cut_off_are_not_readable() {
        for text in ["%", "%4", "%+1", "%ff", "%zz"] {
            assert_eq!(percent_decode(text), None, "{text}");
        }
        assert_eq!(percent_decode("%c3%A4%25").as_deref(), Some("ä%"));
    }
}
