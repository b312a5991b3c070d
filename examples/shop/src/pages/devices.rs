//! Where someone is signed in, and how to end that.

use std::time::Duration;

use axum::Form;
use axum::extract::State;
use axum::response::Redirect;
use dancecard::axum::SignedIn;
use dancecard::{Entry, Principal, RecordKey, Session, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;

use crate::app::Shop;
use crate::flash;
use crate::pages::failure::PageError;
use crate::pages::layout::page;
use crate::visitor::Visitor;

/// Which device is meant: the name that the engine knows its session by. It is a hash, and opens nothing.
#[derive(Deserialize)]
pub(crate) struct Device {
    key: String,
}

/// `GET /devices`: the sessions of whoever is signed in, or why there is no list of them.
pub(crate) async fn show(State(shop): State<Shop>, signed_in: SignedIn) -> Result<Markup, PageError> {
    let SignedIn { principal, session, .. } = signed_in;
    let visitor = Visitor::of(&session).await?;
    let lists = shop.limits.no_list().is_none();
    let main = html! {
        h1 { "Your devices" }
        @if lists { (list(&session, &principal).await?) }
        @for sentence in shop.limits.sentences() { p.limit { (sentence) } }
        p.aside { a href="/password" { "Change your password" } @if lists { ", which ends all others too" } "." }
    };
    Ok(page("Your devices", &visitor, main))
}

async fn list(session: &Session, principal: &Principal) -> dancecard::Result<Markup> {
    let manager = session.manager();
    let entries = manager.sessions_of(principal).await?;
    let is_this = |entry: &Entry| Some(manager.fingerprint(&entry.key)) == session.fingerprint();
    Ok(html! {
        p { "Every browser in which you are signed in. End those that you don't know." }
        ul.devices { @for entry in &entries { li { (device(entry, is_this(entry), manager.now())) } } }
        @if entries.len() > 1 {
            form method="post" action="/devices/end-others" { button { "End all others" } }
        }
    })
}

/// `POST /devices/end`: only a session of the same user is ended, whatever key is sent.
pub(crate) async fn end_one(
    State(shop): State<Shop>,
    signed_in: SignedIn,
    Form(device): Form<Device>,
) -> Result<Redirect, PageError> {
    let SignedIn { principal, session, .. } = signed_in;
    let ended = match (shop.limits.no_list(), RecordKey::from_hex(&device.key)) {
        (Some(limit), _) => Err(limit),
        (None, Some(key)) => Ok(session.manager().end_one(&principal, &key).await?),
        (None, None) => Ok(false),
    };
    let said =
        ended.map(|ended| if ended { "That device is signed out." } else { "It was signed out already." });
    flash::leave(&session, said.map_or_else(|limit| limit, str::to_owned))?;
    Ok(Redirect::to("/devices"))
}

/// `POST /devices/end-others`
pub(crate) async fn end_others(State(shop): State<Shop>, signed_in: SignedIn) -> Result<Redirect, PageError> {
    let said = match shop.limits.no_list() {
        Some(limit) => limit,
        None => format!("Signed out elsewhere: {}.", signed_in.session.sign_out_others().await?),
    };
    flash::leave(&signed_in.session, said)?;
    Ok(Redirect::to("/devices"))
}

fn device(entry: &Entry, is_this: bool, now: Timestamp) -> Markup {
    let meta = &entry.meta;
    let agent = meta.user_agent().unwrap_or("no name given");
    html! {
        h2 { (browser(agent)) @if is_this { " " span.badge { "this one" } } }
        dl {
            dt { "Address" } dd { (meta.address().unwrap_or("unknown")) }
            dt { "Signed in" } dd { (ago(now.since(meta.created_at()))) }
            dt { "Last seen" } dd { (ago(now.since(meta.last_seen()))) }
            dt { "Calls itself" } dd.agent { (agent) }
        }
        @if !is_this { (end_button(&entry.key, agent)) }
    }
}

fn end_button(key: &RecordKey, agent: &str) -> Markup {
    html! {
        form method="post" action="/devices/end" {
            button.quiet name="key" value=(key.to_hex()) { "End this one" span.unseen { ": " (browser(agent)) } }
        }
    }
}

/// A guess at the browser and system behind a user agent. Most of them claim to be several at once, so the order counts.
fn browser(agent: &str) -> String {
    let first = |names: &[(&str, &'static str)], unknown| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map_or(unknown, |(_, name)| *name)
    };
    let browsers = [("Firefox/", "Firefox"), ("Edg/", "Edge"), ("Chrome/", "Chrome"), ("Safari/", "Safari")];
    let systems = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("Windows", "Windows"),
        ("Mac OS", "Mac"),
        ("Linux", "Linux"),
    ];
    format!("{} on {}", first(&browsers, "A browser"), first(&systems, "an unknown system"))
}

fn ago(span: Duration) -> String {
    let (number, unit) = match span.as_secs() {
        0..60 => return "just now".into(),
        seconds @ 60..3_600 => (seconds / 60, "minute"),
        seconds @ 3_600..86_400 => (seconds / 3_600, "hour"),
        seconds => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_apart() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
            Safari/537.36";
        assert_eq!(browser(chrome), "Chrome on Linux");
        assert_eq!(browser("Mozilla/5.0 (Windows NT 10.0; rv:143.0) Firefox/143.0"), "Firefox on Windows");
        assert_eq!(browser("curl/8"), "A browser on an unknown system");
    }

    #[test]
    fn spans_are_told_in_one_unit() {
        let told = [(0, "just now"), (60, "1 minute ago"), (7_300, "2 hours ago"), (86_400, "1 day ago")];
        for (seconds, text) in told {
            assert_eq!(ago(Duration::from_secs(seconds)), text);
        }
    }
}
