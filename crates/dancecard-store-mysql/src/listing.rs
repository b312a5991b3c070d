//! The listing: a page at a time, in the order of the keys.
//!
//! Each page is a statement of its own, so that however slowly a listing is consumed, no transaction stays open for
//! it. A key is passed once, so no record is listed twice; a record that lives throughout is passed, so it is listed.

use dancecard_core::{BoxStream, Entry, ListQuery, RecordKey, Result};
use futures_util::{StreamExt, stream};
use mysql_async::Value;

use crate::row::{self, bytes};
use crate::server::{Question, Server};
use crate::statements::Query;

const PAGE_LIMIT: usize = 128;

/// From which key on to list what.
type Place = (ListQuery, Vec<u8>);

/// A line of the listing, or why there is none, with the key of the record. One that is not readable doesn't hide the
/// others.
type Line = (RecordKey, Result<Entry>);

pub(crate) fn stream(server: &Server, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
    let pages = stream::unfold(Some((query, Vec::new())), move |place| async move {
        let (lines, next) = page(server, place?).await;
        Some((stream::iter(lines), next))
    });
    Box::pin(pages.flatten())
}

/// A page, and where the next one begins. One that is not full is the last. After an error there is none.
async fn page(server: &Server, (query, from): Place) -> (Vec<Result<Entry>>, Option<Place>) {
    let lines = match lines(server, &query, &from).await {
        Ok(lines) => lines,
        Err(error) => return (vec![Err(error)], None),
    };
    let last = lines.last().filter(|_| lines.len() == PAGE_LIMIT);
    let next = last.map(|(key, _)| after(key.as_bytes()));
    let is_asked_for =
        |entry: &Result<Entry>| entry.as_ref().map_or(true, |entry| query.matches(&entry.meta));
    let entries = lines.into_iter().map(|(_, entry)| entry).filter(is_asked_for).collect();
    (entries, next.map(|from| (query, from)))
}

/// The lines in the order of their keys.
async fn lines(server: &Server, query: &ListQuery, from: &[u8]) -> Result<Vec<Line>> {
    let limit = Value::Int(PAGE_LIMIT as i64);
    let answer = match &query.principal {
        None => server.ask(Question::One(Query::Page, &|| vec![bytes(from), limit.clone()])).await,
        Some(who) => {
            let values = || vec![row::indexed(who), bytes(from), limit.clone()];
            server.ask(Question::One(Query::PageOfPrincipal, &values)).await
        }
    };
    answer?.rows.into_iter().map(|row| row::line(row, "list")).collect()
}

/// The least key greater than this one: bytes are ordered like words in a dictionary.
fn after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}
