//! What all connections of a proxy share.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::{Mode, Way};
use crate::proxy::connection::Connection;

/// What went through a [`Proxy`](super::Proxy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections that were accepted and not refused.
    pub connections: u64,
    /// Bytes from clients, counted when they arrive at the proxy.
    pub to_server: u64,
    /// Bytes from the server, counted when they arrive at the proxy.
    pub to_client: u64,
    /// How often a client spoke for the first time, or again after the server had: pipelined requests are one round
    /// trip, and so is each step of a handshake.
    pub round_trips: u64,
}

/// How long a thread may take to see that its connection is at an end.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct State {
    shared: Mutex<Shared>,
    changed: Condvar,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    mode: Mode,
    /// How often the mode was set: what connections count begins anew each time.
    turn: u64,
    counts: Counts,
    open: Vec<Weak<Connection>>,
    ended: bool,
}

impl State {
    pub(super) fn new(target: SocketAddr) -> Self {
        let (mode, counts) = (Mode::Pass, Counts::default());
        let shared = Mutex::new(Shared { target, mode, turn: 0, counts, open: Vec::new(), ended: false });
        Self { shared, changed: Condvar::new() }
    }

    pub(super) fn target(&self) -> SocketAddr {
        self.shared.lock().target
    }

    pub(super) fn retarget(&self, target: SocketAddr) {
        self.shared.lock().target = target;
    }

    pub(super) fn set(&self, mode: Mode) {
        let mut shared = self.shared.lock();
        shared.mode = mode;
        shared.turn += 1;
        self.changed.notify_all();
    }

    pub(super) fn mode(&self) -> Mode {
        self.shared.lock().mode
    }

    /// The mode, and which turn it is.
    pub(super) fn now(&self) -> (Mode, u64) {
        let shared = self.shared.lock();
        (shared.mode, shared.turn)
    }

    /// Waits until the mode is another than in that turn, or the connection is closed, or this time is reached.
    pub(super) fn wait(&self, turn: u64, connection: &Connection, until: Option<Instant>) {
        let mut shared = self.shared.lock();
        while shared.turn == turn && !connection.is_closed() {
            match until {
                Some(until) if Instant::now() >= until => return,
                Some(until) => drop(self.changed.wait_until(&mut shared, until)),
                None => self.changed.wait(&mut shared),
            }
        }
    }

    /// Waits for that long, unless the mode changes or the connection is closed.
    pub(super) fn pause(&self, turn: u64, connection: &Connection, time: Duration) {
        self.wait(turn, connection, Some(Instant::now() + time));
    }

    /// Goes back to passing everything, if this turn is still on. Only one caller per turn hears that it is.
    pub(super) fn finish(&self, turn: u64) -> bool {
        let mut shared = self.shared.lock();
        if shared.turn != turn {
            return false;
        }
        shared.mode = Mode::Pass;
        shared.turn += 1;
        self.changed.notify_all();
        true
    }

    pub(super) fn counts(&self) -> Counts {
        self.shared.lock().counts
    }

    pub(super) fn forget(&self) {
        self.shared.lock().counts = Counts::default();
    }

    pub(super) fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(&mut self.shared.lock().counts);
    }

    pub(super) fn passed(&self, way: Way, bytes: usize, turned: bool) {
        self.count(|counts| match way {
            Way::Requests => {
                counts.to_server += bytes as u64;
                counts.round_trips += u64::from(turned);
            }
            Way::Replies => counts.to_client += bytes as u64,
        });
    }

    pub(super) fn open(&self) -> usize {
        self.shared.lock().open.iter().filter(|connection| connection.strong_count() > 0).count()
    }

    /// Says whether the connection may begin.
    pub(super) fn add(&self, connection: &Arc<Connection>) -> bool {
        let mut shared = self.shared.lock();
        if !shared.ended {
            shared.open.push(Arc::downgrade(connection));
        }
        !shared.ended
    }

    /// Takes a connection that has ended out. Its streams are closed by then.
    pub(super) fn remove(&self, connection: &Weak<Connection>) {
        let mut shared = self.shared.lock();
        shared.open.retain(|other| !other.ptr_eq(connection));
        self.changed.notify_all();
    }

    /// Lets everyone who waits look at his connection again.
    pub(super) fn wake(&self) {
        let _shared = self.shared.lock();
        self.changed.notify_all();
    }

    /// No connection begins from now on.
    pub(super) fn end(&self) {
        self.shared.lock().ended = true;
    }

    /// Ends all connections with a reset, and waits until they have.
    pub(super) fn reset(&self) {
        let mut shared = self.shared.lock();
        let all = shared.open.clone();
        let each = |act: fn(&Connection)| all.iter().filter_map(Weak::upgrade).for_each(|each| act(&each));
        each(Connection::give_up);
        self.changed.notify_all();
        let mut until = Instant::now() + PATIENCE;
        while all.iter().any(|connection| connection.strong_count() > 0) {
            if self.changed.wait_until(&mut shared, until).timed_out() {
                // One that writes to a peer that does not read is not woken by less.
                each(Connection::close);
                until = Instant::now() + PATIENCE;
            }
        }
    }
}
