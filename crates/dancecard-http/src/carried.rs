//! Sessions that the client carries: their texts in a request, and the lines that bring new ones.
//!
//! A text that is too long for one cookie is spread over several, if the configuration allows it: `name` holds `~3~` and
//! the beginning, `name.1` and `name.2` what follows.

use std::time::Duration;

use dancecard_core::{CarriedAction, CarriedReply, Result, Session, TokenAction};
use smallvec::SmallVec;

use crate::cookie::{Cookie, MAX_PARTS};
use crate::fields::{Field, RequestHeaders};
use crate::transport::{Candidates, Carrier};

/// Header lines of a response.
pub(crate) type Lines<'a> = SmallVec<[(Field<'a>, String); 1]>;

/// Room for a text in a header of its own.
const HEADER_LIMIT: usize = 8 * 1024;
const MARK: char = '~';

/// What one request brought, for its response.
#[derive(Debug)]
pub(crate) struct Carried {
    reply: CarriedReply,
    /// How many cookies beside the first one the client has.
    parts: usize,
}

/// Opens what a request carries, if the engine is one of those that let it.
#[cold]
pub(crate) fn open(
    manager: &dancecard_core::SessionManager,
    carrier: &Carrier,
    request: &impl RequestHeaders,
    relaxed: bool,
) -> Option<(Session, Carried)> {
    let found = carrier.tokens(request, relaxed);
    let (texts, parts) = match carrier {
        Carrier::Cookie(cookie) => join(cookie, request, relaxed, &found),
        Carrier::Header(_) => (found.iter().map(|text| text.to_vec()).collect(), 0),
    };
    let texts = texts.iter().map(Vec::as_slice);
    let (session, reply) = manager.open_carried(channel(carrier, relaxed), limit(carrier, relaxed), texts)?;
    Some((session, Carried { reply, parts }))
}

fn channel(carrier: &Carrier, relaxed: bool) -> &str {
    match carrier {
        Carrier::Cookie(cookie) => cookie.variant(relaxed).name(),
        Carrier::Header(config) => config.response(),
    }
}

fn limit(carrier: &Carrier, relaxed: bool) -> usize {
    match carrier {
        Carrier::Cookie(cookie) => cookie.room(relaxed) * cookie.parts() - mark(cookie.parts()).len(),
        Carrier::Header(_) => HEADER_LIMIT,
    }
}

/// What says that a text goes on in other cookies.
fn mark(parts: usize) -> String {
    if parts > 1 { format!("{MARK}{parts}{MARK}") } else { String::new() }
}

/// The texts, each put together from its parts, and how many parts there are beside the first.
fn join(
    cookie: &Cookie,
    request: &impl RequestHeaders,
    relaxed: bool,
    found: &Candidates<'_>,
) -> (Vec<Vec<u8>>, usize) {
    let rest: Vec<_> = (1..MAX_PARTS).map_while(|part| part_of(cookie, request, relaxed, part)).collect();
    let whole = |text: &&[u8]| match unmarked(text) {
        Some((parts, beginning)) => {
            let rest = rest.iter().take(parts - 1).flatten();
            beginning.iter().chain(rest).copied().collect()
        }
        None => text.to_vec(),
    };
    (found.iter().map(whole).collect(), rest.len())
}

fn part_of(cookie: &Cookie, request: &impl RequestHeaders, relaxed: bool, part: usize) -> Option<Vec<u8>> {
    let mut found = Candidates::new();
    let variant = cookie.variant(relaxed).part(part);
    request.values(Field::Cookie).for_each(|line| variant.find(line, &mut found));
    found.first().map(|text| text.to_vec())
}

/// The number of parts, and what follows the mark.
fn unmarked(text: &[u8]) -> Option<(usize, &[u8])> {
    let [b'~', digit @ b'2'..=b'9', b'~', rest @ ..] = text else { return None };
    Some((usize::from(digit - b'0'), rest))
}

impl Carried {
    /// The lines that a response needs.
    pub(crate) fn lines<'a>(
        &self,
        carrier: &'a Carrier,
        relaxed: bool,
        session: &Session,
        token: TokenAction,
    ) -> Result<Lines<'a>> {
        Ok(match self.reply.outgoing(session, token)? {
            CarriedAction::Keep => Lines::new(),
            CarriedAction::Forget => self.removal(carrier, relaxed),
            CarriedAction::Set { text, expires_at } => {
                self.setting(carrier, relaxed, &text, expires_at.since(session.manager().now()))
            }
        })
    }

    fn setting<'a>(&self, carrier: &'a Carrier, relaxed: bool, text: &str, remaining: Duration) -> Lines<'a> {
        let Carrier::Cookie(cookie) = carrier else {
            return [carrier.set(relaxed, text, remaining)].into_iter().collect();
        };
        let parts = spread(text, cookie.room(relaxed));
        let set = |(part, text): (usize, &String)| cookie.set_part(relaxed, part, text, remaining);
        let stale = (parts.len()..=self.parts).map(|part| cookie.remove_part(relaxed, part));
        let lines = parts.iter().enumerate().map(set).chain(stale);
        lines.map(|line| (Field::SetCookie, line)).collect()
    }

    fn removal<'a>(&self, carrier: &'a Carrier, relaxed: bool) -> Lines<'a> {
        match carrier {
            Carrier::Cookie(cookie) => {
                (0..=self.parts).map(|part| (Field::SetCookie, cookie.remove_part(relaxed, part))).collect()
            }
            Carrier::Header(_) => [carrier.remove(relaxed)].into_iter().collect(),
        }
    }
}

/// The text in parts that each fit a cookie with this much room.
fn spread(text: &str, room: usize) -> Vec<String> {
    if text.len() <= room {
        return vec![text.to_owned()];
    }
    let count = (text.len() + mark(2).len()).div_ceil(room.max(1));
    // Texts are ASCII: a cut never falls into a character.
    let marked = mark(count) + text;
    marked.as_bytes().chunks(room.max(1)).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CookieConfig;
    use http::HeaderMap;
    use proptest::prelude::*;

    #[test]
    fn a_text_that_fits_is_sent_as_it_is() {
        assert_eq!(spread("abc", 3), ["abc"]);
        assert_eq!(spread("abcd", 4), ["abcd"]);
        assert_eq!(spread("abcdefgh", 6), ["~2~abc", "defgh"]);
    }

    proptest! {
        #[test]
        fn what_is_spread_is_joined(text in "[A-Za-z0-9._-]{1,60}", room in 10usize..40) {
            let cookie = CookieConfig::new("s").with_exact_name().with_parts(8).prepare().unwrap();
            let parts = spread(&text, room);
            prop_assert!(parts.iter().all(|part| part.len() <= room));
            let pairs = parts.iter().enumerate().map(|(part, text)| match part {
                0 => format!("s={text}"),
                part => format!("s.{part}={text}"),
            });
            let mut request = HeaderMap::new();
            request.insert("cookie", pairs.collect::<Vec<_>>().join("; ").parse().unwrap());
            let line = request["cookie"].as_bytes().to_vec();
            let mut found = Candidates::new();
            cookie.variant(false).find(&line, &mut found);
            let (texts, others) = join(&cookie, &request, false, &found);
            prop_assert_eq!(texts, [text.into_bytes()]);
            prop_assert_eq!(others, parts.len() - 1);
        }

        #[test]
        fn any_mark_is_read_without_panic(text in "[~0-9a-z]{0,12}") {
            let _ = unmarked(text.as_bytes());
        }
    }
}
