//! The task that moves bytes between a connection's callers and its socket.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::connection::{Answer, Cause, Connection, Waiter};
use crate::incoming::Incoming;
use crate::reply::{Garbled, Reply, Status};
use crate::stream::Stream;

/// A buffer that has grown beyond this is let go of when it is empty.
const KEPT: usize = 256 << 10;

/// Runs until the connection ends. Dropped, as when its runtime ends, it ends the connection.
#[derive(Debug)]
pub(crate) struct Driver {
    connection: Arc<Connection>,
    stream: Stream,
    /// What is being written, and how much of it is.
    outgoing: Vec<u8>,
    written: usize,
    /// Bytes written since the connection began.
    sent: u64,
    in_flight: VecDeque<Waiter>,
    incoming: Incoming,
    /// Whether commands wait for others to join them.
    gathering: bool,
    /// Replies handed over since the connection was last told.
    answered: usize,
    cause: Cause,
}

impl Driver {
    pub(crate) fn new(connection: Arc<Connection>, stream: Stream) -> Self {
        Self {
            connection,
            stream,
            outgoing: Vec::new(),
            written: 0,
            sent: 0,
            in_flight: VecDeque::new(),
            incoming: Incoming::new(),
            gathering: false,
            answered: 0,
            cause: Cause::Closed,
        }
    }

    /// Does what can be done now. Whether there may be more.
    fn advance(&mut self, context: &mut Context<'_>) -> Result<bool, Cause> {
        if self.outgoing.is_empty() && self.gather(context) {
            return Ok(false);
        }
        // After the waker is in place: who closes the connection later wakes this task.
        if self.connection.is_closed() {
            return Err(Cause::Closed);
        }
        Ok(self.write(context)? | self.read(context)?)
    }

    /// Takes the commands that wait. When the first has come, others get one turn of the runtime to join it: whoever
    /// just got a reply is about to ask again, and one write for many costs little more than one for each. Whether
    /// that turn is now.
    fn gather(&mut self, context: &mut Context<'_>) -> bool {
        let answered = std::mem::take(&mut self.answered);
        let waits = self.connection.poll_waiting(context, answered);
        self.gathering = waits && !self.gathering;
        if self.gathering {
            context.waker().wake_by_ref();
        } else if waits {
            self.connection.take(&mut self.outgoing, &mut self.in_flight);
        }
        self.gathering
    }

    fn write(&mut self, context: &mut Context<'_>) -> Result<bool, Cause> {
        let rest = self.outgoing.get(self.written..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(false);
        }
        match self.stream.poll_write(context, rest) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(0) | Err(_)) => Err(Cause::Closed),
            Poll::Ready(Ok(count)) => {
                self.wrote(count);
                Ok(true)
            }
        }
    }

    fn wrote(&mut self, count: usize) {
        self.sent += count as u64;
        self.written += count;
        if self.written == self.outgoing.len() {
            self.written = 0;
            self.outgoing.clear();
            self.outgoing.shrink_to(KEPT);
        }
    }

    fn read(&mut self, context: &mut Context<'_>) -> Result<bool, Cause> {
        match self.stream.poll_read(context, self.incoming.room()) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(0) | Err(_)) => Err(Cause::Closed),
            Poll::Ready(Ok(count)) => {
                self.incoming.filled(count);
                self.hand_over()?;
                Ok(true)
            }
        }
    }

    fn hand_over(&mut self) -> Result<(), Cause> {
        let largest = self.connection.largest_value();
        let (in_flight, answered) = (&mut self.in_flight, &mut self.answered);
        self.incoming.each(largest, |reply| {
            let waiter = in_flight.pop_front().ok_or(Cause::Garbled)?;
            *answered += 1;
            answer(waiter, reply)
        })
    }
}

/// Gives a reply to its caller, if it is his.
fn answer(waiter: Waiter, reply: Reply<'_>) -> Result<(), Cause> {
    let refusal = match reply.status {
        Status::Refused(refusal) => Some(refusal),
        _ => None,
    };
    if refusal.is_none() && reply.opaque != waiter.opaque {
        waiter.lose(true, Cause::Garbled);
        return Err(Cause::Garbled);
    }
    let Reply { status, cas, flags, value, .. } = reply;
    // Who has gone away does not want it.
    let _ = waiter.answer.send(Ok(Answer { status, cas, flags, value: value.to_vec() }));
    match refusal {
        Some(refusal) if refusal.ends_the_connection() => Err(Cause::Closed),
        _ => Ok(()),
    }
}

impl From<Garbled> for Cause {
    fn from(_: Garbled) -> Self {
        Self::Garbled
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.advance(context) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(cause) => {
                    self.cause = cause;
                    return Poll::Ready(());
                }
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.connection.end(self.cause);
        for waiter in self.in_flight.drain(..) {
            let sent = waiter.end <= self.sent;
            waiter.lose(sent, self.cause);
        }
    }
}
