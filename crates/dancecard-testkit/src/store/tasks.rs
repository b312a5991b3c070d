//! Many tasks at once.

use std::sync::Arc;

use dancecard_core::Error;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::failure::Outcome;

/// Runs the tasks at once and gives what they yield.
pub(super) async fn at_once<T, F>(tasks: Vec<F>) -> Outcome<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Outcome<T>> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(tasks.len()));
    let mut running = JoinSet::new();
    for task in tasks {
        let barrier = barrier.clone();
        running.spawn(async move {
            barrier.wait().await;
            task.await
        });
    }
    let mut results = Vec::new();
    while let Some(result) = running.join_next().await {
        results.push(result??);
    }
    Ok(results)
}

/// Whether a conditional call won; any error but a conflict is a failure.
pub(super) fn won<T>(result: Result<T, Error>) -> Outcome<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
