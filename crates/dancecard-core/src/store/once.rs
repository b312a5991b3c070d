//! The stream of a listing that can't be begun.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

/// A stream of one item.
pub(super) struct Once<T>(pub(super) Option<T>);

impl<T: Unpin> Stream for Once<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take())
    }
}
