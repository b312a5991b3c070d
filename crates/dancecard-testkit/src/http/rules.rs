//! What holds for every response, whatever the script says.

use std::collections::BTreeSet;

use super::answer::Arrived;
use super::browser::{Browser, Origin};
use super::cookie::SetCookie;
use super::tokens::Tokens;
use crate::failure::{Failure, Outcome};
use dancecard_core::Timestamp;
use http::header::{CACHE_CONTROL, SET_COOKIE};

/// No response asks more of the engine than this.
const MAX_CALLS: u64 = 60;

/// Checks a response as it arrives at a browser, which takes its cookies.
pub(super) fn check(
    arrived: &Arrived,
    browser: &mut Browser,
    from: &Origin,
    path: &str,
    now: Timestamp,
) -> Outcome {
    let lines = cookies(arrived)?;
    one_per_name(&lines)?;
    if !lines.is_empty() {
        not_stored(arrived)?;
    }
    for line in &lines {
        browser.take(line, from, path, now).map_err(|reason| {
            Failure::new("a cookie that browsers take", format!("`{line}`, refused because {reason}"))
        })?;
    }
    let calls = arrived.calls.total() + arrived.body_calls.total();
    if calls <= MAX_CALLS {
        Ok(())
    } else {
        Err(Failure::new(format!("at most {MAX_CALLS} calls"), calls.to_string()))
    }
}

fn cookies(arrived: &Arrived) -> Outcome<Vec<SetCookie>> {
    let lines = arrived.head.headers.get_all(SET_COOKIE).iter();
    lines
        .map(|line| {
            let text = String::from_utf8_lossy(line.as_bytes());
            SetCookie::parse(&text).map_err(|fault| Failure::new("a Set-Cookie line", fault))
        })
        .collect()
}

/// Source: RFC 6265, section 4.1.1.
fn one_per_name(lines: &[SetCookie]) -> Outcome {
    let mut names = BTreeSet::new();
    match lines.iter().find(|line| !names.insert(&line.name)) {
        Some(line) => Err(Failure::new("one Set-Cookie per name", format!("two of {}", line.name))),
        None => Ok(()),
    }
}

/// Source: OWASP ASVS 5.0, 14.3.2.
fn not_stored(arrived: &Arrived) -> Outcome {
    let mut lines = arrived.head.headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    if lines.any(|line| line.split(',').any(|directive| directive.trim() == "no-store")) {
        return Ok(());
    }
    Err(Failure::new("Cache-Control: no-store beside Set-Cookie", "a response that caches may store"))
}

/// Tokens are in `Set-Cookie`, or the transport's own header, and nowhere else.
pub(super) fn no_leak(arrived: &Arrived, tokens: &Tokens) -> Outcome {
    if tokens.leaks(&arrived.body) {
        return Err(Failure::new("no token in the body", "a token"));
    }
    Ok(())
}
