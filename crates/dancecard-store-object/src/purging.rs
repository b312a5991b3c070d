//! Removing what is expired. No service does it for us, and none knows when: each record has to be read.

use std::pin::pin;

use dancecard_core::{ErrorKind, Result, Timestamp};
use futures_util::stream::{Stream, StreamExt, TryStreamExt};

use crate::backend::{Found, ObjectStore};
use crate::index;
use crate::name::Name;

impl ObjectStore {
    /// Removes expired records, at most so many, and says how many.
    pub(crate) async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let expired = self.expired(now).take(limit);
        let removals = expired.map(|found| async move {
            let (name, found) = found?;
            self.remove_expired(name, found, now).await
        });
        let mut removals = pin!(removals.buffer_unordered(self.config.concurrency));
        let mut purged = 0;
        while let Some(was_removed) = removals.try_next().await? {
            purged += usize::from(was_removed);
        }
        Ok(purged)
    }

    /// The expired records. Those that can't be read are left to whoever damaged them.
    fn expired(&self, now: Timestamp) -> impl Stream<Item = Result<(Name, Found)>> + Send + '_ {
        let look = |name: Result<Name>| async {
            let name = name?;
            let found = self.find(&name, "purge").await;
            Ok(found.map(|found| found.map(|found| (name, found))))
        };
        let found = self.names(None, "purge").map(look).buffer_unordered(self.config.concurrency);
        found.filter_map(move |found: Result<Result<Option<(Name, Found)>>>| {
            std::future::ready(match found {
                Ok(Ok(Some((name, found)))) if found.record.meta.expires_at() <= now => {
                    Some(Ok((name, found)))
                }
                Ok(Err(error)) if error.kind() != ErrorKind::Corrupt => Some(Err(error)),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            })
        })
    }

    /// Removes a record unless it was changed meanwhile.
    async fn remove_expired(&self, name: Name, found: Found, now: Timestamp) -> Result<bool> {
        let path = self.paths.record(&name);
        if self.client.conditions().is_remote() {
            let parting = self.part(Some(&found), &name, "purge").await?;
            let removed = self.client.remove_at(&path, &found.state.token, "purge").await?;
            if removed {
                index::leave(&self.client, parting, "purge").await;
            }
            return Ok(removed);
        }
        let _alone = self.alone(&name).await;
        let Some(found) = self.find(&name, "purge").await? else { return Ok(false) };
        if found.record.meta.expires_at() > now {
            return Ok(false);
        }
        let parting = self.part(Some(&found), &name, "purge").await?;
        self.client.remove(&path, "purge").await?;
        index::leave(&self.client, parting, "purge").await;
        Ok(true)
    }
}
