//! The listing: a page at a time, in the order of the keys.
//!
//! Each page is a statement of its own, so that however slowly a listing is consumed, no transaction stays open for
//! it. A key is passed once, so no record is listed twice; a record that lives throughout is passed, so it is listed.

use dancecard_core::{BoxStream, Entry, ListQuery, Principal, RecordKey, Result};
use futures_util::{StreamExt, stream};

use crate::link::Blob;
use crate::row;
use crate::server::Server;
use crate::statements::Query;

const PAGE_LIMIT: usize = 128;

/// Which lines to ask for.
struct Page {
    principal: Option<Principal>,
    /// Only from this key on.
    from: Vec<u8>,
}

/// The lines of a page, and the page behind it.
type Turned = (Vec<Result<Entry>>, Option<Page>);

pub(crate) fn stream(server: &Server, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
    let first = Page { principal: query.principal, from: Vec::new() };
    let pages = stream::unfold(Some(first), move |next| async move {
        let (lines, next) = turned(server, next?).await;
        Some((stream::iter(lines), next))
    });
    Box::pin(pages.flatten())
}

/// One that is not full is the last. After an error there is none.
async fn turned(server: &Server, page: Page) -> Turned {
    match lines(server, &page).await {
        Ok(lines) => {
            let last = lines.last().filter(|_| lines.len() == PAGE_LIMIT);
            let next = last.map(|(key, _)| Page { from: after(key.as_bytes()), ..page });
            (lines.into_iter().map(|(_, entry)| entry).collect(), next)
        }
        Err(error) => (vec![Err(error)], None),
    }
}

/// The lines in the order of their keys. One that is not readable doesn't hide the others.
async fn lines(server: &Server, page: &Page) -> Result<Vec<(RecordKey, Result<Entry>)>> {
    let (from, limit) = (Blob(&page.from), PAGE_LIMIT as i64);
    let answer = match &page.principal {
        None => server.ask(Query::Page, &[&from, &limit]).await,
        Some(who) => {
            let who = Blob(who.as_str().as_bytes());
            server.ask(Query::PageOfPrincipal, &[&from, &limit, &who]).await
        }
    };
    answer?.rows.iter().map(line).collect()
}

fn line(row: &tokio_postgres::Row) -> Result<(RecordKey, Result<Entry>)> {
    let key = RecordKey::new(row::column(row, 3, "list")?);
    Ok((key.clone(), row::entry(row, key, "list")))
}

/// The least key greater than this one: bytes are ordered like words in a dictionary.
fn after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}
