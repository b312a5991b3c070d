//! Many tasks at once.

use std::sync::Arc;

use dancecard_core::Error;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;

use crate::failure::Outcome;

/// Runs the tasks at once and gives what they yield.
pub(super) async fn at_once<T, F>(tasks: Vec<F>) -> Outcome<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Outcome<T>> + Send + 'static,
{
    // A semaphore wakes in the order of arrival, so that on one thread a race takes the same course each time.
    let (start, count) = (Arc::new(Semaphore::new(0)), tasks.len());
    let mut running = JoinSet::new();
    for task in tasks {
        let start = start.clone();
        running.spawn(async move {
            start.acquire().await.map(SemaphorePermit::forget).ok();
            task.await
        });
    }
    pause(1).await;
    start.add_permits(count);
    let mut results = Vec::new();
    while let Some(result) = running.join_next().await {
        results.push(result??);
    }
    Ok(results)
}

/// Lets the other tasks go on, so many times. Loops pause a different number of times in each round: else they might
/// keep step with an engine, and never come in the middle of its work.
pub(super) async fn pause(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

/// Whether a conditional call won; any error but a conflict is a failure.
pub(super) fn won<T>(result: Result<T, Error>) -> Outcome<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
