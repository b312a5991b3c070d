//! A session and its successor change places: in a transaction where the servers have them.
//!
//! Three commands go to the primary, and only the last waits for other members. The transaction runs in a task of its
//! own, which ends it in any case: one that is left open would hold up whoever writes the old record.

use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{RecordKey, Result};
use mongodb::bson::Document;
use mongodb::bson::raw::{RawDocumentBuf, cstr};
use mongodb::{ClientSession, Database};
use tokio::time::Instant;

use crate::commands::Commands;
use crate::driver::Driver;
use crate::error::Failure;
use crate::server::{Course, Effect, Server, confirmed, count, run};

/// How long an end without success may take.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What is to be done, as two commands.
pub(crate) struct Exchange {
    retire: RawDocumentBuf,
    create: RawDocumentBuf,
}

impl Exchange {
    pub(crate) fn new(
        commands: &Commands,
        (old, expected, retired): (&RecordKey, i64, &RawDocumentBuf),
        successor: &RawDocumentBuf,
    ) -> Self {
        Self { retire: commands.put(old, Some(expected), retired), create: commands.insert(successor) }
    }
}

/// Does it, or nothing.
pub(crate) async fn replace(server: Arc<Server>, exchange: Exchange) -> Result<()> {
    let course = server.course("replace", Effect::Once);
    let task = tokio::spawn(async move { attempts(&server, &exchange, course).await });
    match task.await {
        Ok(outcome) => outcome,
        // The runtime ends, and nobody knows how far it came.
        Err(_) => Err(Failure::late(true).into_error("replace", true)),
    }
}

async fn attempts(server: &Arc<Server>, exchange: &Exchange, mut course: Course) -> Result<()> {
    loop {
        let failure = match attempt(server, exchange, &mut course).await? {
            None => return Ok(()),
            Some(failure) => failure,
        };
        course.go_on_after(failure, true).await?;
    }
}

/// One transaction. A failure is one after which nothing was done.
///
/// # Errors
/// What can't be helped.
async fn attempt(server: &Arc<Server>, exchange: &Exchange, course: &mut Course) -> Result<Option<Failure>> {
    let mut transaction = match Transaction::begin(server, course.deadline).await {
        Ok(transaction) => transaction,
        Err(failure) => return Ok(Some(failure)),
    };
    match transaction.fill(exchange).await {
        Ok(()) => transaction.commit(course).await,
        Err(failure) => {
            tokio::spawn(transaction.abort());
            Ok(Some(failure.within_transaction()))
        }
    }
}

/// A transaction at the primary, in one session.
struct Transaction {
    server: Arc<Server>,
    driver: Arc<Driver>,
    session: ClientSession,
    number: i64,
    deadline: Instant,
}

impl Transaction {
    async fn begin(server: &Arc<Server>, deadline: Instant) -> Result<Self, Failure> {
        let (driver, _) = server.driver(deadline).await?;
        let session = server.session(&driver).await?;
        Ok(Self { server: server.clone(), driver, session, number: server.next_number(), deadline })
    }

    /// Writes both records, for nobody to see yet.
    async fn fill(&mut self, exchange: &Exchange) -> Result<(), Failure> {
        let mut retire = exchange.retire.clone();
        retire.append(cstr!("startTransaction"), true);
        let database = self.driver.database.clone();
        if count(&self.run(&database, retire).await?)? == 0 {
            return Err(Failure::conflict());
        }
        count(&self.run(&database, exchange.create.clone()).await?).map(drop)
    }

    /// Ends it with success, however many attempts that takes. A failure is one after which nothing was done.
    async fn commit(&mut self, course: &mut Course) -> Result<Option<Failure>> {
        let admin = self.driver.client.database("admin");
        loop {
            let answer = self.run(&admin, self.server.commands.commit()).await;
            match answer.and_then(|answer| confirmed(&answer)) {
                Ok(()) => return Ok(None),
                Err(failure) if failure.is_undone() && self.server.is_final(course) => {
                    course.forget_losses();
                    return Ok(Some(failure));
                }
                Err(failure) => course.go_on_after(failure, true).await?,
            }
        }
    }

    /// Ends it without a trace. If that fails too, the server does it after a minute.
    async fn abort(mut self) {
        self.deadline = Instant::now() + LAST_WORDS;
        let admin = self.driver.client.database("admin");
        let _ = self.run(&admin, Commands::abort()).await;
    }

    async fn run(&mut self, place: &Database, mut command: RawDocumentBuf) -> Result<Document, Failure> {
        command.append(cstr!("txnNumber"), self.number);
        command.append(cstr!("autocommit"), false);
        run(place.run_raw_command(command).session(&mut self.session), self.deadline).await
    }
}
