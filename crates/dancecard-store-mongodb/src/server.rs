//! The servers as the engine sees them: asked, they answer within the time that an operation has, or an error says why
//! not.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dancecard_core::{Error, Result};
use futures_util::StreamExt;
use mongodb::ClientSession;
use mongodb::bson::raw::{RawDocumentBuf, cstr};
use mongodb::bson::{Bson, Document};
use mongodb::raw_batch_cursor::RawBatch;
use tokio::time::{Instant, sleep_until};

use crate::commands::Commands;
use crate::config::Config;
use crate::driver::{Deployment, Driver, Drivers};
use crate::error::{Failure, Fate};
use crate::sent::attempt;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a command does to the records, and with that what a second one would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Reads,
    /// The same whether once or twice.
    Repeatable,
    /// It may be done once only. Servers that can are told which attempts are the same.
    Once,
    /// It may be done once only, and no server can tell attempts apart.
    Counted,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) commands: Commands,
    config: Config,
    drivers: Drivers,
    numbers: AtomicI64,
}

/// The way of an operation through its attempts.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) deadline: Instant,
    operation: &'static str,
    effect: Effect,
    tries: u32,
    is_lost: bool,
    last: Option<Failure>,
}

impl Course {
    fn new(operation: &'static str, effect: Effect, timeout: Duration) -> Self {
        Self { deadline: Instant::now() + timeout, operation, effect, tries: 0, is_lost: false, last: None }
    }

    /// Pauses before the next attempt, if there may be one.
    ///
    /// # Errors
    /// The failure as the error of the operation, if there may be none.
    pub(crate) async fn go_on_after(&mut self, failure: Failure, is_numbered: bool) -> Result<()> {
        self.is_lost |= failure.is_lost();
        let next = Instant::now() + (FIRST_PAUSE * 2_u32.pow(self.tries.min(10))).min(LONGEST_PAUSE);
        self.tries += 1;
        if next >= self.deadline || !failure.allows_another_try(self.is_repeatable() || is_numbered) {
            return Err(self.fail(failure));
        }
        self.last = Some(failure);
        sleep_until(next).await;
        Ok(())
    }

    fn fail(&mut self, failure: Failure) -> Error {
        failure
            .after(self.last.take())
            .into_error(self.operation, self.is_lost && self.effect != Effect::Reads)
    }

    /// It turned out that nothing was done so far.
    pub(crate) fn forget_losses(&mut self) {
        self.is_lost = false;
    }

    fn is_repeatable(&self) -> bool {
        matches!(self.effect, Effect::Reads | Effect::Repeatable)
    }
}

/// A write, and the session by which the servers know its attempts.
struct Write {
    command: RawDocumentBuf,
    session: Option<ClientSession>,
}

impl Server {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let drivers = Drivers::new(config.connection_string()?);
        let commands = Commands::new(config);
        Ok(Self { commands, config: config.clone(), drivers, numbers: AtomicI64::new(0) })
    }

    /// What is known of the servers.
    pub(crate) fn deployment(&self) -> Option<Deployment> {
        self.drivers.deployment()
    }

    pub(crate) async fn driver(&self, deadline: Instant) -> Result<(Arc<Driver>, Deployment), Failure> {
        self.drivers.get(&self.config, &self.commands, deadline).await
    }

    pub(crate) fn course(&self, operation: &'static str, effect: Effect) -> Course {
        Course::new(operation, effect, self.config.timeout())
    }

    /// A number that no write of this engine object has had. In each session of the driver they grow, since one takes
    /// the session first and the number then.
    pub(crate) fn next_number(&self) -> i64 {
        1 + self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a question, and again if that can help.
    ///
    /// # Errors
    /// Those that the contract names.
    pub(crate) async fn read(&self, operation: &'static str, command: RawDocumentBuf) -> Result<RawBatch> {
        let mut course = self.course(operation, Effect::Reads);
        loop {
            match self.read_once(&command, course.deadline).await {
                Ok(batch) => return Ok(batch),
                Err(failure) => course.go_on_after(failure, false).await?,
            }
        }
    }

    async fn read_once(&self, command: &RawDocumentBuf, deadline: Instant) -> Result<RawBatch, Failure> {
        let (driver, _) = self.driver(deadline).await?;
        let asked = attempt(deadline, driver.database.run_raw_cursor_command(command.clone()).batch()).await;
        let answer = asked.outcome.ok_or_else(|| Failure::late(asked.was_sent))?;
        let mut cursor = answer.map_err(|error| Failure::told(&error, asked.was_sent))?;
        // What came with the answer; nothing is sent.
        let batch = cursor.next().await.ok_or(Failure::late(true))?;
        batch.map_err(|error| Failure::told(&error, asked.was_sent))
    }

    /// Sends a write, and again if that can help and do no harm, and says how many records it was about.
    ///
    /// # Errors
    /// Those that the contract names.
    pub(crate) async fn write(
        &self,
        operation: &'static str,
        mut command: RawDocumentBuf,
        effect: Effect,
    ) -> Result<usize> {
        self.commands.end_of_write(&mut command);
        let mut course = self.course(operation, effect);
        let mut write = Write { command, session: None };
        loop {
            match self.write_once(&mut write, &course).await {
                Ok(count) => return Ok(count),
                Err(failure) => course.go_on_after(failure, write.session.is_some()).await?,
            }
        }
    }

    async fn write_once(&self, write: &mut Write, course: &Course) -> Result<usize, Failure> {
        let (driver, deployment) = self.driver(course.deadline).await?;
        let is_numbered = course.effect == Effect::Once && deployment.numbers && self.config.numbers_writes();
        if is_numbered && write.session.is_none() {
            write.session = Some(self.session(&driver).await?);
            write.command.append(cstr!("txnNumber"), self.next_number());
        }
        let action = driver.database.run_raw_command(write.command.clone());
        let answer = match &mut write.session {
            Some(session) => run(action.session(session), course.deadline).await,
            None => run(action, course.deadline).await,
        };
        count(&answer?)
    }

    /// Whether what the servers say of a transaction that is gone stays true.
    pub(crate) fn is_final(&self, course: &Course) -> bool {
        self.config.write_concern.is_majority() || !course.is_lost
    }

    /// A session of the driver; nothing is sent for it.
    pub(crate) async fn session(&self, driver: &Driver) -> Result<ClientSession, Failure> {
        driver.client.start_session().await.map_err(|error| Failure::told(&error, false))
    }
}

/// Runs a command once.
pub(crate) async fn run(
    action: mongodb::action::RunCommand<'_>,
    deadline: Instant,
) -> Result<Document, Failure> {
    let asked = attempt(deadline, action.into_future()).await;
    let answer = asked.outcome.ok_or_else(|| Failure::late(asked.was_sent))?;
    answer.map_err(|error| Failure::told(&error, asked.was_sent))
}

/// How many records a write was about.
///
/// # Errors
/// What the server has against it, and whether others may have it.
pub(crate) fn count(answer: &Document) -> Result<usize, Failure> {
    if let Some(refusal) = answer.get_array("writeErrors").ok().and_then(|errors| errors.first()) {
        let (code, name) = refusal.as_document().map(told).unwrap_or_default();
        return Err(Failure::of_code(code, name, Fate::Refused));
    }
    confirmed(answer)?;
    Ok(answer.get_i32("n").ok().and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
}

/// Whether as many members have it as were asked for.
pub(crate) fn confirmed(answer: &Document) -> Result<(), Failure> {
    match answer.get("writeConcernError").and_then(Bson::as_document) {
        Some(doubt) => {
            let (code, name) = told(doubt);
            Err(Failure::unconfirmed(code, name))
        }
        None => Ok(()),
    }
}

fn told(refusal: &Document) -> (i32, Option<&str>) {
    (refusal.get_i32("code").unwrap_or(0), refusal.get_str("codeName").ok())
}
