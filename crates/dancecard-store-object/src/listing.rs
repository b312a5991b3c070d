//! The listing: the names in a place, and each record read, some at a time.
//!
//! A service lists a name once, and one that is there throughout; so the records are.

use dancecard_core::{Entry, ListQuery, Result};
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};

use crate::backend::ObjectStore;
use crate::error;
use crate::name::{Name, Owner, named};
use crate::object::Fault;
use crate::pages::Listing;

impl ObjectStore {
    /// The records that are asked for. One that is not readable doesn't hide the others.
    pub(crate) fn entries(&self, query: ListQuery) -> impl Stream<Item = Result<Entry>> + Send + '_ {
        let owner = query.principal.as_ref().map(Owner::of);
        let names = self.names(owner, "list");
        let line = move |name: Result<Name>| {
            let query = query.clone();
            async move { self.line(name?, owner, &query).await }
        };
        let lines = names.map(line).buffer_unordered(self.config.concurrency);
        lines.filter_map(|line| std::future::ready(line.transpose()))
    }

    async fn line(&self, name: Name, owner: Option<Owner>, query: &ListQuery) -> Result<Option<Entry>> {
        let found = self.find(&name, "list").await?;
        if let Some(owner) = owner
            && found.as_ref().is_none_or(|found| found.state.owner != Some(owner))
        {
            // An entry that stays is harmless.
            drop(self.tidy(owner, &name).await);
            return Ok(None);
        }
        let Some(found) = found.filter(|found| query.matches(&found.record.meta)) else { return Ok(None) };
        let key = name.key().or(found.key).ok_or_else(|| error::unreadable("list", Fault::NoKey))?;
        Ok(Some(Entry { key, version: found.state.to_version(), meta: found.record.meta }))
    }

    /// The names of all records, or of those that an owner has entries for.
    pub(crate) fn names(
        &self,
        owner: Option<Owner>,
        operation: &'static str,
    ) -> impl Stream<Item = Result<Name>> + Send + '_ {
        let begin = async move {
            if !self.client.can_list() {
                return Err(dancecard_core::Store::unsupported(self, operation));
            }
            self.ready(operation).await?;
            let place = owner.map_or_else(|| self.paths.records(), |owner| self.paths.entries(owner));
            let listing = self.client.list(&place, operation).await?;
            Ok(stream::try_unfold(listing, next_name))
        };
        stream::once(begin).try_flatten()
    }
}

/// The next that is a record's, whoever put other things there.
async fn next_name(mut listing: Listing) -> Result<Option<(Name, Listing)>> {
    while let Some(entry) = listing.next().await? {
        let name = if entry.metadata().is_dir() { None } else { named(entry.path()) };
        if let Some(name) = name {
            return Ok(Some((name, listing)));
        }
    }
    Ok(None)
}
