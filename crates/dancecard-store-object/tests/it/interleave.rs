//! The promises of the session layer over this engine, in many orders of calls.

use dancecard_testkit::interleave::{Replacement, explore, explore_with, seeds};

use crate::world::*;

trials![in_memory, in_two_steps];

#[cfg(feature = "s3")]
trials![on_s3: in_many_orders_on_s3];

/// The explorer waits by itself, and must not be waited for by a runtime.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let runtime = tokio::runtime::Handle::current();
    let run = move || {
        let _entered = runtime.enter();
        work()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

async fn in_memory() {
    apart(|| explore(memory, seeds(0..1500)).map(drop)).await.unwrap();
}

async fn in_two_steps() {
    apart(|| explore_with(Replacement::TwoSteps, memory, seeds(1500..3000)).map(drop)).await.unwrap();
}

#[cfg(feature = "s3")]
async fn in_many_orders_on_s3() {
    apart(|| explore(|| connect(&config(&shared().url())), seeds(0..60)).map(drop)).await.unwrap();
}
