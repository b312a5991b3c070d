//! One client.

use std::time::Duration;

use dancecard_core::{Error, Record, Retry, SharedStore, Store, Version, Versioned, WriteMode};
use tokio::sync::watch;

use super::history::{History, Line};
use super::key;
use crate::Random;
use crate::failure::{Failure, Outcome};

/// What a client waits that was told to come back: the processor is for the server, which is about to.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) struct Client {
    number: usize,
    store: SharedStore,
    template: Record,
    settled: watch::Sender<usize>,
    history: History,
}

impl Client {
    pub(super) fn new(
        number: usize,
        store: SharedStore,
        template: Record,
        settled: watch::Sender<usize>,
    ) -> Self {
        Self { number, store, template, settled, history: History::default() }
    }

    /// Settles so many writes.
    pub(super) async fn run(mut self, records: usize, writes: usize) -> Outcome<History> {
        let mut random = Random::named(self.number as u64, "client");
        for count in 0..writes {
            let line = format!("{}.{count};", self.number);
            while !self.add(random.below(records), &line).await? {}
            self.settled.send_modify(|settled| *settled += 1);
        }
        Ok(self.history)
    }

    /// Adds a line to a record. `false` if it is not there.
    async fn add(&mut self, record: usize, line: &str) -> Outcome<bool> {
        let found = match self.store.load(&key(record)).await {
            Ok(Some(found)) => found,
            Ok(None) => return Err(Failure::new("the record", "none").at("a load by a client")),
            Err(error) => return self.refused(error).await,
        };
        let (payload, version) = (longer(&found, line), found.version().clone());
        let line = |version| Line { record, text: line.to_owned(), end: payload.len(), version };
        let written = self.write(record, &payload, version).await;
        match written {
            Ok(version) => self.history.acknowledged.push(line(version)),
            Err(error) if error.retry() == Retry::Unknown => {
                self.history.unknown.push(line(found.version().clone()));
            }
            Err(error) if error.is_conflict() => {
                self.history.refused += 1;
                return Ok(false);
            }
            Err(error) => return self.refused(error).await,
        }
        Ok(true)
    }

    async fn write(&self, record: usize, payload: &[u8], version: Version) -> Result<Version, Error> {
        let next = Record::new(self.template.meta.clone(), payload.to_vec());
        self.store.write(&key(record), next, WriteMode::Update(version)).await
    }

    /// Nothing happened, so it may be tried again.
    async fn refused(&mut self, error: Error) -> Outcome<bool> {
        come_back(error).await?;
        self.history.refused += 1;
        Ok(false)
    }
}

fn longer(found: &Versioned, line: &str) -> Vec<u8> {
    [found.payload(), line.as_bytes()].concat()
}

/// Waits a moment, if the error says that it may be tried again.
async fn come_back(error: Error) -> Outcome {
    if error.retry() != Retry::Safe {
        return Err(error.into());
    }
    tokio::time::sleep(PAUSE).await;
    Ok(())
}

/// Asks until there is an answer.
pub(super) async fn insist<T>(ask: impl AsyncFn() -> Result<T, Error>) -> Outcome<T> {
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => come_back(error).await?,
        }
    }
}
