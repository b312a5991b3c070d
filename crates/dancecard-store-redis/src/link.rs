//! The way to one server: a connection that is made when it is first needed, and again when it broke.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::address::Address;
use crate::dial::{Dialer, Line};
use crate::error::{Failure, Trouble};
use crate::sentinel::Sentinels;
use crate::servers::Effort;
use crate::wire::{Command, Reply};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Where the server is.
#[derive(Debug)]
pub(crate) enum Target {
    Fixed(Address),
    /// Wherever the sentinels say.
    Watched(Sentinels),
}

/// The way to one server.
#[derive(Debug)]
pub(crate) struct Link {
    target: Target,
    dialer: Arc<Dialer>,
    line: RwLock<Option<Arc<Line>>>,
    /// Held by the one who connects.
    connecting: sync::Mutex<()>,
    outage: Mutex<Option<Outage>>,
}

/// A reply, and the connection that it came by.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) line: Arc<Line>,
}

/// What is known of a server that can't be reached.
#[derive(Debug, Clone)]
struct Outage {
    trouble: Trouble,
    since: Instant,
    /// When to try again, and how long to wait after that.
    next: Instant,
    pause: Duration,
}

impl Link {
    pub(crate) fn new(target: Target, dialer: Arc<Dialer>) -> Self {
        Self {
            target,
            dialer,
            line: RwLock::new(None),
            connecting: sync::Mutex::new(()),
            outage: Mutex::new(None),
        }
    }

    /// Sends a command and waits for its reply.
    ///
    /// # Errors
    /// When the server can't be reached, the connection breaks, the time is up, or too few replicas have a write.
    pub(crate) async fn call(&self, command: &Command, effort: Effort) -> Result<Answer, Failure> {
        if effort.replicas > 0 {
            return self.call_waiting(None, command, effort).await;
        }
        self.with_line(effort.until, async |line| {
            let reply = line.connection.call(command).await?;
            Ok(Answer { reply, line: line.clone() })
        })
        .await
    }

    /// Like [`Link::call`], of a node that is not responsible for the key yet.
    ///
    /// # Errors
    /// Those of [`Link::call`].
    pub(crate) async fn call_asking(&self, command: &Command, effort: Effort) -> Result<Answer, Failure> {
        self.call_waiting(Some(Command::new("ASKING")), command, effort).await
    }

    /// With a command before it, and the wait for replicas after it. Nothing else comes between: it is sent as one.
    async fn call_waiting(
        &self,
        before: Option<Command>,
        command: &Command,
        effort: Effort,
    ) -> Result<Answer, Failure> {
        let place = usize::from(before.is_some());
        let wait = (effort.replicas > 0).then(|| effort.wait());
        let commands = before.iter().chain([command]).chain(&wait);
        let (mut replies, line) = self
            .with_line(effort.until, async |line| Ok((line.connection.batch(commands).await?, line.clone())))
            .await?;
        let replicas = replies.get(place + 1).and_then(Reply::as_number).unwrap_or_default();
        let reply = if place < replies.len() { replies.swap_remove(place) } else { Reply::Nil };
        let wrote = !matches!(reply, Reply::Refused(_) | Reply::Number(..=0));
        if wrote && replicas < i64::from(effort.replicas) {
            return Err(Failure::lost(Trouble::unavailable(
                "the write is on the master, but not on replicas_to_wait replicas within the time",
            )));
        }
        Ok(Answer { reply, line })
    }

    /// Sends commands together and waits for all replies.
    ///
    /// # Errors
    /// Those of [`Link::call`].
    pub(crate) async fn batch<'a>(
        &self,
        commands: impl Iterator<Item = &'a Command> + Send,
        until: Instant,
    ) -> Result<Vec<Reply>, Failure> {
        self.with_line(until, async |line| line.connection.batch(commands).await).await
    }

    async fn with_line<T>(
        &self,
        until: Instant,
        work: impl AsyncFnOnce(&Arc<Line>) -> Result<T, Trouble>,
    ) -> Result<T, Failure> {
        if Handle::try_current().is_err() {
            let trouble = Trouble::config("the engine works within a tokio runtime; call it from one");
            return Err(Failure::unsent(trouble));
        }
        let (line, is_new) = match self.open_line() {
            Some(line) => (line, false),
            None => (self.connect(until).await?, true),
        };
        let sent = line.source.as_ref().map(|source| (source, std::time::Instant::now()));
        match timeout_at(until, work(&line)).await {
            Ok(Ok(done)) => {
                if let Some((source, sent)) = sent {
                    source.confirm(sent);
                }
                Ok(done)
            }
            Ok(Err(trouble)) => {
                self.give_up(&line);
                Err(Failure::lost(trouble))
            }
            Err(_) => {
                // It may be dead without anybody knowing, unless there was hardly any time to wait for it.
                if !is_new {
                    self.give_up(&line);
                }
                Err(Failure::late())
            }
        }
    }

    /// Lets go of the connection, so that the next command gets another, from the present master if there are
    /// sentinels. Whoever waits for a reply still gets it.
    pub(crate) fn start_over(&self) {
        self.line.write().take();
    }

    /// Whether it has been out of reach for so long that nobody should wait for it.
    pub(crate) fn is_down(&self) -> bool {
        let patience = self.dialer.config.timeout();
        self.outage.lock().as_ref().is_some_and(|outage| outage.since.elapsed() > patience)
    }

    /// Whether the last attempt to reach it failed.
    pub(crate) fn is_troubled(&self) -> bool {
        self.outage.lock().is_some()
    }

    fn give_up(&self, line: &Arc<Line>) {
        let mut current = self.line.write();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, line)) {
            current.take();
        }
    }

    fn open_line(&self) -> Option<Arc<Line>> {
        self.line.read().as_ref().filter(|line| !line.connection.has_ended()).cloned()
    }

    /// One attempt, unless another caller's succeeds meanwhile.
    async fn connect(&self, until: Instant) -> Result<Arc<Line>, Failure> {
        let unsent = |trouble: Option<Trouble>| Failure::unsent(trouble.unwrap_or_else(no_time));
        let Ok(_held) = timeout_at(until, self.connecting.lock()).await else {
            return Err(unsent(self.trouble()));
        };
        if let Some(line) = self.open_line() {
            return Ok(line);
        }
        self.wait_for_turn(until).await?;
        match timeout_at(until, self.attempt()).await {
            Ok(Ok(line)) => Ok(line),
            Ok(Err(trouble)) => Err(Failure::unsent(self.note(trouble))),
            Err(_) => {
                let trouble = self.trouble();
                Err(unsent(Some(self.note(trouble.unwrap_or_else(no_time)))))
            }
        }
    }

    /// Attempts keep a distance. Nobody waits for one where waiting has not helped for long, or can't.
    async fn wait_for_turn(&self, until: Instant) -> Result<(), Failure> {
        let Some(outage) = self.outage.lock().clone() else { return Ok(()) };
        if Instant::now() >= outage.next {
            return Ok(());
        }
        if self.is_down() || outage.trouble.is_lasting() || outage.next >= until {
            return Err(Failure::unsent(outage.trouble));
        }
        sleep_until(outage.next).await;
        Ok(())
    }

    async fn attempt(&self) -> Result<Arc<Line>, Trouble> {
        let patience = Instant::now() + self.dialer.config.connect_timeout();
        let silent = |_| Err(Trouble::unavailable("the server did not answer within connect_timeout_ms"));
        let line = timeout_at(patience, self.dial()).await.unwrap_or_else(silent)?;
        let line = Arc::new(line);
        if let Some(source) = &line.source {
            // Nothing has been read through it yet that could be stale.
            source.confirm(std::time::Instant::now());
        }
        *self.outage.lock() = None;
        *self.line.write() = Some(line.clone());
        Ok(line)
    }

    async fn dial(&self) -> Result<Line, Trouble> {
        match &self.target {
            Target::Fixed(address) => self.dialer.server(address, false).await,
            Target::Watched(sentinels) => {
                let master = sentinels.master(&self.dialer).await?;
                self.dialer.server(&master, true).await
            }
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        self.outage.lock().as_ref().map(|outage| outage.trouble.clone())
    }

    /// Remembers an attempt that failed.
    fn note(&self, trouble: Trouble) -> Trouble {
        let mut outage = self.outage.lock();
        let (now, before) = (Instant::now(), outage.take());
        let pause = before.as_ref().map_or(FIRST_PAUSE, |before| (before.pause * 2).min(LONGEST_PAUSE));
        let since = before.map_or(now, |before| before.since);
        *outage = Some(Outage { trouble: trouble.clone(), since, next: now + pause, pause });
        trouble
    }
}

fn no_time() -> Trouble {
    Trouble::unavailable("the server could not be reached within timeout_ms")
}
