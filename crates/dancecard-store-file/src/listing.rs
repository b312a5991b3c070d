//! The listing: shard by shard, and in a shard some records at a time.
//!
//! The names in a shard are read under its lock, since the listing of a folder in which files are renamed meanwhile may
//! pass one over. A name is passed once, so no record is listed twice; a record that lives throughout is passed, so it is
//! listed.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use dancecard_core::{Entry, ListQuery, Result};
use futures_core::Stream;

use crate::change::{Change, Done};
use crate::name::{Name, Owner, Shard};
use crate::readers::{Lines, Readers};
use crate::writers::Writers;

/// How many files are read before others get their turn.
const PAGE: usize = 64;

/// What is still to be done.
enum Step {
    Shards,
    Names(Shard),
    Owner(Owner),
    Page(Vec<Name>),
}

/// What came of a step.
#[derive(Default)]
struct Answer {
    steps: Vec<Step>,
    lines: Vec<Result<Entry>>,
}

/// Who does the steps.
#[derive(Clone, Copy)]
pub(crate) struct Threads<'a> {
    pub(crate) readers: &'a Readers,
    pub(crate) writers: &'a Writers,
}

pub(crate) struct Listing<'a> {
    threads: Threads<'a>,
    query: ListQuery,
    /// The next one last.
    steps: Vec<Step>,
    lines: std::vec::IntoIter<Result<Entry>>,
    asked: Option<Pin<Box<dyn Future<Output = Result<Answer>> + Send + 'a>>>,
}

impl<'a> Listing<'a> {
    pub(crate) fn new(threads: Threads<'a>, query: ListQuery) -> Self {
        let first = query.principal.as_ref().map_or(Step::Shards, |who| Step::Owner(Owner::of(who)));
        Self { threads, query, steps: vec![first], lines: Vec::new().into_iter(), asked: None }
    }

    /// Does the next step, if there is one.
    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<()>>> {
        if self.asked.is_none() {
            let Some(step) = self.steps.pop() else { return Poll::Ready(None) };
            self.asked = Some(Box::pin(self.threads.take(step, self.query.clone())));
        }
        let Some(asked) = &mut self.asked else { return Poll::Ready(None) };
        let answer = ready!(asked.as_mut().poll(context));
        self.asked = None;
        Poll::Ready(Some(answer.map(|answer| {
            self.lines = answer.lines.into_iter();
            self.steps.extend(answer.steps.into_iter().rev());
        })))
    }
}

impl<'a> Threads<'a> {
    async fn take(self, step: Step, query: ListQuery) -> Result<Answer> {
        let steps = match step {
            Step::Shards => self.readers.shards("list").await?.into_iter().map(Step::Names).collect(),
            Step::Names(shard) => pages(self.names(shard).await?),
            Step::Owner(owner) => pages(self.readers.entries(owner).await?),
            Step::Page(names) => return self.lines(names, &query).await,
        };
        Ok(Answer { steps, ..Answer::default() })
    }

    async fn names(self, shard: Shard) -> Result<Vec<Name>> {
        match self.writers.submit(Change::Names { shard }).await? {
            Done::Names(names) => Ok(names),
            _ => Ok(Vec::new()),
        }
    }

    async fn lines(self, names: Vec<Name>, query: &ListQuery) -> Result<Answer> {
        let lines = self.readers.page(names).await?;
        self.suggest_tidying(&lines, query);
        let wanted = |entry: Result<Option<Entry>>| entry.transpose().filter(|line| fits(line, query));
        Ok(Answer {
            lines: lines.into_iter().filter_map(|(_, entry)| wanted(entry)).collect(),
            ..Answer::default()
        })
    }

    /// Entries of a principal's that name what is not its record are left over from processes that were ended.
    fn suggest_tidying(self, lines: &Lines, query: &ListQuery) {
        let Some(owner) = query.principal.as_ref().map(Owner::of) else { return };
        let mut stale: BTreeMap<Shard, Vec<Name>> = BTreeMap::new();
        for (name, entry) in lines {
            let is_its = entry
                .as_ref()
                .is_ok_and(|entry| entry.as_ref().is_some_and(|entry| query.matches(&entry.meta)));
            if !is_its && entry.is_ok() {
                stale.entry(name.shard()).or_default().push(name.clone());
            }
        }
        for (shard, names) in stale {
            self.writers.suggest(Change::Tidy { shard, owner: owner.clone(), names });
        }
    }
}

fn fits(line: &Result<Entry>, query: &ListQuery) -> bool {
    line.as_ref().map_or(true, |entry| query.matches(&entry.meta))
}

fn pages(names: Vec<Name>) -> Vec<Step> {
    names.chunks(PAGE).map(|page| Step::Page(page.to_vec())).collect()
}

impl Stream for Listing<'_> {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(line) = self.lines.next() {
                return Poll::Ready(Some(line));
            }
            match ready!(self.poll_step(context)) {
                None => return Poll::Ready(None),
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    self.steps.clear();
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}
