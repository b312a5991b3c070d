//! What needs a timer: long connections, and purging in the background.

use std::time::Duration;

use dancecard_core::{LiveSession, SessionManager};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Waits until a session has ended, by asking for it again and again: sign-out is seen after `every` at the latest, at
/// the cost of one `load` each time. While the engine can't be asked the session is taken to live on.
///
/// With periodic renewal, `every` must be shorter than the grace.
///
/// ```no_run
/// # use dancecard_core::LiveSession;
/// # use std::time::Duration;
/// # async fn next_message() {}
/// # async fn serve(live: LiveSession) {
/// let ended = dancecard_tower::ended(&live, Duration::from_secs(5));
/// tokio::pin!(ended);
/// loop {
///     tokio::select! {
///         () = &mut ended => break, // close the connection
///         () = next_message() => { /* ... */ }
///     }
/// }
/// # }
/// ```
pub async fn ended(live: &LiveSession, every: Duration) {
    while live.is_alive().await.unwrap_or(true) {
        sleep(every).await;
    }
}

/// Removes expired sessions in the background, until it is dropped. One per engine is enough.
///
/// It asks for a bounded number at a time, goes on at once while there are more, and survives an engine that is down.
///
/// ```no_run
/// # use dancecard_core::{MemoryStore, SessionManager};
/// # use std::time::Duration;
/// # async fn serve() {
/// let manager = SessionManager::new(MemoryStore::new());
/// let sweeper = dancecard_tower::Sweeper::start(manager.clone(), Duration::from_secs(60));
/// // ... serve, and keep the sweeper until the end.
/// # drop(sweeper);
/// # }
/// ```
#[derive(Debug)]
pub struct Sweeper(JoinHandle<()>);

/// How many records are asked for at a time: few enough not to be in anyone's way.
const BATCH: usize = 1_000;

impl Sweeper {
    /// Starts on the present tokio runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime, as [`tokio::spawn`].
    pub fn start(manager: SessionManager, every: Duration) -> Self {
        Self(tokio::spawn(sweep(manager, every)))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn sweep(manager: SessionManager, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        while manager.purge_expired(BATCH).await.is_ok_and(|purged| purged == BATCH) {
            tokio::task::yield_now().await;
        }
    }
}
