//! Engines look alike, and know only keys, bytes, expiries and versions.

use proc_macro2::{Ident, TokenStream, TokenTree};

use crate::tidy::Finding;
use crate::tidy::sources::Sources;

const FILES: &[&str] = &["src/lib.rs", "src/backend.rs", "src/config.rs", "src/capabilities.rs", "docs.md"];

/// What the page of each engine has, so that whoever compares two finds the same things in both.
const HEADINGS: &[&str] = &[
    "Capabilities",
    "Consistency",
    "Cancel safety",
    "What is stored",
    "Settings",
    "Errors",
    "Limits",
    "How it is tested",
];

fn is_engine(name: &str) -> bool {
    name.starts_with("dancecard-store-")
}

/// Each engine crate has the same five files; more are allowed.
pub(crate) fn files(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for engine in sources.crates().filter(|name| is_engine(name)) {
        let missing = FILES.iter().filter(|file| sources.text(&format!("crates/{engine}/{file}")).is_none());
        findings.extend(
            missing.map(|file| Finding::fault(format!("crates/{engine}"), format!("`{file}` is missing"))),
        );
    }
    findings
}

/// The page of each engine has the same headings; more are allowed. What tests say of it comes last.
pub(crate) fn headings(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for engine in sources.crates().filter(|name| is_engine(name)) {
        let page = format!("crates/{engine}/docs.md");
        let found: Vec<&str> = sources
            .text(&page)
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .collect();
        let missing = HEADINGS.iter().filter(|heading| !found.contains(heading));
        findings.extend(missing.map(|heading| Finding::fault(&*page, format!("`# {heading}` is missing"))));
        if found.last() != HEADINGS.last() {
            findings.push(Finding::fault(&*page, "`# How it is tested` is not the last heading".to_owned()));
        }
    }
    findings
}

/// No engine names the secret id, a decoded value, or a policy. Words in comments are free.
pub(crate) fn words(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in sources.texts().filter(|(path, _)| is_engine_source(path)) {
        let Ok(tokens) = text.parse::<TokenStream>() else { continue };
        let mut words = Vec::new();
        forbidden(tokens, false, &mut words);
        let message =
            |word| format!("`{word}` in an engine: it sees keys, bytes, expiries and versions only");
        findings.extend(
            words.into_iter().map(|(line, word)| Finding::fault(format!("{path}:{line}"), message(word))),
        );
    }
    findings
}

fn is_engine_source(path: &str) -> bool {
    let inside = path.strip_prefix("crates/").and_then(|path| path.split_once('/'));
    inside.is_some_and(|(name, file)| is_engine(name) && file.starts_with("src/") && file.ends_with(".rs"))
}

fn is_forbidden(word: &Ident) -> bool {
    word == "SessionId" || word.to_string().ends_with("Policy")
}

/// `in_json`: whether these tokens follow `serde_json::` within braces.
fn forbidden(tokens: TokenStream, in_json: bool, found: &mut Vec<(usize, String)>) {
    let mut after_json = in_json;
    for token in tokens {
        let line = token.span().start().line;
        match token {
            TokenTree::Ident(word) => {
                if is_forbidden(&word) {
                    found.push((line, word.to_string()));
                } else if after_json && word == "Value" {
                    found.push((line, "serde_json::Value".to_owned()));
                }
                after_json = in_json || word == "serde_json";
            }
            TokenTree::Group(group) => forbidden(group.stream(), after_json, found),
            TokenTree::Punct(punct) => after_json &= in_json || punct.as_char() == ':',
            TokenTree::Literal(_) => after_json = in_json,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let findings = words(&Sources::sample(&[("crates/dancecard-store-toy/src/backend.rs", text)]));
        findings.into_iter().map(|finding| finding.message.split('`').nth(1).unwrap().to_owned()).collect()
    }

    #[test]
    fn an_engine_lacking_a_file_is_named() {
        let mut all: Vec<_> = FILES.iter().map(|file| format!("crates/dancecard-store-toy/{file}")).collect();
        all.extend([
            "crates/dancecard-store-toy/Cargo.toml".into(),
            "crates/dancecard-store-toy/src/wheel.rs".into(),
        ]);
        let with = |paths: &[String]| {
            files(&Sources::sample(&paths.iter().map(|p| (p.as_str(), "")).collect::<Vec<_>>()))
        };
        assert_eq!(with(&all), []);
        let findings = with(&all[1..]);
        assert_eq!(findings[0].place, "crates/dancecard-store-toy");
        assert!(findings[0].message.contains("src/lib.rs"), "{findings:?}");
    }

    #[test]
    fn a_page_lacking_a_heading_is_named() {
        let page = |headings: &[&str]| {
            let text: String = headings.iter().map(|heading| format!("# {heading}\n\n")).collect();
            let (manifest, page) =
                ("crates/dancecard-store-toy/Cargo.toml", "crates/dancecard-store-toy/docs.md");
            headings_of(&Sources::sample(&[(manifest, ""), (page, &text)]))
        };
        assert_eq!(page(HEADINGS), [""; 0]);
        assert_eq!(page(&[&["Backends"], HEADINGS].concat()), [""; 0]);
        let findings = page(&HEADINGS[1..]);
        assert!(findings.len() == 1 && findings[0].contains("# Capabilities"), "{findings:?}");
        assert!(page(&[HEADINGS, &["Backends"]].concat())[0].contains("not the last"));
    }

    fn headings_of(sources: &Sources) -> Vec<String> {
        headings(sources).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn secrets_values_and_policies_are_found() {
        assert_eq!(found("use dancecard_core::{RecordKey, SessionId};"), ["SessionId"]);
        assert_eq!(found("fn f(policy: &core::TouchPolicy) { g::<Policy>() }"), ["TouchPolicy", "Policy"]);
        assert_eq!(found("fn f() -> serde_json::Value { todo() }"), ["serde_json::Value"]);
        assert_eq!(found("use serde_json::{Map, Value};"), ["serde_json::Value"]);
    }

    #[test]
    fn comments_and_other_values_are_free() {
        let text = "//! Never a SessionId, nor a Policy.\n/// Not a `serde_json::Value`.\n\
            fn f(x: rusqlite::types::Value) { serde_json::to_string(&x); let Value = 1; }";
        assert_eq!(found(text), Vec::<String>::new());
        assert_eq!(words(&Sources::sample(&[("crates/dancecard-core/src/id.rs", "struct SessionId;")])), []);
    }
}
