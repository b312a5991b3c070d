//! The threads that write. Each has shards of its own, so that in one process nobody waits for a lock.
//!
//! A thread takes all changes that wait for it, makes those of one shard under one lock, flushes the shard's folder once
//! for all of them, and then tells. The threads wait for the disk at the same time, and a file system that keeps a
//! journal writes down together what is asked of it at the same time.

use std::sync::Arc;

use dancecard_core::{Result, Retry};
use tokio::sync::{mpsc, oneshot};

use crate::change::{Change, Done};
use crate::error::{self, Failure};
use crate::folder::Folder;
use crate::index::Dirty;
use crate::name::Shard;

/// How many changes share a lock: others wait for it meanwhile.
const BATCH: usize = 64;

/// A change, and who waits for it.
pub(crate) struct Job {
    change: Change,
    shards: Vec<Shard>,
    reply: oneshot::Sender<Result<Done>>,
}

/// The ways to the writers.
#[derive(Debug)]
pub(crate) struct Writers {
    queues: Box<[mpsc::Sender<Job>]>,
}

impl Writers {
    /// Ways to so many threads, which are yet to take the other ends.
    pub(crate) fn new(threads: usize, queue: usize) -> (Self, Vec<mpsc::Receiver<Job>>) {
        let (queues, jobs): (Vec<_>, Vec<_>) = (0..threads).map(|_| mpsc::channel(queue)).unzip();
        (Self { queues: queues.into() }, jobs)
    }

    /// Has a change made. Once it is queued it will be, even if nobody waits any more.
    pub(crate) async fn submit(&self, change: Change) -> Result<Done> {
        let (operation, stopped) = (change.operation(), error::stopped);
        let (reply, answer) = oneshot::channel();
        let shards = change.shards();
        let queue = self.queue(&shards).ok_or_else(|| stopped(operation, Retry::Safe))?;
        let job = Job { change, shards, reply };
        queue.send(job).await.map_err(|_| stopped(operation, Retry::Safe))?;
        answer.await.map_err(|_| stopped(operation, Retry::Unknown))?
    }

    /// Has a change made if there is room for it; nobody waits.
    pub(crate) fn suggest(&self, change: Change) {
        let shards = change.shards();
        if let Some(queue) = self.queue(&shards) {
            let _ = queue.try_send(Job { change, shards, reply: oneshot::channel().0 });
        }
    }

    fn queue(&self, shards: &[Shard]) -> Option<&mpsc::Sender<Job>> {
        let shard = usize::from(shards.first()?.0);
        self.queues.get(shard % self.queues.len())
    }
}

/// The thread's whole life: until [`Writers`] is gone and every change is made.
pub(crate) fn run(folder: &Folder, mut jobs: mpsc::Receiver<Job>) {
    let mut waiting = Vec::new();
    while jobs.blocking_recv_many(&mut waiting, BATCH) > 0 {
        while let Some(first) = waiting.first() {
            let shards = first.shards.clone();
            let (together, rest) = waiting.drain(..).partition(|job: &Job| job.shards == shards);
            waiting = rest;
            make(folder, shards, together);
        }
    }
}

/// Makes changes of the same shards.
fn make(folder: &Folder, shards: Vec<Shard>, jobs: Vec<Job>) {
    let locks = match folder.lock(shards) {
        Ok(locks) => locks,
        Err(failure) => return jobs.into_iter().for_each(|job| job.refuse(&failure)),
    };
    let mut dirty = Dirty::new();
    let apply = |job: Job| (job.change.operation(), folder.apply(job.change, &mut dirty), job.reply);
    let made: Vec<_> = jobs.into_iter().map(apply).collect();
    drop(locks);
    let flushed = folder.flush(&mut dirty).map_err(Arc::new);
    for (operation, result, reply) in made {
        let known = flushed.as_ref().map_err(|cause| error::unclear(operation, Arc::clone(cause)));
        let _ = reply.send(result.and_then(|done| known.map(|()| done)));
    }
}

impl Job {
    /// Tells that the change could not be begun.
    fn refuse(self, failure: &Failure) {
        let _ = self.reply.send(Err(failure.at(self.change.operation())));
    }
}
