//! One connection, shared by everybody: commands go in from any task, replies come out in order.
//!
//! Callers append to one buffer under a lock and wait; a [`Driver`](crate::driver) takes the whole buffer when the
//! socket has taken the one before. So commands that arrive together go out together, in one write.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Waker};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::command::Command;
use crate::driver::Driver;
use crate::reply::Status;
use crate::stream::Stream;

/// More than this may wait to be written only if it is a single command.
const MOST_BYTES: usize = 64 << 20;

/// A reply that has been handed over.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: Status,
    pub(crate) cas: Option<u64>,
    pub(crate) flags: u32,
    pub(crate) value: Vec<u8>,
}

/// A reply to come.
pub(crate) type Reply = oneshot::Receiver<Result<Answer, Lost>>;

/// There will be no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Whether the server may have got the command.
    pub(crate) sent: bool,
    pub(crate) cause: Cause,
}

/// Why there will be none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The connection has ended.
    Closed,
    /// Something came that is no reply, or none to what was asked.
    Garbled,
    /// It took too long.
    TimedOut,
    /// Too many wait already.
    Crowded,
}

/// The end of a connection that callers hold.
#[derive(Debug)]
pub(crate) struct Connection {
    queue: Mutex<Queue>,
    closed: AtomicBool,
    largest_value: AtomicUsize,
    most_waiting: usize,
}

/// What the driver has not taken yet.
#[derive(Debug, Default)]
struct Queue {
    outgoing: Vec<u8>,
    waiting: VecDeque<Waiter>,
    /// Commands without a reply, also those that the driver has taken.
    unanswered: usize,
    /// Bytes of all commands, from the first on.
    accepted: u64,
    opaque: u32,
    driver: Option<Waker>,
    /// Whether the driver waits for commands.
    sleeps: bool,
}

/// A caller who waits for a reply.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// Where the command ends, counted in bytes from the first command on.
    pub(crate) end: u64,
    /// The number that the reply must repeat, if it repeats one.
    pub(crate) opaque: Option<u32>,
    pub(crate) answer: oneshot::Sender<Result<Answer, Lost>>,
}

impl Waiter {
    pub(crate) fn lose(self, sent: bool, cause: Cause) {
        let _ = self.answer.send(Err(Lost { sent, cause }));
    }
}

impl Connection {
    /// Puts a stream to work, on this runtime.
    pub(crate) fn start(
        stream: Stream,
        most_waiting: usize,
        largest_value: usize,
        runtime: &Handle,
    ) -> Arc<Self> {
        let connection = Arc::new(Self {
            queue: Mutex::default(),
            closed: AtomicBool::new(false),
            largest_value: AtomicUsize::new(largest_value),
            most_waiting,
        });
        runtime.spawn(Driver::new(connection.clone(), stream));
        connection
    }

    /// Sends a command and waits for the reply. If none comes by the deadline, the connection is given up, since the
    /// replies behind it would be late as well.
    ///
    /// # Errors
    /// When there is no reply.
    ///
    /// # Cancel safety
    /// Dropped, the command is still carried out; its reply is dropped when it comes.
    pub(crate) async fn ask(&self, command: &Command<'_>, deadline: Instant) -> Result<Answer, Lost> {
        self.wait(self.submit(command)?, deadline).await
    }

    /// Waits for the reply to a command, as [`ask`](Self::ask) does.
    ///
    /// # Errors
    /// When there is no reply.
    pub(crate) async fn wait(&self, reply: Reply, deadline: Instant) -> Result<Answer, Lost> {
        match timeout_at(deadline, reply).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Lost { sent: true, cause: Cause::Closed }),
            Err(_) => {
                self.close();
                Err(Lost { sent: true, cause: Cause::TimedOut })
            }
        }
    }

    /// Appends a command to what goes out next.
    ///
    /// # Errors
    /// When the connection has ended, or too many wait.
    pub(crate) fn submit(&self, command: &Command<'_>) -> Result<Reply, Lost> {
        let (answer, reply) = oneshot::channel();
        let mut queue = self.queue.lock();
        if self.is_closed() {
            return Err(Lost { sent: false, cause: Cause::Closed });
        }
        if queue.unanswered >= self.most_waiting || queue.is_heavy(command.weight()) {
            return Err(Lost { sent: false, cause: Cause::Crowded });
        }
        queue.push(command, answer);
        let sleeps = std::mem::take(&mut queue.sleeps);
        let driver = queue.driver.as_ref().filter(|_| sleeps).cloned();
        drop(queue);
        driver.into_iter().for_each(Waker::wake);
        Ok(reply)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Lets the driver end. Whoever waits gets no reply.
    pub(crate) fn close(&self) {
        let driver = {
            let mut queue = self.queue.lock();
            self.closed.store(true, Ordering::Release);
            // Asleep or not: it may wait for a peer that never reads.
            queue.driver.take()
        };
        driver.into_iter().for_each(Waker::wake);
    }

    /// The largest value that a reply may have, in bytes.
    pub(crate) fn largest_value(&self) -> usize {
        self.largest_value.load(Ordering::Relaxed)
    }

    pub(crate) fn set_largest_value(&self, bytes: usize) {
        self.largest_value.store(bytes, Ordering::Relaxed);
    }

    /// For the driver: whether commands wait. Without any, it is woken when one comes.
    pub(crate) fn poll_waiting(&self, context: &mut Context<'_>, answered: usize) -> bool {
        let mut queue = self.queue.lock();
        queue.unanswered -= answered;
        queue.sleeps = queue.outgoing.is_empty();
        if !queue.driver.as_ref().is_some_and(|driver| driver.will_wake(context.waker())) {
            queue.driver = Some(context.waker().clone());
        }
        !queue.sleeps
    }

    /// For the driver: the commands that wait. The buffer that it brings is empty.
    pub(crate) fn take(&self, outgoing: &mut Vec<u8>, in_flight: &mut VecDeque<Waiter>) {
        let mut queue = self.queue.lock();
        std::mem::swap(&mut queue.outgoing, outgoing);
        in_flight.extend(queue.waiting.drain(..));
    }

    /// For the driver: no more commands; those that nobody took are never sent.
    pub(crate) fn end(&self, cause: Cause) {
        self.abandon().into_iter().for_each(|waiter| waiter.lose(false, cause));
    }

    fn abandon(&self) -> VecDeque<Waiter> {
        let mut queue = self.queue.lock();
        self.closed.store(true, Ordering::Release);
        std::mem::take(&mut queue.waiting)
    }
}

impl Queue {
    fn is_heavy(&self, more: usize) -> bool {
        !self.outgoing.is_empty() && self.outgoing.len() + more > MOST_BYTES
    }

    fn push(&mut self, command: &Command<'_>, answer: oneshot::Sender<Result<Answer, Lost>>) {
        let before = self.outgoing.len();
        self.opaque = self.opaque.wrapping_add(1);
        command.encode(self.opaque, &mut self.outgoing);
        self.accepted += (self.outgoing.len() - before) as u64;
        self.unanswered += 1;
        let opaque = command.is_numbered().then_some(self.opaque);
        self.waiting.push_back(Waiter { end: self.accepted, opaque, answer });
    }
}
