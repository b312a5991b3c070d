//! The listing: a page at a time, in the order of the keys.
//!
//! Each page is a command of its own, so that however slowly a listing is consumed, the server keeps nothing open for
//! it. A key is passed once, so no record is listed twice; a record that lives throughout is passed, so it is listed.

use dancecard_core::{BoxStream, Entry, ListQuery, RecordKey, Result};
use futures_util::{StreamExt, stream};
use mongodb::bson::Binary;
use mongodb::bson::raw::RawDocument;

use crate::document::{self, indexed};
use crate::error;
use crate::server::Server;

const PAGE_LIMIT: usize = 128;

/// After which key to list what.
type Place = (ListQuery, Option<Binary>);

/// A line of the listing, or why there is none, with the key of the record. One that is not readable doesn't hide the
/// others.
type Line = (Binary, Result<Entry>);

pub(crate) fn stream(server: &Server, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
    let pages = stream::unfold(Some((query, None)), move |place| async move {
        let (lines, next) = page(server, place?).await;
        Some((stream::iter(lines), next))
    });
    Box::pin(pages.flatten())
}

/// A page, and where the next one begins. One that is not full is the last. After an error there is none.
async fn page(server: &Server, (query, after): Place) -> (Vec<Result<Entry>>, Option<Place>) {
    let lines = match lines(server, &query, after.as_ref()).await {
        Ok(lines) => lines,
        Err(error) => return (vec![Err(error)], None),
    };
    let next = lines.last().filter(|_| lines.len() == PAGE_LIMIT).map(|(key, _)| key.clone());
    let is_asked_for =
        |entry: &Result<Entry>| entry.as_ref().map_or(true, |entry| query.matches(&entry.meta));
    let entries = lines.into_iter().map(|(_, entry)| entry).filter(is_asked_for).collect();
    (entries, next.map(|after| (query, Some(after))))
}

async fn lines(server: &Server, query: &ListQuery, after: Option<&Binary>) -> Result<Vec<Line>> {
    let principal = query.principal.as_ref().map(indexed);
    let command = server.commands.page(principal, after.map(Binary::as_raw_binary), PAGE_LIMIT as i32);
    let batch = server.read("list", command).await?;
    let documents = batch.doc_slices().map_err(|_| error::unreadable("list"))?;
    let documents = documents.into_iter().map_while(std::result::Result::ok);
    Ok(documents.filter_map(|value| value.as_document()).filter_map(line).collect())
}

fn line(document: &RawDocument) -> Option<Line> {
    let key = document.get_binary("_id").ok()?;
    let entry = document::entry(document, RecordKey::new(key.bytes), "list");
    Some((Binary { subtype: key.subtype, bytes: key.bytes.to_vec() }, entry))
}
