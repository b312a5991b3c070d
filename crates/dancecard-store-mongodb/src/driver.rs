//! The driver, made when it is first used, and what it has found at the other end.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use mongodb::bson::Document;
use mongodb::bson::raw::RawDocumentBuf;
use mongodb::options::{ClientOptions, ConnectionString};
use mongodb::{Client, Database};
use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::commands::Commands;
use crate::config::Config;
use crate::error::{Failure, OTHER_OPTIONS};
use crate::sent::{attempt, listener};

/// MongoDB 5.0.
const OLDEST_WIRE_VERSION: i32 = 13;
/// A server that is there answers within this time.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// What the servers are, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// Whether they tell a repeated write from a second one.
    pub(crate) numbers: bool,
    /// Whether several writes can be one.
    pub(crate) transactions: bool,
}

impl Deployment {
    fn of(hello: &Document) -> Result<Self, Failure> {
        if number(hello, "maxWireVersion") < OLDEST_WIRE_VERSION {
            return Err(Failure::too_old());
        }
        let is_replica_set = hello.contains_key("setName");
        let is_router = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
        // What a transaction sends must all go to the same router, of which there may be several.
        Ok(Self { numbers: is_replica_set || is_router, transactions: is_replica_set })
    }
}

/// The driver with its connections. It lives in tasks of the runtime in which it was made.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) client: Client,
    pub(crate) database: Database,
    deployment: OnceLock<Deployment>,
    /// Ends with the runtime.
    companion: JoinHandle<()>,
}

impl Driver {
    async fn new(config: &Config, connection: ConnectionString) -> Result<Self, Failure> {
        let told = |error| Failure::told(&error, false);
        let mut options = ClientOptions::parse(connection).await.map_err(told)?;
        adapt(&mut options, config.timeout());
        let client = Client::with_options(options).map_err(told)?;
        let database = client.database(&config.database);
        let companion = tokio::spawn(std::future::pending());
        Ok(Self { client, database, deployment: OnceLock::new(), companion })
    }

    /// What was found, once something was.
    pub(crate) fn deployment(&self) -> Option<Deployment> {
        self.deployment.get().copied()
    }

    /// Runs a command of which nothing is lost if it is done twice or not at all.
    async fn ask(&self, command: RawDocumentBuf, deadline: Instant) -> Result<Document, Failure> {
        let asked = attempt(deadline, self.database.run_raw_command(command).into_future()).await;
        let answer = asked.outcome.ok_or(Failure::late(false))?;
        answer.map_err(|error| Failure::told(&error, asked.was_sent).before_anything())
    }

    /// Asks what is there, and makes the indexes that are missing.
    async fn explore(&self, config: &Config, commands: &Commands, deadline: Instant) -> Result<(), Failure> {
        let deployment = Deployment::of(&self.ask(Commands::hello(), deadline).await?)?;
        if config.create_indexes {
            match self.ask(commands.create_indexes(), deadline).await {
                Err(failure) if failure.has_code(OTHER_OPTIONS) => {
                    self.ask(commands.change_slack(), deadline).await?;
                    self.ask(commands.create_indexes(), deadline).await?;
                }
                made => drop(made?),
            }
        }
        let _ = self.deployment.set(deployment);
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.companion.abort();
    }
}

/// Repeating is the engine's own business: the driver tells only of one attempt out of two what became of it.
fn adapt(options: &mut ClientOptions, timeout: Duration) {
    options.retry_reads = Some(false);
    options.retry_writes = Some(false);
    // A little less than an operation has, so that what is in the way is told.
    options.server_selection_timeout = Some(timeout - timeout / 10);
    options.connect_timeout.get_or_insert(timeout.min(LONGEST_CONNECT));
    options.app_name.get_or_insert_with(|| "dancecard".to_owned());
    options.cmap_event_handler = Some(listener());
}

fn number(document: &Document, name: &str) -> i32 {
    document.get_i32(name).unwrap_or(0)
}

/// The driver that serves at present.
#[derive(Debug)]
pub(crate) struct Drivers {
    connection: ConnectionString,
    present: RwLock<Option<Arc<Driver>>>,
    turn: Mutex<()>,
}

impl Drivers {
    pub(crate) fn new(connection: ConnectionString) -> Self {
        Self { connection, present: RwLock::default(), turn: Mutex::default() }
    }

    /// The driver, made and at work. Of those who need it first one makes it, and the others wait.
    pub(crate) async fn get(
        &self,
        config: &Config,
        commands: &Commands,
        deadline: Instant,
    ) -> Result<(Arc<Driver>, Deployment), Failure> {
        if let Some(ready) = self.ready() {
            return Ok(ready);
        }
        Handle::try_current().map_err(|_| Failure::no_runtime())?;
        let _turn = self.turn(deadline).await?;
        if let Some(ready) = self.ready() {
            return Ok(ready);
        }
        let driver = self.make(config, deadline).await?;
        driver.explore(config, commands, deadline).await?;
        self.ready().ok_or(Failure::late(false))
    }

    /// What the present driver has found, if there is one.
    pub(crate) fn deployment(&self) -> Option<Deployment> {
        self.living()?.deployment()
    }

    fn ready(&self) -> Option<(Arc<Driver>, Deployment)> {
        let driver = self.living()?;
        driver.deployment().map(|deployment| (driver, deployment))
    }

    /// One whose runtime has ended does nothing any more.
    fn living(&self) -> Option<Arc<Driver>> {
        self.present.read().as_ref().filter(|driver| !driver.companion.is_finished()).cloned()
    }

    async fn turn(&self, deadline: Instant) -> Result<MutexGuard<'_, ()>, Failure> {
        let turn = tokio::time::timeout_at(deadline, self.turn.lock()).await;
        turn.map_err(|_| Failure::late(false))
    }

    async fn make(&self, config: &Config, deadline: Instant) -> Result<Arc<Driver>, Failure> {
        if let Some(driver) = self.living() {
            return Ok(driver);
        }
        let made = tokio::time::timeout_at(deadline, Driver::new(config, self.connection.clone())).await;
        let driver = Arc::new(made.map_err(|_| Failure::late(false))??);
        *self.present.write() = Some(driver.clone());
        Ok(driver)
    }
}
