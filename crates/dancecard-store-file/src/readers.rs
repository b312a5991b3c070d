//! The threads that read. They need no lock: a file never changes, it is replaced by another one.

use dancecard_core::{Entry, RecordKey, Result, Retry, Timestamp, Versioned};
use tokio::sync::{mpsc, oneshot};

use crate::error::{self, Failure};
use crate::folder::{Candidates, Folder};
use crate::name::{Name, Owner, Shard};

/// What a reader does when its turn comes. It tells whoever asked.
pub(crate) type Question = Box<dyn FnOnce(&Folder) + Send>;

/// The lines of a page. A file that is not readable doesn't hide the others; one that is gone is `None`.
pub(crate) type Lines = Vec<(Name, Result<Option<Entry>>)>;

/// The ways to the readers.
#[derive(Debug)]
pub(crate) struct Readers {
    queues: Box<[mpsc::Sender<Question>]>,
}

impl Readers {
    /// Ways to so many threads, which are yet to take the other ends.
    pub(crate) fn new(threads: usize, queue: usize) -> (Self, Vec<mpsc::Receiver<Question>>) {
        let (queues, questions): (Vec<_>, Vec<_>) = (0..threads).map(|_| mpsc::channel(queue)).unzip();
        (Self { queues: queues.into() }, questions)
    }

    pub(crate) async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let key = key.clone();
        self.ask("load", move |folder| folder.load(&key)).await
    }

    /// Whether the folder is there and ours.
    pub(crate) async fn health(&self) -> Result<()> {
        self.ask("health", |folder| failing("health", folder.ready().and_then(|()| folder.confirm_absence())))
            .await
    }

    pub(crate) async fn shards(&self, operation: &'static str) -> Result<Vec<Shard>> {
        self.ask(operation, move |folder| failing(operation, folder.shards())).await
    }

    pub(crate) async fn entries(&self, owner: Owner) -> Result<Vec<Name>> {
        self.ask("list", move |folder| failing("list", folder.entries(&owner))).await
    }

    pub(crate) async fn page(&self, names: Vec<Name>) -> Result<Lines> {
        let line = |folder: &Folder, name: Name| {
            let entry = folder.entry(&name, "list");
            (name, entry)
        };
        self.ask("list", move |folder| Ok(names.into_iter().map(|name| line(folder, name)).collect())).await
    }

    pub(crate) async fn expired(&self, shard: Shard, now: Timestamp) -> Result<Candidates> {
        self.ask("purge", move |folder| failing("purge", folder.expired(shard, now))).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        operation: &'static str,
        answer: impl FnOnce(&Folder) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let stopped = || error::stopped(operation, Retry::Safe);
        let (reply, answered) = oneshot::channel();
        let question = move |folder: &Folder| {
            if !reply.is_closed() {
                let _ = reply.send(answer(folder));
            }
        };
        let queue = self.shortest_queue().ok_or_else(stopped)?;
        queue.send(Box::new(question)).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Of equally short ones the first: the fewer threads are awake, the less there is to wake.
    fn shortest_queue(&self) -> Option<&mpsc::Sender<Question>> {
        self.queues.iter().rev().max_by_key(|queue| queue.capacity())
    }
}

fn failing<T>(operation: &'static str, result: Result<T, Failure>) -> Result<T> {
    result.map_err(|failure| failure.at(operation))
}

/// The thread's whole life: until [`Readers`] is gone and every question is answered.
pub(crate) fn run(folder: &Folder, mut questions: mpsc::Receiver<Question>) {
    while let Some(question) = questions.blocking_recv() {
        question(folder);
    }
}
