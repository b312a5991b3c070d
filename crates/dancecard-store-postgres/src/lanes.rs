//! The connections of the engine: made when they are needed, shared by many operations, and made again when they break.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep_until};

use crate::config::Config;
use crate::connect::Opener;
use crate::error::Failure;
use crate::link::Link;
use crate::statements::Role;

/// Between one connection of a lane and the next, if all is well.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
/// Between one try and the next, at the most.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// All connections.
#[derive(Debug)]
pub(crate) struct Lanes {
    reads: Box<[Arc<Lane>]>,
    writes: Box<[Arc<Lane>]>,
    opener: Arc<Opener>,
}

impl Lanes {
    pub(crate) fn new(config: &Config, opener: Opener) -> Self {
        let lanes = |role, count| (0..count).map(|_| Arc::new(Lane::new(role))).collect();
        Self {
            reads: lanes(Role::Reads, config.readers),
            writes: lanes(Role::Writes, config.writers),
            opener: Arc::new(opener),
        }
    }

    /// A place on the least busy connection. Waits only if there is none at all.
    ///
    /// # Errors
    /// What keeps the engine from connecting, if only a change to the configuration helps.
    pub(crate) async fn seat(&self, role: Role) -> Result<Seat<'_>, Failure> {
        loop {
            if let Some(seat) = self.free_seat(role) {
                return Ok(seat);
            }
            match self.of(role).first() {
                Some(lane) => lane.open(&self.opener).await?,
                None => return Err(Failure::config("readers and writers must be at least 1")),
            }
        }
    }

    /// Why the last try to connect failed, if it did.
    pub(crate) fn last_failure(&self, role: Role) -> Option<Failure> {
        self.of(role).iter().find_map(|lane| lane.trouble.lock().clone())
    }

    /// Lets the next connection look at the table again.
    pub(crate) fn forget_table(&self) {
        self.opener.forget_table();
    }

    fn of(&self, role: Role) -> &[Arc<Lane>] {
        match role {
            Role::Reads => &self.reads,
            Role::Writes => &self.writes,
        }
    }

    /// Of equally busy connections the first: the fewer are used, the more operations share a system call. If even
    /// that one is busy, another is made, which nobody waits for.
    fn free_seat(&self, role: Role) -> Option<Seat<'_>> {
        loop {
            let lanes = self.of(role);
            let open = lanes.iter().filter(|lane| lane.is_open.load(Ordering::Relaxed));
            let lane = open.min_by_key(|lane| lane.busy.load(Ordering::Relaxed))?;
            if let Some(seat) = lane.seat() {
                if lane.busy.load(Ordering::Relaxed) > 1 {
                    self.open_another(lanes);
                }
                return Some(seat);
            }
        }
    }

    fn open_another(&self, lanes: &[Arc<Lane>]) {
        if let Some(lane) = lanes.iter().find(|lane| !lane.is_open.load(Ordering::Relaxed)) {
            lane.open_behind(&self.opener);
        }
    }
}

/// A connection, and the next one in its place.
#[derive(Debug)]
struct Lane {
    role: Role,
    link: Mutex<Option<Arc<Link>>>,
    is_open: AtomicBool,
    busy: AtomicUsize,
    /// Held by whoever makes a connection.
    tries: Arc<tokio::sync::Mutex<Tries>>,
    trouble: Mutex<Option<Failure>>,
}

impl Lane {
    fn new(role: Role) -> Self {
        Self {
            role,
            link: Mutex::default(),
            is_open: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            tries: Arc::default(),
            trouble: Mutex::default(),
        }
    }

    fn seat(&self) -> Option<Seat<'_>> {
        let mut held = self.link.lock();
        match held.as_ref().filter(|link| link.is_usable()) {
            Some(link) => {
                self.busy.fetch_add(1, Ordering::Relaxed);
                Some(Seat { lane: self, link: Arc::clone(link) })
            }
            None => {
                *held = None;
                self.is_open.store(false, Ordering::Relaxed);
                None
            }
        }
    }

    fn put(&self, link: Link) {
        *self.link.lock() = Some(Arc::new(link));
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// Tries until there is a connection.
    async fn open(self: &Arc<Self>, opener: &Arc<Opener>) -> Result<(), Failure> {
        loop {
            let tries = Arc::clone(&self.tries).lock_owned().await;
            if self.is_open.load(Ordering::Relaxed) {
                return Ok(());
            }
            if let Some(failure) = self.lasting_trouble(&tries) {
                return Err(failure);
            }
            sleep_until(tries.not_before).await;
            self.begin(opener, tries)?;
        }
    }

    /// What nobody has to wait for, because it will be the same.
    fn lasting_trouble(&self, tries: &Tries) -> Option<Failure> {
        let trouble = self.trouble.lock().clone();
        trouble.filter(|trouble| trouble.is_for_good() && !tries.is_time())
    }

    /// Makes a connection that nobody waits for, unless that is under way, or failed just now.
    fn open_behind(self: &Arc<Self>, opener: &Arc<Opener>) {
        if let Ok(tries) = Arc::clone(&self.tries).try_lock_owned()
            && tries.is_time()
        {
            let _ = self.begin(opener, tries);
        }
    }

    /// Connects on a task of its own: it must not end with the operation that needed it first, whose time may be
    /// shorter than a connection takes.
    fn begin(
        self: &Arc<Self>,
        opener: &Arc<Opener>,
        mut tries: OwnedMutexGuard<Tries>,
    ) -> Result<(), Failure> {
        let (lane, opener) = (Arc::clone(self), Arc::clone(opener));
        let runtime = Handle::try_current().map_err(|_| Failure::no_runtime())?;
        runtime.spawn(async move {
            let made = opener.open(lane.role).await;
            tries.note(made.is_ok());
            *lane.trouble.lock() = made.as_ref().err().cloned();
            if let Ok(link) = made {
                lane.put(link);
            }
        });
        Ok(())
    }
}

/// A place on a connection, for one operation.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    lane: &'a Lane,
    pub(crate) link: Arc<Link>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.lane.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How making connections has gone.
#[derive(Debug)]
struct Tries {
    failures: u32,
    not_before: Instant,
}

impl Default for Tries {
    fn default() -> Self {
        Self { failures: 0, not_before: Instant::now() }
    }
}

impl Tries {
    fn is_time(&self) -> bool {
        Instant::now() >= self.not_before
    }

    fn note(&mut self, success: bool) {
        self.failures = if success { 0 } else { self.failures.saturating_add(1) };
        self.not_before = Instant::now() + pause(self.failures);
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
}
