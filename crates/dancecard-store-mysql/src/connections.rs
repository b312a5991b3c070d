//! The connections of the engine: made when they are needed, each used by one operation at a time, and made again when
//! they break.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::config::Config;
use crate::connect::Opener;
use crate::error::{Failure, Fate};
use crate::link::Link;
use dancecard_core::ErrorKind;

/// After the first connection that could not be made.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
/// Between one try and the next, at the most.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// All connections.
#[derive(Debug)]
pub(crate) struct Connections {
    shelf: Arc<Shelf>,
    /// One for each connection that there may be, held while it is made and while it is used.
    permits: Arc<Semaphore>,
    opener: Arc<Opener>,
}

impl Connections {
    pub(crate) fn new(config: &Config, opener: Opener) -> Self {
        let permits = Arc::new(Semaphore::new(config.connections));
        Self { shelf: Arc::default(), permits, opener: Arc::new(opener) }
    }

    /// A connection of one's own, for a while. Waits until one is free or can be made.
    ///
    /// # Errors
    /// What keeps the engine from connecting, if only a change to the configuration helps.
    pub(crate) async fn seat(&self) -> Result<Seat<'_>, Failure> {
        let closed = |_| Failure::new(ErrorKind::Unavailable, Fate::Unsent, "the engine was closed");
        let mut permit = Arc::clone(&self.permits).acquire_owned().await.map_err(closed)?;
        loop {
            let Some(mut link) = self.shelf.take() else {
                permit = self.open(permit).await?;
                continue;
            };
            if link.is_rested() && !link.lives().await {
                // Nor will those that were put aside before.
                self.give_up_idle();
                continue;
            }
            return Ok(Seat { shelf: Some(&self.shelf), link, _permit: Some(permit) });
        }
    }

    /// Why the last try to connect failed, if it did.
    pub(crate) fn last_failure(&self) -> Option<Failure> {
        self.shelf.tries.lock().trouble.clone()
    }

    /// Closes the connections that nobody uses. What broke one has probably broken all of them.
    pub(crate) fn give_up_idle(&self) {
        let idle = std::mem::take(&mut *self.shelf.idle.lock());
        drop(idle);
    }

    /// Lets the next connection look at the table again.
    pub(crate) fn forget_table(&self) {
        self.opener.forget_table();
    }

    /// Makes a connection, on a task of its own: it must not end with the operation that needed it first, whose time
    /// may be shorter than a connection takes. Whoever needs one takes it from the shelf.
    async fn open(&self, permit: OwnedSemaphorePermit) -> Result<OwnedSemaphorePermit, Failure> {
        if let Some(failure) = self.shelf.lasting_trouble() {
            return Err(failure);
        }
        let not_before = self.shelf.tries.lock().not_before;
        sleep_until(not_before).await;
        let runtime = Handle::try_current().map_err(|_| Failure::no_runtime())?;
        let (shelf, opener) = (Arc::clone(&self.shelf), Arc::clone(&self.opener));
        let made = runtime.spawn(async move {
            let made = opener.open().await;
            shelf.note(made);
            permit
        });
        let permit = made.await.map_err(|_| Failure::no_runtime())?;
        self.shelf.lasting_trouble().map_or(Ok(permit), Err)
    }
}

/// Where connections are while nobody uses them.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    idle: Mutex<Vec<Link>>,
    tries: Mutex<Tries>,
}

impl Shelf {
    /// The one that was used last, so that those beyond what is needed rest.
    fn take(&self) -> Option<Link> {
        self.idle.lock().pop()
    }

    fn note(&self, made: Result<Link, Failure>) {
        self.tries.lock().note(made.as_ref().err());
        if let Ok(link) = made {
            self.idle.lock().push(link);
        }
    }

    /// What nobody has to wait for, because it will be the same.
    fn lasting_trouble(&self) -> Option<Failure> {
        let tries = self.tries.lock();
        let trouble = tries.trouble.as_ref().filter(|trouble| trouble.is_for_good());
        trouble.filter(|_| Instant::now() < tries.not_before).cloned()
    }
}

/// A connection, for one operation. Dropped before it is given back, the connection is closed.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    /// Where it goes back to. A lent one goes to the application's pool.
    shelf: Option<&'a Shelf>,
    pub(crate) link: Link,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Seat<'_> {
    /// On a connection of the application.
    pub(crate) fn lent(link: Link) -> Self {
        Self { shelf: None, link, _permit: None }
    }

    /// For the next operation: this one is done, and nothing is left to be read.
    pub(crate) fn give_back(self) {
        match self.shelf {
            Some(shelf) => shelf.idle.lock().push(self.link),
            None => self.link.release(),
        }
    }
}

/// How making connections has gone.
#[derive(Debug)]
struct Tries {
    failures: u32,
    not_before: Instant,
    trouble: Option<Failure>,
}

impl Default for Tries {
    fn default() -> Self {
        Self { failures: 0, not_before: Instant::now(), trouble: None }
    }
}

impl Tries {
    /// Several tries that fail at the same time are one.
    fn note(&mut self, trouble: Option<&Failure>) {
        let now = Instant::now();
        self.trouble = trouble.cloned();
        if trouble.is_none() {
            self.failures = 0;
        } else if now >= self.not_before {
            self.failures = self.failures.saturating_add(1);
            self.not_before = now + pause(self.failures);
        }
    }
}

/// Twice as long after each failure, up to a limit.
pub(crate) fn pause(failures: u32) -> Duration {
    let longer = SHORTEST_PAUSE.checked_mul(2_u32.saturating_pow(failures));
    longer.map_or(LONGEST_PAUSE, |longer| longer.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let pauses: Vec<_> = [0, 1, 2, 6, 7, 31, 32, u32::MAX].map(pause).map(|span| span.as_millis()).into();
        assert_eq!(pauses, [20, 40, 80, 1280, 2000, 2000, 2000, 2000]);
    }

    #[test]
    fn tries_that_fail_together_count_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut tries = Tries::default();
            let failure = Failure::config("");
            for _ in 0..10 {
                tries.note(Some(&failure));
            }
            assert_eq!(tries.failures, 1);
            tries.note(None);
            assert_eq!((tries.failures, tries.trouble.is_none()), (0, true));
        });
    }
}
