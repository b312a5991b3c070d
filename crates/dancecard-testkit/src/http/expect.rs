//! Compares a response with what the script expects.

use http::HeaderMap;

use super::answer::Arrived;
use super::cookie::SetCookie;
use super::script::{Answer, Expected, Outcome as Wanted};
use super::tokens::Tokens;
use super::{Adapter, Closed};
use crate::counting::Calls;
use crate::failure::{Failure, Outcome};

/// What frameworks and servers add to any response.
const EVERYWHERE: [&str; 5] = ["content-type", "content-length", "transfer-encoding", "connection", "date"];

/// Compares, and gives names to new tokens. Other requests may have asked the engine meanwhile unless this was `alone`.
pub(super) fn check<A: Adapter>(
    adapter: &A,
    wanted: &Answer,
    arrived: &Result<Box<Arrived>, Closed>,
    alone: bool,
    tokens: &mut Tokens,
) -> Outcome {
    outcome(&wanted.outcomes, arrived, tokens)?;
    let Ok(arrived) = arrived else { return Ok(()) };
    headers(&wanted.headers, &own(&arrived.head.headers, adapter.own_headers()), tokens)?;
    let at_head = wanted.calls.as_deref().unwrap_or("anything");
    calls(at_head, arrived.calls).map_err(|failure| failure.at("until the head is there"))?;
    let in_body = wanted.body_calls.as_deref().unwrap_or(if alone { "nothing" } else { "anything" });
    calls(in_body, arrived.body_calls).map_err(|failure| failure.at("while the body is sent"))
}

fn calls(wanted: &str, got: Calls) -> Outcome {
    let got = got.to_string();
    if wanted == "anything" || wanted == got {
        Ok(())
    } else {
        Err(Failure::new(format!("calls: {wanted}"), got))
    }
}

fn outcome(wanted: &[Wanted], arrived: &Result<Box<Arrived>, Closed>, tokens: &mut Tokens) -> Outcome {
    let fits = |wanted: &Wanted, tokens: &mut Tokens| match (wanted, arrived) {
        (Wanted::NoResponse, Err(Closed)) => true,
        (Wanted::NoResponse, Ok(arrived)) => arrived.head.status == 500,
        (Wanted::Response { status, body }, Ok(arrived)) => {
            arrived.head.status == *status && tokens.matches(body, &arrived.body)
        }
        (Wanted::Response { .. }, Err(Closed)) => false,
    };
    if wanted.iter().any(|wanted| fits(wanted, tokens)) {
        return Ok(());
    }
    let expected: Vec<String> = wanted.iter().map(shown).collect();
    let got = match arrived {
        Ok(arrived) => format!("{} {}", arrived.head.status.as_u16(), arrived.body),
        Err(Closed) => "no response".to_owned(),
    };
    Err(Failure::new(expected.join(", or "), got))
}

fn shown(wanted: &Wanted) -> String {
    match wanted {
        Wanted::NoResponse => "no response, or 500".to_owned(),
        Wanted::Response { status, body } => format!("{status} {body}"),
    }
}

/// The header lines that are neither everywhere nor the framework's own.
fn own(headers: &HeaderMap, frameworks: &[&str]) -> Vec<(String, String)> {
    let names = headers.keys().map(http::HeaderName::as_str);
    let ours = names.filter(|name| !EVERYWHERE.contains(name) && !frameworks.contains(name));
    let lines = ours.flat_map(|name| headers.get_all(name).iter().map(move |value| (name, value)));
    lines
        .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

/// Exactly these lines; several of one name in their order.
fn headers(wanted: &[Expected], got: &[(String, String)], tokens: &mut Tokens) -> Outcome {
    let mut rest = got.to_vec();
    for expected in wanted {
        let index = rest.iter().position(|(name, _)| expected.name.eq_ignore_ascii_case(name));
        let Some(index) = index else {
            let line = format!("{}: {}", expected.name, expected.value);
            return Err(Failure::new(line, "no such header").at(format!("line {}", expected.line)));
        };
        let (_, value) = rest.remove(index);
        compare(expected, &value, tokens).map_err(|failure| failure.at(format!("line {}", expected.line)))?;
    }
    match rest.first() {
        Some((name, value)) => {
            Err(Failure::new("no other header", format!("{name}: {}", hidden(name, value))))
        }
        None => Ok(()),
    }
}

fn compare(expected: &Expected, got: &str, tokens: &mut Tokens) -> Outcome {
    let Expected { name, value, .. } = expected;
    if name.eq_ignore_ascii_case("set-cookie") {
        return cookie(value, got, tokens);
    }
    if tokens.matches(value, got) {
        return Ok(());
    }
    Err(Failure::new(format!("{name}: {value}"), hidden(name, got)))
}

fn cookie(expected: &str, got: &str, tokens: &mut Tokens) -> Outcome {
    let read = |line: &str| SetCookie::parse(line).map_err(|fault| Failure::new("a Set-Cookie line", fault));
    let (wanted, got) = (read(expected)?, read(got)?);
    if wanted.name != got.name {
        return Err(Failure::new(format!("Set-Cookie: {}", wanted.name), got.name));
    }
    let differences = wanted.differences(&got);
    if !differences.is_empty() {
        return Err(Failure::new(format!("Set-Cookie: {expected}"), differences.join("; ")));
    }
    if tokens.matches(&wanted.value, &got.value) {
        return Ok(());
    }
    let what =
        if got.value.is_empty() { "an empty value" } else { "another value, or a token that is not fresh" };
    Err(Failure::new(format!("Set-Cookie: {expected}"), what))
}

/// What may hold a token is not shown.
fn hidden(name: &str, value: &str) -> String {
    if name == "set-cookie" || name.contains("session") {
        return value.split_once(';').map_or_else(|| "...".to_owned(), |(_, rest)| format!("...;{rest}"));
    }
    value.to_owned()
}
