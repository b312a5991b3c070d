//! One connection through a proxy: two streams, and a thread for each way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::state::State;
use super::{Mode, Way};

const PIECE: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// Whether the client spoke last.
    asked: AtomicBool,
    closed: AtomicBool,
}

/// One way through a connection.
struct Lane<'a> {
    connection: &'a Connection,
    state: &'a State,
    way: Way,
    /// The turn in which `gone` was counted.
    turn: u64,
    /// Bytes that went this way in the turn.
    gone: u64,
}

impl Connection {
    pub(super) fn new(client: TcpStream, server: TcpStream) -> Self {
        // Nothing may be held back that is not meant to be. A connection that is closed already shows itself later.
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        Self { client, server, asked: AtomicBool::new(false), closed: AtomicBool::new(false) }
    }

    /// Forwards both ways until both have ended.
    pub(super) fn run(&self, state: &State) {
        let turn = state.now().1;
        let lane = |way| Lane { connection: self, state, way, turn, gone: 0 };
        thread::scope(|scope| {
            scope.spawn(|| lane(Way::Requests).forward());
            lane(Way::Replies).forward();
        });
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Lets the threads give up what they wait for. Those that read are woken as well, and the peers hear nothing yet.
    pub(super) fn give_up(&self) {
        self.closed.store(true, Ordering::Release);
        for stream in [&self.client, &self.server] {
            // Without lingering, the end of a stream is a reset.
            let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
            let _ = stream.shutdown(Shutdown::Read);
        }
    }

    /// Ends it in order on both sides.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

impl Lane<'_> {
    fn forward(mut self) {
        let mut piece = vec![0; PIECE];
        loop {
            let forwarded = match self.from().read(&mut piece) {
                Ok(0) => return self.end(),
                Ok(length) => self.arrived(&piece[..length]),
                Err(_) => false,
            };
            if !forwarded {
                return self.give_up();
            }
        }
    }

    fn from(&self) -> &TcpStream {
        match self.way {
            Way::Requests => &self.connection.client,
            Way::Replies => &self.connection.server,
        }
    }

    fn to(&self) -> &TcpStream {
        match self.way {
            Way::Requests => &self.connection.server,
            Way::Replies => &self.connection.client,
        }
    }

    /// The other way may still have something to say.
    fn end(&mut self) {
        self.hold();
        if !self.connection.is_closed() {
            let _ = self.to().shutdown(Shutdown::Write);
        }
    }

    fn give_up(&self) {
        if !self.connection.is_closed() {
            self.connection.close();
            self.state.wake();
        }
    }

    /// Forwards what has arrived, as the mode wants it. Says whether the connection goes on.
    fn arrived(&mut self, bytes: &[u8]) -> bool {
        let asked = self.way == Way::Requests;
        let turned = asked && !self.connection.asked.load(Ordering::Acquire);
        self.connection.asked.store(asked, Ordering::Release);
        self.state.passed(self.way, bytes.len(), turned);
        let mut at = Piece { rest: bytes, arrived: Instant::now() };
        while !at.rest.is_empty() && !self.connection.is_closed() {
            if !self.step(&mut at) {
                return false;
            }
        }
        at.rest.is_empty()
    }

    fn step(&mut self, at: &mut Piece<'_>) -> bool {
        let (mode, turn) = self.hold();
        match mode {
            Mode::Delay(time) if at.arrived.elapsed() < time => {
                self.state.wait(turn, self.connection, Some(at.arrived + time));
                true
            }
            Mode::Slow { bytes, tick } => {
                let sent = self.send(at, bytes.max(1));
                self.state.pause(turn, self.connection, tick);
                sent
            }
            Mode::Cut { way, after, once } if way == self.way => {
                let room = usize::try_from(after.saturating_sub(self.gone)).unwrap_or(usize::MAX);
                let is_last = at.rest.len() > room && (!once || self.state.finish(turn));
                self.send(at, room) && !is_last
            }
            _ => self.send(at, usize::MAX),
        }
    }

    /// Waits until something may go out.
    fn hold(&mut self) -> (Mode, u64) {
        loop {
            let (mode, turn) = self.state.now();
            if turn != self.turn {
                (self.turn, self.gone) = (turn, 0);
            }
            if mode != Mode::BlackHole || self.connection.is_closed() {
                return (mode, turn);
            }
            self.state.wait(turn, self.connection, None);
        }
    }

    fn send(&mut self, at: &mut Piece<'_>, most: usize) -> bool {
        let (now, later) = at.rest.split_at(most.min(at.rest.len()));
        at.rest = later;
        self.gone += now.len() as u64;
        self.to().write_all(now).is_ok()
    }
}

/// What is left of something that arrived.
struct Piece<'a> {
    rest: &'a [u8],
    arrived: Instant,
}
