//! What is in a place, asked for in pages.

use std::time::Duration;

use dancecard_core::Result;
use futures_util::TryStreamExt;
use opendal::{Entry, Lister};
use tokio::sync::mpsc::{self, Receiver};

use crate::error::{self, Step};
use crate::task::Task;

/// How many names wait for whoever reads them: the page of most services.
const PAGE: usize = 1000;

/// A listing that is under way.
pub(crate) struct Listing {
    source: Source,
    operation: &'static str,
}

enum Source {
    /// Of what is in this process.
    Here(Lister),
    /// A task that asks for page after page, as [every request](crate::client::Client) is one: a page that is asked for
    /// must not wait for a reader. It says when there are no more.
    Elsewhere { entries: Receiver<Result<Option<Entry>>>, task: Task<()> },
}

impl Listing {
    pub(crate) fn new(lister: Lister, deadline: Option<Duration>, operation: &'static str) -> Self {
        let source = match deadline {
            None => Source::Here(lister),
            Some(deadline) => elsewhere(lister, deadline, operation),
        };
        Self { source, operation }
    }

    /// The next of what is there.
    pub(crate) async fn next(&mut self) -> Result<Option<Entry>> {
        match &mut self.source {
            Source::Here(lister) => read(lister, self.operation).await,
            Source::Elsewhere { entries, task } => match entries.recv().await {
                Some(next) => next,
                None => {
                    // It ended before it said so.
                    task.await;
                    Err(error::abandoned(self.operation, Step::Read))
                }
            },
        }
    }
}

fn elsewhere(mut lister: Lister, deadline: Duration, operation: &'static str) -> Source {
    let (sender, entries) = mpsc::channel(PAGE);
    let task = Task::spawn(async move {
        loop {
            let next = tokio::time::timeout(deadline, read(&mut lister, operation)).await;
            let next = next.unwrap_or_else(|_| Err(error::late(operation, Step::Read)));
            let is_over = !matches!(next, Ok(Some(_)));
            if sender.send(next).await.is_err() || is_over {
                return;
            }
        }
    });
    Source::Elsewhere { entries, task }
}

async fn read(lister: &mut Lister, operation: &'static str) -> Result<Option<Entry>> {
    lister.try_next().await.map_err(|cause| error::refused(operation, Step::Read, &cause))
}
