//! A listing that can't be begun.

use dancecard_core::{BoxStream, Entry, Error, Result};

pub(crate) fn refused<'a>(error: Error) -> BoxStream<'a, Result<Entry>> {
    Box::pin(futures_util::stream::once(std::future::ready(Err(error))))
}
