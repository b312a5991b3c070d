//! Entries of the index whose record is not that principal's: a write was refused, cut, or went another way.
//!
//! Such an entry may also be that of a record which is about to be written. So it is removed only when it was seen before,
//! the same, and [longer ago](GRACE) than a write takes; whoever wrote a record more slowly looks after its entry; and whoever
//! removes an entry looks once more at the record. Where the service can't tell an entry from the one before it, whoever
//! writes looks after it each time: of the two, the one that looks last sees what the other did.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use dancecard_core::Result;
use tokio::time::Instant;

use crate::backend::{ObjectStore, find, nonce};
use crate::client::Client;
use crate::conditions::Conditions;
use crate::index;
use crate::name::{Name, Owner, Paths};
use crate::task::outcome;
use crate::version::Token;

/// How long an entry may wait for its record.
pub(crate) const GRACE: Duration = Duration::from_secs(60);
/// How many entries are remembered. What is beyond has its turn when these had theirs, or were not seen again for [long](STALE).
const MOST: usize = 1024;
/// How long an entry keeps its place.
const STALE: Duration = Duration::from_secs(10 * 60);

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
        if seen.len() >= MOST {
            seen.retain(|_, (_, since)| since.elapsed() < STALE);
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

/// When a write began, by the clock that never goes back, and by the one that goes on while the machine sleeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since(Instant, SystemTime);

impl Since {
    pub(crate) fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    fn elapsed(self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
    }

    /// Whether somebody may have taken the entry of what was written for one that was left behind.
    fn is_in_doubt(self, conditions: Conditions) -> bool {
        !conditions.is_remote() || self.elapsed() >= GRACE / 2
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
        let broom =
            Broom { client: Arc::clone(&self.client), paths: self.paths.clone(), owner, name: name.clone() };
        if self.client.is_here() {
            broom.sweep(token).await?;
        } else {
            // By itself: a listing that rests, or ends, must not leave it half done.
            outcome(tokio::spawn(broom.sweep(token)).await).transpose()?;
        }
        self.sightings.forget(&path);
        Ok(())
    }

    /// Makes an entry anew that may have gone while its record was written.
    pub(crate) async fn look_after(&self, owner: Owner, name: &Name, since: Since) -> Result<()> {
        let is_in_doubt = since.is_in_doubt(self.client.conditions());
        if !is_in_doubt || self.client.exists(&self.paths.entry(owner, name), "write").await? {
            return Ok(());
        }
        index::enter(&self.client, &self.paths, owner, name, nonce("write")?, "write").await
    }
}

/// What removes one entry.
struct Broom {
    client: Arc<Client>,
    paths: Paths,
    owner: Owner,
    name: Name,
}

impl Broom {
    /// Holds no lock: a listing that rests would hold up all writers.
    async fn sweep(self, token: Option<Token>) -> Result<()> {
        if self.is_owned().await? {
            return Ok(());
        }
        self.remove(token).await?;
        // Whoever wrote the record meanwhile may have looked for the entry before it went.
        if self.is_owned().await? {
            index::enter(&self.client, &self.paths, self.owner, &self.name, nonce("list")?, "list").await?;
        }
        Ok(())
    }

    async fn remove(&self, token: Option<Token>) -> Result<()> {
        let path = self.paths.entry(self.owner, &self.name);
        match token {
            Some(token) => self.client.remove_at(&path, &token, "list").await.map(drop),
            // It is not there any more.
            None if self.client.conditions().is_remote() => Ok(()),
            None => self.client.remove(&path, "list").await,
        }
    }

    async fn is_owned(&self) -> Result<bool> {
        let found = find(&self.client, &self.paths, &self.name, "list").await?;
        Ok(found.is_some_and(|found| found.state.owner == Some(self.owner)))
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

    #[tokio::test]
    async fn who_writes_looks_after_the_entry() {
        let store = store();
        create(&store, "ada").await.expect("it is the first");
        let (owner, name) = (Owner::of(&"ada".into()), Name::of(&key()));
        store.client.remove(&store.paths.entry(owner, &name), "list").await.expect("memory");
        assert_eq!(listed(&store, "ada").await, 0);
        store.look_after(owner, &name, Since::now()).await.expect("memory");
        assert_eq!(listed(&store, "ada").await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_is_in_doubt_where_nobody_compares_or_when_its_record_took_long() {
        let since = Since::now();
        assert!(
            since.is_in_doubt(Conditions::Alone) && since.is_in_doubt(Conditions::Nobody { creates: true })
        );
        assert!(!since.is_in_doubt(Conditions::Tags) && !since.is_in_doubt(Conditions::Generations));
        let slept = Since(since.0, since.1 - GRACE / 2);
        assert!(slept.is_in_doubt(Conditions::Tags), "the machine slept");
        tokio::time::advance(GRACE / 2).await;
        assert!(since.is_in_doubt(Conditions::Tags));
    }

    /// A page that rests between two of its entries holds up nobody.
    #[tokio::test(start_paused = true)]
    async fn a_listing_that_rests_holds_up_no_write() {
        let store = store();
        create(&store, "ada").await.expect("it is the first");
        create(&store, "bob").await.expect_err("it is there");
        assert_eq!(listed(&store, "bob").await, 0);
        tokio::time::advance(GRACE).await;
        let holder = store.alone(&Name::of(&key())).await;
        let mut listing = store.list(ListQuery::of("bob".into()));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(listing.as_mut().poll_next(&mut context).is_ready(), "it waits for the lane");
        drop(holder);
        assert!(!has_entry(&store, "bob").await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded_and_another_entry_of_that_name_is_new() {
        let seen = Sightings::default();
        for number in 0..2 * MOST {
            assert!(!seen.is_old(&number.to_string(), None));
        }
        assert_eq!(seen.0.lock().expect("a lock").len(), MOST);
        let token = Token::Generation("2".into());
        assert!(!seen.is_old("0", Some(&token)));
        seen.forget("0");
        assert_eq!(seen.0.lock().expect("a lock").len(), MOST - 1);
        assert!(!seen.is_old("last", None) && !seen.is_old("beyond", None));
        tokio::time::advance(STALE).await;
        assert!(!seen.is_old("beyond", None), "those that nobody saw again make room");
        assert_eq!(seen.0.lock().expect("a lock").len(), 1);
        tokio::time::advance(GRACE).await;
        assert!(seen.is_old("beyond", None));
    }
}
