//! Driving futures and streams by hand.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use dancecard_core::BoxStream;

/// The next item of a stream.
pub async fn next<T>(stream: &mut BoxStream<'_, T>) -> Option<T> {
    poll_fn(|context| stream.as_mut().poll_next(context)).await
}

/// All items of a stream of results, or the first error.
///
/// # Errors
/// Whatever the stream yields as an error.
pub async fn collect<T, E>(mut stream: BoxStream<'_, Result<T, E>>) -> Result<Vec<T>, E> {
    let mut items = Vec::new();
    while let Some(item) = next(&mut stream).await {
        items.push(item?);
    }
    Ok(items)
}

/// Polls a future until it was pending `pauses` times, then drops it at that await point and yields `None`; yields its
/// output if it is ready before. With 0 the future is dropped without being polled at all.
///
/// ```
/// use dancecard_testkit::store::cancel_after;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let two_steps = || async { tokio::task::yield_now().await; 7 };
/// assert_eq!(cancel_after(1, two_steps()).await, None);
/// assert_eq!(cancel_after(2, two_steps()).await, Some(7));
/// # }
/// ```
pub async fn cancel_after<F: Future>(pauses: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = pauses;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
