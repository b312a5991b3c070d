//! Entries of the index whose record is not that principal's: a write was refused, cut, or went another way.
//!
//! Such an entry may also be that of a record which is about to be written. So it is removed only when it was seen before,
//! the same, and [longer ago](GRACE) than a write takes; whoever wrote a record more slowly looks after its entry; and whoever
//! removes an entry looks once more at the record.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dancecard_core::Result;
use tokio::time::Instant;

use crate::backend::{ObjectStore, nonce};
use crate::index;
use crate::name::{Name, Owner};
use crate::version::Token;

/// How long an entry may wait for its record.
pub(crate) const GRACE: Duration = Duration::from_secs(60);
/// How many entries are remembered. What is beyond has its turn later.
const MOST: usize = 1024;

/// The entries that were seen without their record, and since when.
#[derive(Debug, Default)]
pub(crate) struct Sightings(Mutex<HashMap<String, (Option<Token>, Instant)>>);

impl Sightings {
    /// Whether this one was seen long ago already. It is remembered otherwise.
    fn is_old(&self, path: &str, token: Option<&Token>) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, since)) = seen.get(path)
            && known.as_ref() == token
        {
            return since.elapsed() >= GRACE;
        }
        if seen.len() < MOST || seen.contains_key(path) {
            seen.insert(path.to_owned(), (token.cloned(), Instant::now()));
        }
        false
    }

    fn forget(&self, path: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }
}

impl ObjectStore {
    /// Removes an entry that was found without its record, if it was found so before.
    ///
    /// # Errors
    /// What the service says. Then the entry stays until the next time.
    pub(crate) async fn tidy(&self, owner: Owner, name: &Name) -> Result<()> {
        let path = self.paths.entry(owner, name);
        let token = self.client.look(&path, "list").await?;
        if !self.sightings.is_old(&path, token.as_ref()) {
            return Ok(());
        }
        let _alone = self.alone(name).await;
        if !self.is_owned(owner, name).await? {
            self.remove_entry(&path, token).await?;
            // Whoever wrote the record meanwhile was slow, and may have looked for the entry before it went.
            if self.is_owned(owner, name).await? {
                index::enter(&self.client, &self.paths, owner, name, nonce("list")?, "list").await?;
            }
        }
        self.sightings.forget(&path);
        Ok(())
    }

    async fn remove_entry(&self, path: &str, token: Option<Token>) -> Result<()> {
        match token {
            Some(token) => self.client.remove_at(path, &token, "list").await.map(drop),
            // It is not there any more.
            None if self.client.conditions().is_remote() => Ok(()),
            None => self.client.remove(path, "list").await,
        }
    }

    async fn is_owned(&self, owner: Owner, name: &Name) -> Result<bool> {
        let found = self.find(name, "list").await?;
        Ok(found.is_some_and(|found| found.state.owner == Some(owner)))
    }

    /// Makes an entry anew that went while its record was written, which took too long.
    pub(crate) async fn look_after(&self, owner: Owner, name: &Name, since: Instant) -> Result<()> {
        if since.elapsed() < GRACE / 2 || self.client.exists(&self.paths.entry(owner, name), "write").await? {
            return Ok(());
        }
        index::enter(&self.client, &self.paths, owner, name, nonce("write")?, "write").await
    }
}

#[cfg(test)]
mod tests {
    use dancecard_core::{ListQuery, Meta, Record, RecordKey, Store, Timestamp, WriteMode};
    use futures_util::TryStreamExt;

    use super::*;
    use crate::config::Config;

    fn store() -> ObjectStore {
        ObjectStore::connect(Config::new("memory")).expect("memory")
    }

    fn key() -> RecordKey {
        RecordKey::new(b"key")
    }

    async fn create(store: &ObjectStore, who: &str) -> Result<()> {
        let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX).with_principal(Some(who.into()));
        store.write(&key(), Record::new(meta, vec![]), WriteMode::Create).await.map(drop)
    }

    async fn listed(store: &ObjectStore, who: &str) -> usize {
        let entries: Vec<_> = store.list(ListQuery::of(who.into())).try_collect().await.expect("a list");
        entries.len()
    }

    /// Whether there is an entry for the record.
    async fn has_entry(store: &ObjectStore, who: &str) -> bool {
        let path = store.paths.entry(Owner::of(&who.into()), &Name::of(&key()));
        store.client.exists(&path, "list").await.expect("an answer")
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_that_was_left_behind_goes_when_it_is_seen_again_after_the_grace() {
        let store = store();
        create(&store, "ada").await.expect("it is the first");
        create(&store, "bob").await.expect_err("it is there");
        for is_there in [true, true, false] {
            assert_eq!((listed(&store, "ada").await, listed(&store, "bob").await), (1, 0));
            assert_eq!(has_entry(&store, "bob").await, is_there);
            tokio::time::advance(GRACE / 2).await;
        }
        assert!(has_entry(&store, "ada").await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_whose_record_comes_late_stays() {
        let store = store();
        let (owner, name) = (Owner::of(&"ada".into()), Name::of(&key()));
        index::enter(&store.client, &store.paths, owner, &name, [0; 8], "write").await.expect("memory");
        assert_eq!(listed(&store, "ada").await, 0);
        create(&store, "ada").await.expect("it is the first");
        tokio::time::advance(GRACE).await;
        store.tidy(owner, &name).await.expect("memory");
        assert_eq!(listed(&store, "ada").await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_writes_too_slowly_looks_after_the_entry() {
        let store = store();
        create(&store, "ada").await.expect("it is the first");
        let (owner, name) = (Owner::of(&"ada".into()), Name::of(&key()));
        store.client.remove(&store.paths.entry(owner, &name), "list").await.expect("memory");
        let since = Instant::now();
        store.look_after(owner, &name, since).await.expect("memory");
        assert_eq!(listed(&store, "ada").await, 0, "it was fast, so nobody has removed anything");
        tokio::time::advance(GRACE / 2).await;
        store.look_after(owner, &name, since).await.expect("memory");
        assert_eq!(listed(&store, "ada").await, 1);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_another_entry_of_that_name_is_new() {
        let seen = Sightings::default();
        for number in 0..2 * MOST {
            assert!(!seen.is_old(&number.to_string(), None));
        }
        assert_eq!(seen.0.lock().expect("a lock").len(), MOST);
        let token = Token::Generation("2".into());
        assert!(!seen.is_old("0", Some(&token)));
        seen.forget("0");
        assert_eq!(seen.0.lock().expect("a lock").len(), MOST - 1);
    }
}
