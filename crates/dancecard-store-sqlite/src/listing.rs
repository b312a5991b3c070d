//! The listing: a page at a time, in the order of the table.
//!
//! Each page is a statement of its own, so that however slowly a listing is consumed, no snapshot stays open for it
//! and the log can be recycled. A place is passed once, and a record that lives throughout stays in its
//! own: so it is listed, and none is listed twice.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use dancecard_core::{Entry, ListQuery, Result};
use futures_core::Stream;

use crate::readers::{Lines, Page, Readers};

const PAGE_LIMIT: u16 = 128;

pub(crate) struct Listing<'a> {
    readers: &'a Readers,
    lines: std::vec::IntoIter<Result<Entry>>,
    /// The page to ask for when the lines are used up, if there may be one.
    next: Option<Page>,
    asked: Option<Pin<Box<dyn Future<Output = Result<Lines>> + Send + 'a>>>,
}

impl<'a> Listing<'a> {
    pub(crate) fn new(readers: &'a Readers, query: ListQuery) -> Self {
        let first = Page { principal: query.principal, from: i64::MIN, limit: PAGE_LIMIT };
        Self { readers, lines: Vec::new().into_iter(), next: Some(first), asked: None }
    }

    /// Takes in a page. One that is not full is the last.
    fn turn(&mut self, mut page: Page, lines: Lines) {
        if let Some((last, _)) = lines.last().filter(|_| lines.len() == usize::from(PAGE_LIMIT)) {
            page.from = last.saturating_add(1);
            self.next = Some(page);
        }
        let lines: Vec<_> = lines.into_iter().map(|(_, entry)| entry).collect();
        self.lines = lines.into_iter();
    }

    fn poll_page(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<()>>> {
        let Some(page) = self.next.clone() else { return Poll::Ready(None) };
        let asked = self.asked.get_or_insert_with(|| Box::pin(self.readers.page(page.clone())));
        let answer = ready!(asked.as_mut().poll(context));
        (self.asked, self.next) = (None, None);
        Poll::Ready(Some(answer.map(|lines| self.turn(page, lines))))
    }
}

impl Stream for Listing<'_> {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(line) = self.lines.next() {
                return Poll::Ready(Some(line));
            }
            match ready!(self.poll_page(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(())) => {}
            }
        }
    }
}
