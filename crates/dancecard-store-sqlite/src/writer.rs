//! The one thread that writes.
//!
//! It takes everything that waits, runs it in one transaction, and answers after the commit. So however many
//! requests commit at once, they share one flush to the disk, and no two of them ever contend for SQLite's write lock.

use std::convert::Infallible;
use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dancecard_core::{Error, ErrorKind, Result, Retry};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::change::{Applied, Change, Tables};
use crate::error::{self, Failure, Stage};
use crate::readiness::Readiness;
use crate::versions::Versions;

/// The way to the writer.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Job>,
}

/// Ends when nobody holds the other end any more.
pub(crate) type Held = mpsc::Receiver<Infallible>;

/// An operation, and who waits for it.
pub(crate) struct Job {
    change: Change,
    asked: Instant,
    reply: oneshot::Sender<Result<Applied>>,
}

impl Writer {
    /// A way to a thread that is yet to take the other end.
    pub(crate) fn new(queue: usize) -> (Self, mpsc::Receiver<Job>) {
        let (queue, jobs) = mpsc::channel(queue);
        (Self { queue }, jobs)
    }

    /// Has it done, and returns once that is committed. Waits for room when too many operations wait already.
    pub(crate) async fn submit(&self, change: Change) -> Result<Applied> {
        let operation = change.operation();
        let (reply, answer) = oneshot::channel();
        let sent = self.queue.send(Job { change, asked: Instant::now(), reply }).await;
        sent.map_err(|_| error::stopped(operation, Retry::Safe))?;
        answer.await.map_err(|_| error::stopped(operation, Retry::Unknown))?
    }
}

/// How much the thread does at once, and how long it lets anyone wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) batch: usize,
    pub(crate) timeout: Duration,
}

/// The thread's whole life: until the [`Writer`] is gone and what it sent is done.
pub(crate) fn run(file: &Readiness, mut jobs: mpsc::Receiver<Job>, pace: Pace, mut others: Held) {
    let mut work = None;
    let mut taken = Vec::new();
    while jobs.blocking_recv_many(&mut taken, pace.batch) > 0 {
        // Whoever gave up waiting can't tell whether it was done, so that it need not be.
        taken.retain(|job| !job.reply.is_closed());
        if taken.is_empty() {
            continue;
        }
        match opened(&mut work, file) {
            Ok(work) => work.settle_in_time(std::mem::take(&mut taken), pace.timeout),
            Err(error) => taken.drain(..).for_each(|job| job.refuse(error::again(&error))),
        }
    }
    // Of connections that are closed at the same moment, none would be the last one, which tidies up the log.
    let _: Option<Infallible> = others.blocking_recv();
}

/// The work with its connection, which is made when it is first needed.
fn opened<'w>(work: &'w mut Option<Work>, file: &Readiness) -> Result<&'w mut Work, Arc<Error>> {
    let made = match work.take() {
        Some(made) => made,
        None => Work::new(file.writer()?),
    };
    Ok(work.insert(made))
}

struct Work {
    connection: Connection,
    versions: Versions,
    /// Nobody's time began before the file was open: it may have had to be brought up to date.
    opened: Instant,
}

impl Work {
    fn new(connection: Connection) -> Self {
        Self { connection, versions: Versions::default(), opened: Instant::now() }
    }

    /// Does the jobs. If another process keeps the lock, each of them waits for it until its own time is up.
    fn settle_in_time(&mut self, mut jobs: Vec<Job>, timeout: Duration) {
        while let Some(least) = jobs.iter().map(|job| self.time_left(job, timeout)).min() {
            // If it can't be set, it is as it was: not longer than the timeout.
            let _ = self.connection.busy_timeout(least);
            match self.settle(jobs) {
                Ok(()) => return,
                Err((failure, waiting)) => jobs = self.refuse_late(&failure, waiting, timeout),
            }
        }
    }

    fn time_left(&self, job: &Job, timeout: Duration) -> Duration {
        timeout.saturating_sub(job.asked.max(self.opened).elapsed())
    }

    fn refuse_late(&self, failure: &Failure, jobs: Vec<Job>, timeout: Duration) -> Vec<Job> {
        let (late, in_time): (Vec<_>, _) =
            jobs.into_iter().partition(|job| self.time_left(job, timeout).is_zero());
        late.into_iter().for_each(|job| job.fail(failure));
        in_time
    }

    /// Does the jobs together; if one of them can't be done, then each by itself, so that it harms no other. Gives them
    /// back if the lock was not free.
    fn settle(&mut self, jobs: Vec<Job>) -> Result<(), (Failure, Vec<Job>)> {
        match self.attempt(&jobs) {
            Ok(applied) => answer(jobs, applied),
            Err(failure) if failure.is_at_begin() && failure.is_busy() => return Err((failure, jobs)),
            Err(failure) if jobs.len() > 1 && failure.allows_another_try() => self.settle_each(jobs),
            Err(failure) => jobs.into_iter().for_each(|job| job.fail(&failure)),
        }
        Ok(())
    }

    fn settle_each(&mut self, jobs: Vec<Job>) {
        let mut locked = None;
        for job in jobs {
            match &locked {
                None => locked = self.settle_alone(job).filter(Failure::is_at_begin),
                // Not every one of them has to wait for a lock that another process keeps.
                Some(failure) => job.fail(failure),
            }
        }
    }

    fn settle_alone(&mut self, job: Job) -> Option<Failure> {
        match self.attempt(slice::from_ref(&job)) {
            Ok(applied) => {
                answer([job], applied);
                None
            }
            Err(failure) => {
                job.fail(&failure);
                Some(failure)
            }
        }
    }

    /// One transaction: all of the jobs, or none of them.
    fn attempt(&mut self, jobs: &[Job]) -> Result<Vec<Applied>, Failure> {
        let result = self.transact(jobs);
        if result.is_err() {
            self.versions.forget();
        }
        result
    }

    fn transact(&mut self, jobs: &[Job]) -> Result<Vec<Applied>, Failure> {
        let transaction = Transaction::begin(&self.connection)?;
        let mut tables = Tables { connection: &self.connection, versions: &mut self.versions };
        let applied: rusqlite::Result<_> = jobs.iter().map(|job| job.change.apply(&mut tables)).collect();
        let applied = applied.map_err(Failure::at(Stage::Statement))?;
        transaction.commit()?;
        Ok(applied)
    }
}

/// Rolls back when it is dropped before its commit went well.
struct Transaction<'c>(&'c Connection);

impl<'c> Transaction<'c> {
    fn begin(connection: &'c Connection) -> Result<Self, Failure> {
        let transaction = Self(connection);
        // Only if an earlier rollback failed is there anything to roll back.
        transaction
            .roll_back()
            .and_then(|()| execute(connection, "BEGIN IMMEDIATE"))
            .map_err(Failure::at(Stage::Begin))?;
        Ok(transaction)
    }

    fn commit(self) -> Result<(), Failure> {
        execute(self.0, "COMMIT").map_err(Failure::at(Stage::Commit))
    }

    fn roll_back(&self) -> rusqlite::Result<()> {
        if self.0.is_autocommit() { Ok(()) } else { execute(self.0, "ROLLBACK") }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // If it fails, `begin` tries it again, and tells.
        let _ = self.roll_back();
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

fn answer(jobs: impl IntoIterator<Item = Job>, applied: Vec<Applied>) {
    jobs.into_iter().zip(applied).for_each(|(job, applied)| job.succeed(applied));
}

impl Job {
    fn succeed(self, applied: Applied) {
        let refused = applied.rows == 0 && self.change.is_conditional();
        let conflict = || error::new(ErrorKind::Conflict, self.change.operation());
        let _ = self.reply.send(if refused { Err(conflict()) } else { Ok(applied) });
    }

    fn fail(self, failure: &Failure) {
        let error = failure.to_error(self.change.operation());
        self.refuse(error);
    }

    fn refuse(self, error: Error) {
        let _ = self.reply.send(Err(error));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Waker};

    use dancecard_core::RecordKey;

    use super::*;
    use crate::schema;

    fn connection() -> Connection {
        schema::in_memory(schema::STEPS)
    }

    fn touch(key: &[u8]) -> Change {
        Change::Touch { key: RecordKey::new(key), expires_at: 1 }
    }

    fn job(change: Change) -> (Job, oneshot::Receiver<Result<Applied>>) {
        let (reply, answer) = oneshot::channel();
        (Job { change, asked: Instant::now(), reply }, answer)
    }

    #[test]
    fn a_full_queue_makes_callers_wait_and_loses_nothing() {
        let (writer, jobs) = Writer::new(4);
        let mut calls: Vec<Pin<Box<dyn Future<Output = _>>>> =
            (0..20).map(|_| Box::pin(writer.submit(touch(b"a"))) as _).collect();
        let mut context = Context::from_waker(Waker::noop());
        assert!(calls.iter_mut().all(|call| call.as_mut().poll(&mut context).is_pending()));
        assert_eq!((jobs.len(), jobs.capacity()), (4, 0));

        let (_, nobody) = mpsc::channel(1);
        let directory = tempfile::tempdir().unwrap();
        let file = Readiness::new(&crate::Config::new(directory.path().join("sessions.db")));
        let pace = Pace { batch: 3, timeout: Duration::from_secs(5) };
        let thread = std::thread::spawn(move || run(&file, jobs, pace, nobody));
        while !calls.is_empty() {
            calls.retain_mut(|call| call.as_mut().poll(&mut context).is_pending());
            std::thread::yield_now();
        }
        drop(calls);
        drop(writer);
        thread.join().unwrap();
    }

    #[test]
    fn a_thread_that_is_gone_is_told_with_what_is_known() {
        let mut context = Context::from_waker(Waker::noop());
        let (writer, mut jobs) = Writer::new(4);
        let mut call = Box::pin(writer.submit(touch(b"a")));
        assert!(call.as_mut().poll(&mut context).is_pending());
        drop(jobs.try_recv().unwrap());
        let std::task::Poll::Ready(Err(error)) = call.as_mut().poll(&mut context) else {
            panic!("no answer")
        };
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Unknown));
        drop(jobs);
        let mut call = Box::pin(writer.submit(touch(b"a")));
        let std::task::Poll::Ready(Err(error)) = call.as_mut().poll(&mut context) else {
            panic!("no answer")
        };
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Safe));
    }

    #[test]
    fn a_lock_that_comes_between_two_tries_is_waited_for_once() {
        static WAITS: AtomicUsize = AtomicUsize::new(0);
        let directory = tempfile::tempdir().unwrap();
        let config = crate::Config::new(directory.path().join("sessions.db"));
        let mut work = Work::new(crate::connect::writer(&config).unwrap());
        let count_and_give_up = |_| {
            WAITS.fetch_add(1, Ordering::SeqCst);
            false
        };
        work.connection.busy_handler(Some(count_and_give_up)).unwrap();
        let lock = Connection::open(&config.path).unwrap();
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        let (jobs, answers): (Vec<_>, Vec<_>) = (0..5).map(|_| job(touch(b"a"))).unzip();
        work.settle_each(jobs);
        for answer in answers {
            assert!(answer.blocking_recv().unwrap().unwrap_err().is_unavailable());
        }
        assert_eq!(WAITS.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_rollback_that_was_missed_is_made_up_for() {
        let mut work = Work::new(connection());
        work.connection.execute_batch("BEGIN; DELETE FROM version_counter").unwrap();
        let (job, answer) = job(touch(b"a"));
        work.settle_in_time(vec![job], Duration::ZERO);
        assert_eq!(answer.blocking_recv().unwrap().unwrap().rows, 0);
        let rows: i64 =
            work.connection.query_row("SELECT count(*) FROM version_counter", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1);
    }
}
