//! A task that ends with whoever waits for it.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::{JoinError, JoinHandle};

/// What a task came to, or nothing when its runtime ended before. A panic in it is one of whoever waits.
pub(crate) fn outcome<T>(joined: Result<T, JoinError>) -> Option<T> {
    match joined {
        Ok(outcome) => Some(outcome),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}

/// Goes on by itself, whether it is polled or not, until it is dropped.
#[derive(Debug)]
pub(crate) struct Task<T>(JoinHandle<T>);

impl<T: Send + 'static> Task<T> {
    pub(crate) fn spawn(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl<T> Future for Task<T> {
    /// As [`outcome`] says.
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(outcome)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_task_comes_to_is_known() {
        assert_eq!(Task::spawn(async { 1 }).await, Some(1));
        let ended = Task::spawn(std::future::pending::<()>());
        ended.0.abort();
        assert_eq!(ended.await, None);
    }

    #[tokio::test]
    #[should_panic(expected = "a fault of its own")]
    async fn a_panic_is_passed_on() {
        Task::spawn(async { panic!("a fault of its own") }).await;
    }
}
