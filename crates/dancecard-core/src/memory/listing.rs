//! The listing of the memory engine: a part of the table at a time, so that a lock is held only for that part.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::{MemoryStore, SHARDS};
use crate::error::Result;
use crate::record::Entry;
use crate::store::ListQuery;

pub(super) struct Listing<'a> {
    store: &'a MemoryStore,
    query: ListQuery,
    next_shard: usize,
    buffer: VecDeque<Entry>,
}

impl<'a> Listing<'a> {
    pub(super) fn new(store: &'a MemoryStore, query: ListQuery) -> Self {
        let mut buffer = VecDeque::new();
        let mut next_shard = 0;
        if let Some(who) = &query.principal {
            let keys = store.principals.keys(who);
            buffer.extend(keys.iter().filter_map(|key| store.entry(key)));
            next_shard = SHARDS;
        }
        Self { store, query, next_shard, buffer }
    }
}

impl Stream for Listing<'_> {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            while let Some(entry) = self.buffer.pop_front() {
                if self.query.matches(&entry.meta) {
                    return Poll::Ready(Some(Ok(entry)));
                }
            }
            let Some(shard) = self.store.shards.get(self.next_shard) else { return Poll::Ready(None) };
            self.next_shard += 1;
            self.buffer = shard.0.lock().entries().into();
        }
    }
}
