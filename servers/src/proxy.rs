//! A proxy that breaks connections, and counts what goes through.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

use crate::port::Port;
use connection::Connection;
use state::State;

mod connection;
mod state;

pub use state::Counts;

/// What a [`Proxy`] does, from the moment it is told so, also to connections that are open already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Forwards everything at once.
    #[default]
    Pass,
    /// Does not listen: new connections are refused by the kernel. Open ones go on.
    Down,
    /// Accepts new connections and closes them. Open ones go on.
    Refuse,
    /// Accepts connections and forwards nothing, either way. What is held back goes out when the mode changes.
    BlackHole,
    /// Forwards each piece, either way, no sooner than this after its arrival.
    Delay(Duration),
    /// Forwards so many bytes a tick, each way of each connection.
    Slow {
        /// At most so many in one piece.
        bytes: usize,
        /// The time between two pieces.
        tick: Duration,
    },
    /// Closes each connection as soon as so many bytes have gone one way since the mode was set: it forwards exactly
    /// these, and the next byte is never seen. With 0, the first byte that way is the end.
    Cut {
        /// Which way counts.
        way: Way,
        /// How many bytes still go through.
        after: u64,
        /// Whether only the first connection that comes so far is cut, and the mode is [`Mode::Pass`] from then on.
        once: bool,
    },
}

impl Mode {
    /// One cut, of the first connection that comes so far: which way, and after how many bytes below `within`, the number
    /// says.
    ///
    /// ```
    /// use dancecard_servers::{Mode, Way};
    ///
    /// assert_eq!(Mode::cut_by(7, 100), Mode::Cut { way: Way::Replies, after: 3, once: true });
    /// assert_eq!(Mode::cut_by(206, 100), Mode::Cut { way: Way::Requests, after: 3, once: true });
    /// ```
    pub fn cut_by(number: u64, within: u64) -> Self {
        let way = if number.is_multiple_of(2) { Way::Requests } else { Way::Replies };
        Self::Cut { way, after: number / 2 % within.max(1), once: true }
    }
}

/// A direction through a [`Proxy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Requests,
    /// From the server to the client.
    Replies,
}

/// A proxy before a TCP server, on threads of its own. It does not need the server to be up.
///
/// A connection that the server refuses is accepted and closed: use [`Mode::Down`] where that matters.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::{TcpListener, TcpStream};
///
/// use dancecard_servers::{Mode, Proxy};
///
/// let server = TcpListener::bind("127.0.0.1:0")?;
/// let proxy = Proxy::start(server.local_addr()?)?;
/// let mut client = TcpStream::connect(proxy.address())?;
/// let (mut peer, _) = server.accept()?;
///
/// client.write_all(b"hello")?;
/// peer.read_exact(&mut [0; 5])?;
/// assert_eq!((proxy.counts().to_server, proxy.counts().round_trips), (5, 1));
///
/// proxy.set(Mode::Refuse);
/// let mut refused = TcpStream::connect(proxy.address())?;
/// assert!(matches!(refused.read(&mut [0]), Ok(0) | Err(_)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    state: Arc<State>,
    /// What accepts, unless the proxy is down.
    acceptor: Mutex<Option<Acceptor>>,
}

/// The listener, and the thread that waits for connections to it.
#[derive(Debug)]
struct Acceptor {
    listener: Arc<TcpListener>,
    thread: JoinHandle<()>,
}

impl Proxy {
    /// A proxy before the server at `target`, on a free port.
    ///
    /// # Errors
    /// When no free port is found.
    pub fn start(target: SocketAddr) -> io::Result<Self> {
        let port = Port::free()?;
        let listener = listen(port.number())?;
        let state = Arc::new(State::new(target));
        let acceptor = Mutex::new(Some(accept(listener, state.clone())));
        Ok(Self { port, state, acceptor })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port()))
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The URL of the server with the proxy in its place.
    pub fn url(&self, of: &str) -> String {
        of.replace(&format!(":{}", self.state.target().port()), &format!(":{}", self.port()))
    }

    /// Does this from now on. When it returns, everything that arrives is treated this way.
    ///
    /// If another program took the port while the proxy was [`Mode::Down`], it stays down.
    pub fn set(&self, mode: Mode) {
        let mut acceptor = self.acceptor.lock();
        self.state.set(mode);
        if mode == Mode::Down {
            self.hush(&mut acceptor);
        } else if acceptor.is_none() {
            *acceptor = listen(self.port()).ok().map(|listener| accept(listener, self.state.clone()));
        }
    }

    /// Does that from now on.
    pub fn mode(&self) -> Mode {
        self.state.mode()
    }

    /// Sends new connections to another server. Open ones stay where they are.
    pub fn retarget(&self, target: SocketAddr) {
        self.state.retarget(target);
    }

    /// Resets every open connection, on both sides, and returns when that is done.
    pub fn reset(&self) {
        self.state.reset();
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.state.open()
    }

    /// What went through since the start, or since [`forget`](Self::forget).
    pub fn counts(&self) -> Counts {
        self.state.counts()
    }

    /// The round trips of [`counts`](Self::counts).
    pub fn round_trips(&self) -> u64 {
        self.counts().round_trips
    }

    /// Lets all counts begin at 0.
    pub fn forget(&self) {
        self.state.forget();
    }

    /// Ends the thread that accepts, and with it the listener.
    fn hush(&self, acceptor: &mut Option<Acceptor>) {
        let Some(Acceptor { listener, thread }) = acceptor.take() else { return };
        // A process that is being started by another thread holds a copy of the listener until it becomes the other
        // program, so closing ours is not enough: it would still be connected to.
        let _ = rustix::net::shutdown(&*listener, rustix::net::Shutdown::Read);
        // Where that does not wake the thread, a connection does.
        let _ = TcpStream::connect(self.address());
        let _ = thread.join();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.end();
        self.set(Mode::Down);
        self.reset();
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

fn accept(listener: TcpListener, state: Arc<State>) -> Acceptor {
    let listener = Arc::new(listener);
    let ears = listener.clone();
    Acceptor { listener, thread: thread::spawn(move || accept_all(&ears, &state)) }
}

fn accept_all(listener: &TcpListener, state: &Arc<State>) {
    loop {
        let accepted = listener.accept();
        match (state.mode(), accepted) {
            (Mode::Down, _) => return,
            (Mode::Refuse, _) => {}
            (_, Ok((client, _))) => connect(client, state),
            // This process has too many files open: that may pass.
            (_, Err(_)) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// A target that does not answer must not hold up other clients, so it is connected to on a thread.
fn connect(client: TcpStream, state: &Arc<State>) {
    state.count(|counts| counts.connections += 1);
    let state = state.clone();
    thread::spawn(move || {
        let Ok(server) = TcpStream::connect(state.target()) else { return };
        let connection = Arc::new(Connection::new(client, server));
        let name = Arc::downgrade(&connection);
        if state.add(&connection) {
            connection.run(&state);
        }
        // Closed first, so that one who waits for the end finds it done.
        drop(connection);
        state.remove(&name);
    });
}
