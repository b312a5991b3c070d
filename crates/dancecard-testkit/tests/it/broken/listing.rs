//! The listing: a picture of one moment, unless told otherwise.

use std::pin::Pin;
use std::task::{Context, Poll};

use dancecard_core::{
    Entry, Error, ErrorKind, ListQuery, Meta, RecordKey, Result, Store, Timestamp, Version,
};
use futures_core::Stream;

use super::{Broken, Bug};

/// Listings that an engine which leaks them can bear.
const BEARABLE: usize = 12;

pub(super) struct Listing<'a> {
    engine: &'a Broken,
    query: ListQuery,
    refusal: Option<Error>,
    entries: Option<std::vec::IntoIter<Entry>>,
    offset: usize,
    paused: bool,
    done: bool,
}

impl<'a> Listing<'a> {
    pub(super) fn new(engine: &'a Broken, query: ListQuery, refusal: Option<Error>) -> Self {
        Self { engine, query, refusal, entries: None, offset: 0, paused: false, done: false }
    }

    fn picture(&self) -> Vec<Entry> {
        let mut table = self.engine.lock();
        let mut entries = table.entries(&self.query, self.engine.bug);
        match self.engine.bug {
            Some(Bug::ListsTwice) => entries.extend(entries.last().cloned()),
            Some(Bug::ListsOneLess) => drop(entries.pop()),
            Some(Bug::ListsAHundred) => entries.truncate(100),
            Some(Bug::ListsTheDeleted) => {
                let gone = table.ghosts.values().filter(|entry| !table.rows.contains_key(&entry.key));
                entries.extend(gone.cloned());
            }
            Some(Bug::ListsEachWrite) => {
                let present = |key: &RecordKey| entries.iter().find(|entry| entry.key == *key).cloned();
                entries = table.journal.iter().filter_map(present).collect();
            }
            Some(Bug::ListsItsOwnRow) => entries.push(Entry {
                key: RecordKey::new(b"schema"),
                version: Version::from_u64(0),
                meta: Meta::new(Timestamp::from_millis(0), Timestamp::MAX),
            }),
            _ => {}
        }
        table.cursor = 0;
        entries
    }

    fn next(&mut self) -> Option<Result<Entry>> {
        if let Some(error) = self.refusal.take() {
            self.entries = Some(Vec::new().into_iter());
            return Some(Err(error));
        }
        let leaks = self.engine.has(Bug::DroppedListingsLeak);
        if leaks && self.engine.lock().leaked > BEARABLE {
            let error = Error::new(ErrorKind::Unavailable, "list").with_engine(self.engine.engine());
            self.entries = Some(Vec::new().into_iter());
            return (!std::mem::replace(&mut self.done, true)).then_some(Err(error));
        }
        match self.engine.bug {
            Some(Bug::ListsByOffset) => {
                self.offset += 1;
                self.engine.lock().entries(&self.query, None).into_iter().nth(self.offset - 1).map(Ok)
            }
            Some(Bug::ListingsShareACursor) => {
                let mut table = self.engine.lock();
                let entry = table.entries(&self.query, None).into_iter().nth(table.cursor).map(Ok);
                table.cursor = if entry.is_some() { table.cursor + 1 } else { 0 };
                entry
            }
            _ => {
                let picture = self.entries.take().unwrap_or_else(|| self.picture().into_iter());
                self.entries.insert(picture).next().map(Ok)
            }
        }
    }
}

impl Stream for Listing<'_> {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.paused {
            self.paused = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.paused = false;
        let item = if self.done { None } else { self.next() };
        self.done |= item.is_none();
        Poll::Ready(item)
    }
}

impl Drop for Listing<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.engine.lock().leaked += 1;
        }
    }
}
