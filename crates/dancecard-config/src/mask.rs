//! What may be a secret is not shown.

/// Stands for what is not shown.
pub(crate) const HIDDEN: &str = "***";

const SECRET: &[&str] =
    &["pass", "pwd", "secret", "token", "credential", "key", "salt", "authmechanismproperties"];
/// These have a key in their names, and none in their values.
const PLAIN: &[&str] = &["tls_key", "redis_key"];

/// Whether the value of such a key is hidden as a whole.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !PLAIN.contains(&name.as_str()) && SECRET.iter().any(|word| name.contains(word))
}

/// The text without user information of URLs, and without the secrets of settings in URLs and DSNs.
pub(crate) fn mask(text: &str) -> String {
    let text = without_user(text);
    let is_end = |c: char| matches!(c, '?' | '&' | ';');
    text.split_inclusive(is_end).map(|part| without_value(part, is_end)).collect()
}

/// Up to the last `@`: a password may hold what ends one elsewhere.
fn without_user(text: &str) -> String {
    let start = text.find("://").map_or(0, |scheme| scheme + 3);
    match text.rfind('@') {
        Some(end) if start <= end => format!("{}{HIDDEN}{}", &text[..start], &text[end..]),
        _ => text.to_owned(),
    }
}

fn without_value(part: &str, is_end: impl Fn(char) -> bool) -> String {
    let body = part.trim_end_matches(&is_end);
    match body.split_once('=') {
        Some((name, value)) if is_secret(name) || may_name_a_user(value) => {
            format!("{name}={HIDDEN}{}", &part[body.len()..])
        }
        _ => part.to_owned(),
    }
}

/// Whether an encoded value may be a URL with user information.
fn may_name_a_user(value: &str) -> bool {
    value.to_ascii_lowercase().contains("%40")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_is_not() {
        let cases = [
            ("redis://localhost:6379/0?prefix=a", "redis://localhost:6379/0?prefix=a"),
            ("redis://:pa/ss@h:1/0", "redis://***@h:1/0"),
            ("redis://u:p@ss@h?password=x&prefix=y", "redis://***@h?password=***&prefix=y"),
            ("cookie:?keys=abc,def&application=shop", "cookie:?keys=***&application=shop"),
            ("dbi:mysql:database=a;password=b;host=c", "dbi:mysql:database=a;password=***;host=c"),
            ("data/sessions.db", "data/sessions.db"),
            ("me:secret@host", "***@host"),
            ("cookie:?registry=redis%3A%2F%2F%3Apw%40h&parts=2", "cookie:?registry=***&parts=2"),
            (
                "mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:x",
                "mongodb://h/?authMechanismProperties=***",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(mask(text), expected);
        }
    }

    #[test]
    fn names_of_secrets_are_known() {
        for name in [
            "password",
            "sentinel_password",
            "keys",
            "secret_key",
            "dbpass",
            "session_cookie_key",
            "access_key_id",
            "PWD",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["prefix", "tls_key", "redis_key", "username", "path"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
