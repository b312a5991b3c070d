//! The listing: of all records, node by node, or of those in a principal's index.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use dancecard_core::{Entry, ListQuery, Principal, RecordKey, Result};
use futures_core::Stream;

use crate::backend::Inner;
use crate::error;
use crate::form::{Facts, Tag, USUAL_FACTS, facts};
use crate::lives::first_minute;
use crate::wire::{Command, Reply};
use scan::Scan;

mod scan;

/// How many records are looked at in one round trip.
const PAGE: usize = 256;

/// Keys of records that are to be looked at. `None` at the end.
type Keys = Option<Vec<RecordKey>>;
type Lines = Vec<Result<Entry>>;
type Turning = Pin<Box<dyn Future<Output = (Walk, Result<Option<Lines>>)> + Send>>;

pub(crate) struct Listing {
    lines: std::vec::IntoIter<Result<Entry>>,
    /// Present until the end, unless it is on its way to the next page.
    walk: Option<Walk>,
    turning: Option<Turning>,
}

impl Listing {
    pub(crate) fn new(inner: Arc<Inner>, query: ListQuery) -> Self {
        let source = match &query.principal {
            Some(principal) => Source::Index { tag: Tag::of(principal), left: None },
            None => Source::Scan(Scan::default()),
        };
        let walk = Walk { inner, source, principal: query.principal };
        Self { lines: Vec::new().into_iter(), walk: Some(walk), turning: None }
    }

    fn poll_page(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Lines>>> {
        if let Some(walk) = self.walk.take() {
            self.turning = Some(Box::pin(walk.next()));
        }
        let Some(turning) = &mut self.turning else { return Poll::Ready(None) };
        let (walk, page) = ready!(turning.as_mut().poll(context));
        self.turning = None;
        if let Ok(Some(_)) = page {
            self.walk = Some(walk);
        }
        Poll::Ready(page.transpose())
    }
}

impl Stream for Listing {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(line) = self.lines.next() {
                return Poll::Ready(Some(line));
            }
            match ready!(self.poll_page(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(lines)) => self.lines = lines.into_iter(),
            }
        }
    }
}

/// How far a listing has come.
struct Walk {
    inner: Arc<Inner>,
    source: Source,
    principal: Option<Principal>,
}

/// Where keys come from.
enum Source {
    Scan(Scan),
    /// What is in the index, as of when it was asked.
    Index {
        tag: Tag,
        left: Option<std::vec::IntoIter<RecordKey>>,
    },
}

impl Walk {
    async fn next(mut self) -> (Self, Result<Option<Lines>>) {
        let page = self.page().await;
        (self, page)
    }

    async fn page(&mut self) -> Result<Option<Lines>> {
        let keys = match &mut self.source {
            Source::Scan(scan) => scan.next(&self.inner).await?,
            Source::Index { tag, left } => members(&self.inner, tag, left).await?,
        };
        match keys {
            Some(keys) => look_at(&self.inner, keys, self.principal.as_ref()).await.map(Some),
            None => Ok(None),
        }
    }
}

/// The next keys in an index, which is read in one piece: its order changes while records are in use.
async fn members(inner: &Inner, tag: &Tag, left: &mut Option<std::vec::IntoIter<RecordKey>>) -> Result<Keys> {
    let left = match left {
        Some(left) => left,
        None => left.insert(read_index(inner, tag).await?.into_iter()),
    };
    let keys: Vec<_> = left.take(PAGE).collect();
    Ok((!keys.is_empty()).then_some(keys))
}

/// Everything in the index but what has ended, which the next write clears away.
async fn read_index(inner: &Inner, tag: &Tag) -> Result<Vec<RecordKey>> {
    let name = inner.names.index(tag);
    let first = first_minute(inner.config.slack());
    let read = Command::new("ZRANGE").arg(&name).number(first).arg("inf").arg("BYSCORE");
    let answer = inner.servers.call(&name, &read, inner.reading()).await;
    match answer.map_err(|failure| failure.of_read("list"))?.reply {
        Reply::Many(members) => Ok(members.iter().filter_map(Reply::as_bytes).map(RecordKey::new).collect()),
        Reply::Refused(refusal) => Err(refusal.to_error("list")),
        _ => Err(error::unreadable("list")),
    }
}

/// Reads the facts of the records under these keys. What is not there, or another principal's, is passed over.
async fn look_at(inner: &Inner, keys: Vec<RecordKey>, principal: Option<&Principal>) -> Result<Lines> {
    let names: Vec<_> = keys.iter().map(|key| inner.names.record(key)).collect();
    let heads: Vec<_> = names.iter().map(|name| (&name[..], head(name, USUAL_FACTS))).collect();
    let replies = inner.servers.batch(&heads, inner.reading()).await;
    let replies = replies.map_err(|failure| failure.of_read("list"))?;
    let mut lines = Vec::with_capacity(keys.len());
    for ((key, name), reply) in keys.iter().zip(&names).zip(replies) {
        let line = read(inner, key, name, reply).await.transpose();
        let is_asked_for = |line: &Result<Entry>| match (line, principal) {
            (Ok(entry), Some(_)) => entry.meta.principal() == principal,
            _ => true,
        };
        lines.extend(line.filter(is_asked_for));
    }
    Ok(lines)
}

/// The beginning of a value.
fn head(name: &[u8], bytes: usize) -> Command {
    let last = i64::try_from(bytes).unwrap_or(i64::MAX) - 1;
    Command::with_capacity("GETRANGE", 3, name.len() + 24).arg(name).number(0).number(last)
}

/// One line. Facts that are longer than usual are asked for again.
async fn read(inner: &Inner, key: &RecordKey, name: &[u8], mut reply: Reply) -> Result<Option<Entry>> {
    let mut asked = USUAL_FACTS;
    loop {
        let bytes = match reply {
            Reply::Bytes(bytes) => bytes,
            Reply::Refused(refusal) => return Err(refusal.to_error("list")),
            _ => return Err(error::unreadable("list")),
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        match facts(key, &bytes, asked) {
            Facts::Entry(entry) => return Ok(Some(*entry)),
            Facts::Foreign => return Err(error::unreadable("list")),
            Facts::Cut => asked = asked.saturating_mul(16),
        }
        let answer = inner.servers.call(name, &head(name, asked), inner.reading()).await;
        reply = answer.map_err(|failure| failure.of_read("list"))?.reply;
    }
}
