//! The names that a script gives to tokens: `{T}`.

use std::collections::{BTreeMap, BTreeSet};

use dancecard_core::{SessionId, TOKEN_LEN};

/// Well-formed, and never issued.
const UNKNOWN: [(&str, &str); 2] = [
    ("unknown", "unknownunknownunknownunknownunknownunknownA"),
    ("foreign", "foreignforeignforeignforeignforeignforeignA"),
];

/// What `{name}` stands for, and which tokens the site has issued.
#[derive(Debug)]
pub(super) struct Tokens {
    named: BTreeMap<String, String>,
    issued: BTreeSet<String>,
}

impl Default for Tokens {
    fn default() -> Self {
        let named: BTreeMap<_, _> =
            UNKNOWN.iter().map(|(name, token)| ((*name).to_owned(), (*token).to_owned())).collect();
        Self { issued: named.values().cloned().collect(), named }
    }
}

impl Tokens {
    /// Puts tokens in the place of their names.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = place(rest) {
            let token = self.named.get(name).ok_or_else(|| format!("no token is called {name} yet"))?;
            filled += before;
            filled += token;
            rest = after;
        }
        Ok(filled + rest)
    }

    /// Compares what came with what was expected. A name that stands for nothing yet matches a token that was never
    /// issued before, and stands for it from then on.
    pub(super) fn matches(&mut self, expected: &str, got: &str) -> bool {
        match place(expected) {
            Some((before, name, after)) if !self.named.contains_key(name) => {
                let found = got.strip_prefix(before).and_then(|rest| rest.split_at_checked(TOKEN_LEN));
                found.is_some_and(|(token, rest)| rest == after && self.bind(name, token))
            }
            _ => self.fill(expected).is_ok_and(|expected| expected == got),
        }
    }

    fn bind(&mut self, name: &str, token: &str) -> bool {
        let fresh = SessionId::parse(token.as_bytes()).is_some() && self.issued.insert(token.to_owned());
        if fresh && !name.is_empty() {
            self.named.insert(name.to_owned(), token.to_owned());
        }
        fresh
    }

    /// Whether a text holds a token that was issued, or sent by a client.
    pub(super) fn leaks(&self, text: &str) -> bool {
        self.issued.iter().any(|token| text.contains(token))
    }
}

/// The first `{name}`, with what is before and after it.
fn place(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn a_new_name_takes_a_fresh_token_only() {
        let mut tokens = Tokens::default();
        assert!(!tokens.matches("id={T}", "id=short"));
        assert!(!tokens.matches("id={T}", &format!("id={TOKEN}x")));
        assert!(!tokens.matches("id={T}", &tokens.fill("id={unknown}").unwrap()), "adopted");
        assert!(tokens.matches("id={T}", &format!("id={TOKEN}")));
        assert!(tokens.matches("id={T}", &format!("id={TOKEN}")));
        assert!(!tokens.matches("id={U}", &format!("id={TOKEN}")), "issued twice");
        assert!(tokens.leaks(&format!("see {TOKEN}.")));
    }

    #[test]
    fn names_are_filled_in() {
        let tokens = Tokens::default();
        assert!(tokens.fill("a={T}").is_err());
        assert_eq!(tokens.fill("a={unknown}; b=1").unwrap(), format!("a={}; b=1", UNKNOWN[0].1));
        assert!(UNKNOWN.iter().all(|(_, token)| SessionId::parse(token.as_bytes()).is_some()));
    }
}
