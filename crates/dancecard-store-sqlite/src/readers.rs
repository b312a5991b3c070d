//! The threads that read, each with a connection of its own.
//!
//! The log that SQLite writes ahead lets them read while the writer writes. A snapshot that begins after a commit
//! sees it, so whatever was acknowledged before a question was asked is in the answer.

use std::sync::Arc;

use dancecard_core::{Entry, Error, Principal, RecordKey, Result, Retry, Versioned};
use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use crate::error::{self, Failure, Stage};
use crate::place;
use crate::readiness::Readiness;
use crate::row;

const LOAD: &str = "\
    SELECT version, expires_at, meta, payload FROM dancecard_session WHERE id = ?1 AND key = ?2 \
    UNION ALL \
    SELECT version, expires_at, meta, payload FROM dancecard_session WHERE id < 0 AND key = ?2 LIMIT 1";
const PAGE: &str = "\
    SELECT version, expires_at, meta, key, id FROM dancecard_session WHERE id >= ?1 ORDER BY id LIMIT ?2";
const PAGE_OF_PRINCIPAL: &str = "\
    SELECT version, expires_at, meta, key, id FROM dancecard_session WHERE principal = ?3 AND id >= ?1 \
    ORDER BY id LIMIT ?2";
/// Anything that makes SQLite take its snapshot.
const SNAPSHOT: &str = "SELECT next FROM version_counter";

/// How many questions share a snapshot.
const BATCH: usize = 64;

/// The ways to the readers.
#[derive(Debug)]
pub(crate) struct Readers {
    queues: Box<[mpsc::Sender<Question>]>,
}

/// What a reader can be asked.
pub(crate) enum Question {
    /// The record under a key.
    Load { key: RecordKey, reply: oneshot::Sender<Result<Option<Versioned>>> },
    /// Some lines of a listing.
    Page { page: Page, reply: oneshot::Sender<Result<Lines>> },
}

/// Which lines.
#[derive(Clone)]
pub(crate) struct Page {
    /// Only of records of this principal.
    pub(crate) principal: Option<Principal>,
    /// Only from this place in the table on.
    pub(crate) from: i64,
    /// At most so many.
    pub(crate) limit: u16,
}

/// The lines of a page, each with its place, in that order. One that is not readable doesn't hide the others.
pub(crate) type Lines = Vec<(i64, Result<Entry>)>;

impl Readers {
    /// Ways to so many threads, which are yet to take the other ends.
    pub(crate) fn new(threads: usize, queue: usize) -> (Self, Vec<mpsc::Receiver<Question>>) {
        let (queues, questions): (Vec<_>, Vec<_>) = (0..threads).map(|_| mpsc::channel(queue)).unzip();
        (Self { queues: queues.into() }, questions)
    }

    pub(crate) async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let (reply, answer) = oneshot::channel();
        self.ask(Question::Load { key: key.clone(), reply }, "load").await?;
        answer.await.map_err(|_| error::stopped("load", Retry::Safe))?
    }

    pub(crate) async fn page(&self, page: Page) -> Result<Lines> {
        let (reply, answer) = oneshot::channel();
        self.ask(Question::Page { page, reply }, "list").await?;
        answer.await.map_err(|_| error::stopped("list", Retry::Safe))?
    }

    async fn ask(&self, question: Question, operation: &'static str) -> Result<()> {
        let stopped = || error::stopped(operation, Retry::Safe);
        let queue = self.shortest_queue().ok_or_else(stopped)?;
        queue.send(question).await.map_err(|_| stopped())
    }

    /// Of equally short ones the first: the fewer threads are awake, the more questions share a snapshot, and the
    /// more of what they need is at hand.
    fn shortest_queue(&self) -> Option<&mpsc::Sender<Question>> {
        self.queues.iter().rev().max_by_key(|queue| queue.capacity())
    }
}

/// The thread's whole life: until [`Readers`] is gone and every question is answered.
pub(crate) fn run(file: &Readiness, mut questions: mpsc::Receiver<Question>) {
    let mut connection = None;
    let mut asked = Vec::new();
    while questions.blocking_recv_many(&mut asked, BATCH) > 0 {
        asked.retain(|question| !question.is_abandoned());
        if asked.is_empty() {
            continue;
        }
        match opened(&mut connection, file) {
            Ok(connection) => answer(connection, &mut asked),
            Err(error) => asked.drain(..).for_each(|question| question.refuse(error::again(&error))),
        }
    }
}

/// The connection, made when it is first needed.
fn opened<'c>(
    connection: &'c mut Option<Connection>,
    file: &Readiness,
) -> Result<&'c Connection, Arc<Error>> {
    let made = match connection.take() {
        Some(made) => made,
        None => file.reader()?,
    };
    Ok(connection.insert(made))
}

fn answer(connection: &Connection, asked: &mut Vec<Question>) {
    if asked.len() > 1 {
        answer_together(connection, asked.drain(..));
    } else {
        asked.drain(..).for_each(|question| question.answer(connection));
    }
}

/// Answers from one snapshot, which costs a third less than one for each. It is taken after the last of them was
/// asked, and nobody waits for a lock more than once.
fn answer_together(connection: &Connection, asked: impl Iterator<Item = Question>) {
    match Snapshot::take(connection) {
        Ok(_snapshot) => asked.for_each(|question| question.answer(connection)),
        Err(failure) => asked.for_each(|question| question.fail(&failure)),
    }
}

/// A read transaction, ended when it is dropped.
struct Snapshot<'c>(&'c Connection);

impl<'c> Snapshot<'c> {
    fn take(connection: &'c Connection) -> Result<Self, Failure> {
        let snapshot = Self(connection);
        snapshot.begin().map_err(Failure::at(Stage::Begin))?;
        Ok(snapshot)
    }

    fn begin(&self) -> rusqlite::Result<()> {
        self.end()?;
        self.0.prepare_cached("BEGIN")?.execute([])?;
        self.0.prepare_cached(SNAPSHOT)?.query_row([], |_| Ok(()))
    }

    fn end(&self) -> rusqlite::Result<()> {
        if self.0.is_autocommit() { Ok(()) } else { self.0.prepare_cached("ROLLBACK")?.execute([]).map(drop) }
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // If it fails, the next `begin` tries it again, and tells.
        let _ = self.end();
    }
}

impl Question {
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Load { reply, .. } => reply.is_closed(),
            Self::Page { reply, .. } => reply.is_closed(),
        }
    }

    fn answer(self, connection: &Connection) {
        match self {
            Self::Load { key, reply } => drop(reply.send(load(connection, &key))),
            Self::Page { page, reply } => drop(reply.send(lines(connection, &page))),
        }
    }

    fn fail(self, failure: &Failure) {
        let operation = match self {
            Self::Load { .. } => "load",
            Self::Page { .. } => "list",
        };
        self.refuse(failure.to_error(operation));
    }

    fn refuse(self, error: Error) {
        match self {
            Self::Load { reply, .. } => drop(reply.send(Err(error))),
            Self::Page { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}

fn load(connection: &Connection, key: &RecordKey) -> Result<Option<Versioned>> {
    let refused = |cause| Failure::at(Stage::Statement)(cause).to_error("load");
    let mut statement = connection.prepare_cached(LOAD).map_err(refused)?;
    let key = key.as_bytes();
    let mut rows = statement.query(params![place::of(key), key]).map_err(refused)?;
    rows.next().map_err(refused)?.map(|row| row::versioned(row, "load")).transpose()
}

fn lines(connection: &Connection, page: &Page) -> Result<Lines> {
    let refused = |cause| Failure::at(Stage::Statement)(cause).to_error("list");
    let sql = if page.principal.is_some() { PAGE_OF_PRINCIPAL } else { PAGE };
    let mut statement = connection.prepare_cached(sql).map_err(refused)?;
    let mut rows = match &page.principal {
        Some(who) => statement.query(params![page.from, page.limit, who.as_str()]),
        None => statement.query(params![page.from, page.limit]),
    }
    .map_err(refused)?;
    let mut lines = Vec::with_capacity(page.limit.into());
    while let Some(row) = rows.next().map_err(refused)? {
        lines.push((row.get(4).map_err(refused)?, row::entry(row, "list")));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_asked_least_is_asked_next() {
        let (readers, mut questions) = Readers::new(3, 10);
        for expected in [0, 1, 2, 0] {
            let queue = readers.shortest_queue().unwrap();
            assert!(queue.same_channel(&readers.queues[expected]));
            let (reply, _) = oneshot::channel();
            queue.try_send(Question::Load { key: RecordKey::new(b"a"), reply }).unwrap();
        }
        questions[1].try_recv().unwrap();
        assert!(readers.shortest_queue().unwrap().same_channel(&readers.queues[1]));
    }

    #[test]
    fn questions_are_answered_by_index() {
        [LOAD, PAGE, PAGE_OF_PRINCIPAL].into_iter().for_each(crate::query_plan::assert_by_index);
    }
}
