//! Links from one file of the repository to another hold, and so do the names of tests that they promise.

use crate::tidy::Finding;
use crate::tidy::markdown::{self, Link};
use crate::tidy::sources::Sources;

/// Every relative link of every page points at something that is there.
pub(crate) fn targets(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, page) in sources.texts().filter(|(path, _)| path.ends_with(".md")) {
        let links = markdown::links(page).into_iter().filter(|link| is_ours(path, &link.target));
        let faults = links.filter_map(|link| Some((link.line, fault(sources, path, &link)?)));
        findings.extend(faults.map(|(line, why)| Finding::fault(format!("{path}:{line}"), why)));
    }
    findings
}

/// Addresses of the web are not checked, and pages inside a crate may link to items, which rustdoc checks.
fn is_ours(page: &str, target: &str) -> bool {
    let elsewhere = target.contains("://") || target.starts_with("mailto:") || target.is_empty();
    let in_rustdoc = page.starts_with("crates/") && page.contains("/src/");
    let item = target.contains("::") || !target.contains(['/', '.', '#']);
    !(elsewhere || in_rustdoc && item)
}

fn fault(sources: &Sources, page: &str, link: &Link) -> Option<String> {
    let (file, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
    let Some(path) = resolved(page, file) else {
        return Some(format!("`{file}` leads out of the repository"));
    };
    if !sources.contains(&path) {
        return Some(format!("`{file}` is not there"));
    }
    let text = sources.text(&path)?;
    if path.ends_with(".md") {
        missing_heading(&path, text, anchor)
    } else {
        missing_name(&path, text, link, anchor)
    }
}

/// The path that a target means on a page, from the root of the repository.
fn resolved(page: &str, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some(page.to_owned());
    }
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split('/')).filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." { parts.pop().map(drop)? } else { parts.push(part) }
    }
    (!target.starts_with('/')).then(|| parts.join("/"))
}

fn missing_heading(path: &str, text: &str, anchor: &str) -> Option<String> {
    let found = anchor.is_empty() || markdown::anchors(text).iter().any(|other| other == anchor);
    (!found).then(|| format!("`{path}` has no heading `#{anchor}`"))
}

/// Names in code, in the text or after the hash, must occur in the file that the link points at.
fn missing_name(path: &str, text: &str, link: &Link, anchor: &str) -> Option<String> {
    if !path.ends_with(".rs") {
        return None;
    }
    let anchor = (!is_line(anchor)).then_some(anchor);
    let names = markdown::code_in(&link.text).filter(|code| !code.contains('/') && !code.ends_with(".rs"));
    let mut names = names.chain(anchor).map(own_name).filter(|name| !name.is_empty());
    names.find(|name| !occurs(text, name)).map(|name| format!("`{name}` does not occur in `{path}`"))
}

/// `L12` and `L12-L20`, which point at lines.
fn is_line(anchor: &str) -> bool {
    anchor.strip_prefix('L').is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
}

/// The last part of a path in code: `update` of `Session::update()`.
fn own_name(code: &str) -> &str {
    code.rsplit("::").next().unwrap_or(code).trim_end_matches("()").trim()
}

fn occurs(text: &str, name: &str) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(page: &str, text: &str) -> Vec<String> {
        let files = [
            (page, text),
            ("docs/spec.md", "# Bytes, one by one\n"),
            ("crates/x/tests/it/main.rs", "#[test]\nfn logged_out_is_out() {}\n"),
        ];
        targets(&Sources::sample(&files)).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn good_links_pass() {
        let text = "[a](docs/spec.md) [b](docs/spec.md#bytes-one-by-one) [c](docs/) [d](https://example.org/x)\n\
            [`logged_out_is_out`](crates/x/tests/it/main.rs) [`it::logged_out_is_out()`](crates/x/tests/it/main.rs#L2)\n\
            [e](#here) [f](mailto:a@example.org) [`main.rs`](crates/x/tests/it/main.rs)\n# Here\n";
        assert_eq!(faults("README.md", text), Vec::<String>::new());
        assert_eq!(faults("docs/decisions/0001.md", "[up](../spec.md) [far](../../README.md)").len(), 1);
    }

    #[test]
    fn dead_links_are_found() {
        for text in [
            "[a](docs/missing.md)",
            "[a](docs/spec.md#no-such-heading)",
            "[a](../outside.md)",
            "[a](/docs/spec.md)",
            "[a](#nowhere)",
            "[x]: crates/x/tests/it/other.rs",
        ] {
            assert_eq!(faults("SECURITY.md", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn promised_tests_must_exist() {
        for text in [
            "[`logged_out`](crates/x/tests/it/main.rs)",
            "[`it::renamed`](crates/x/tests/it/main.rs)",
            "[a test](crates/x/tests/it/main.rs#renamed)",
        ] {
            assert_eq!(faults("SECURITY.md", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn links_to_items_are_left_to_rustdoc() {
        assert!(faults("crates/x/src/guide/a.md", "[`Session`](crate::Session) [b](Session)").is_empty());
        assert_eq!(faults("README.md", "[`Session`](crate::Session)").len(), 1);
    }
}
