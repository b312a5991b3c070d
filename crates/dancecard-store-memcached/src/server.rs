//! One server: connected to at first use, and again when the connection has ended.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::address::Address;
use crate::command::Command;
use crate::config::Config;
use crate::connection::{Answer, Cause, Connection, Lost};
use crate::error::Failure;
use crate::greeting::{self, Facts};
use crate::reply::Status;

const SHORTEST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A server and the way to it.
#[derive(Debug)]
pub(crate) struct Server {
    address: Address,
    config: Arc<Config>,
    link: Mutex<Link>,
}

#[derive(Debug)]
struct Link {
    state: State,
    /// Attempts that failed since one succeeded.
    failures: u32,
}

#[derive(Debug)]
enum State {
    Idle,
    /// A task of its own connects, so that it goes on if the caller who wanted it goes away.
    Opening(watch::Receiver<Option<Outcome>>),
    Up(Line),
    /// Until that moment nobody tries again: callers fail at once instead of waiting in vain.
    Down(Instant, Failure),
}

type Outcome = Result<Line, Failure>;

/// Why a command was not answered.
enum Missed {
    /// Its connection had ended.
    Unsent,
    Failed(Failure),
}

impl From<Failure> for Missed {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A connection that is open, and what is known about the server at its other end.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) connection: Arc<Connection>,
    pub(crate) facts: Facts,
}

impl Server {
    pub(crate) fn new(address: Address, config: Arc<Config>) -> Self {
        let link = Mutex::new(Link { state: State::Idle, failures: 0 });
        Self { address, config, link }
    }

    /// Sends the command that `prepare` makes for the server as it is found, and waits for the reply.
    ///
    /// # Errors
    /// When there is none in time, it is a refusal, or `prepare` fails; then nothing was sent.
    pub(crate) async fn ask<'c>(
        self: &Arc<Self>,
        prepare: impl Fn(Facts) -> Result<Command<'c>, Failure>,
    ) -> Result<(Answer, Facts), Failure> {
        let deadline = Instant::now() + self.config.timeout();
        let first = self.ask_once(&prepare, deadline).await;
        match first {
            // The connection had ended unnoticed, so nothing was sent: the next one will do.
            Err(Missed::Unsent) => self.ask_once(&prepare, deadline).await,
            first => first,
        }
        .map_err(|missed| match missed {
            Missed::Unsent => Failure::lost(&self.address, Lost { sent: false, cause: Cause::Closed }),
            Missed::Failed(failure) => failure,
        })
    }

    async fn ask_once<'c>(
        self: &Arc<Self>,
        prepare: &impl Fn(Facts) -> Result<Command<'c>, Failure>,
        deadline: Instant,
    ) -> Result<(Answer, Facts), Missed> {
        let Line { connection, facts } = self.line(deadline).await?;
        match connection.ask(&prepare(facts)?, deadline).await {
            Err(Lost { sent: false, cause: Cause::Closed }) => Err(Missed::Unsent),
            Err(lost) => Err(Failure::lost(&self.address, lost).into()),
            Ok(Answer { status: Status::Refused(refusal), .. }) => {
                Err(Failure::refused(&self.address, refusal).into())
            }
            Ok(answer) => Ok((answer, facts)),
        }
    }

    /// The open connection, or the next one.
    async fn line(self: &Arc<Self>, deadline: Instant) -> Result<Line, Failure> {
        let mut opening = match self.open_or_opening()? {
            Ok(line) => return Ok(line),
            Err(opening) => opening,
        };
        let outcome = timeout_at(deadline, opening.wait_for(Option::is_some)).await;
        match outcome {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or_else(|| Err(Failure::silent(&self.address))),
            // The task that connects is gone with its runtime, or nobody answers.
            Ok(Err(_)) | Err(_) => Err(Failure::silent(&self.address)),
        }
    }

    fn open_or_opening(self: &Arc<Self>) -> Result<Result<Line, watch::Receiver<Option<Outcome>>>, Failure> {
        let mut link = self.link.lock();
        match &link.state {
            State::Up(line) if !line.connection.is_closed() => return Ok(Ok(line.clone())),
            State::Down(until, failure) if Instant::now() < *until => return Err(failure.clone()),
            // With its sender gone without an outcome, there is nobody left who connects.
            State::Opening(opening) if opening.has_changed().is_ok() => return Ok(Err(opening.clone())),
            _ => {}
        }
        let runtime = Handle::try_current().map_err(|_| Failure::no_runtime())?;
        let (told, opening) = watch::channel(None);
        link.state = State::Opening(opening.clone());
        let server = self.clone();
        runtime.clone().spawn(async move {
            let outcome = server.open(&runtime).await;
            server.settle(&outcome);
            let _ = told.send(Some(outcome));
        });
        Ok(Err(opening))
    }

    async fn open(&self, runtime: &Handle) -> Outcome {
        let deadline = Instant::now() + self.config.timeout();
        let opened =
            timeout_at(deadline, greeting::open(&self.address, &self.config, runtime, deadline)).await;
        let (connection, facts) = opened.unwrap_or_else(|_| Err(Failure::silent(&self.address)))?;
        Ok(Line { connection, facts })
    }

    fn settle(&self, outcome: &Outcome) {
        let mut link = self.link.lock();
        match outcome {
            Ok(line) => *link = Link { state: State::Up(line.clone()), failures: 0 },
            Err(failure) => {
                let until = Instant::now() + pause(link.failures);
                link.failures += 1;
                link.state = State::Down(until, failure.clone());
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let State::Up(line) = &self.link.get_mut().state {
            line.connection.close();
        }
    }
}

/// How long to leave a server alone after so many failures: twice as long each time, up to two seconds, and less a
/// part that differs between processes, so that they do not all come back at once.
fn pause(failures: u32) -> Duration {
    let longest = SHORTEST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE);
    let mut random = [0; 1];
    // Without randomness they come back at once.
    let _ = getrandom::fill(&mut random);
    longest - longest.mul_f32(f32::from(random[0]) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_two_seconds() {
        for failures in [0, 1, 2, 6, 7, 10, 1000] {
            let longest = Duration::from_millis(25 << failures.min(10)).min(LONGEST_PAUSE);
            let pause = pause(failures);
            assert!(pause <= longest && pause >= longest.mul_f32(0.7), "{failures}: {pause:?}");
        }
    }
}
