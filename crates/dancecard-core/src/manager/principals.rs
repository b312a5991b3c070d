//! All the sessions of one principal: looked at, ended, counted.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use sha2::{Digest, Sha256};

use super::SessionManager;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::id::RecordKey;
use crate::policy::AtLimit;
use crate::record::{Entry, Meta, Principal, Record, Version};
use crate::session::{Guard, Shared};
use crate::store::{BoxStream, ListQuery, Store, WriteMode};

/// How often the list is looked at again because someone signed in meanwhile.
const MAX_ROUNDS: usize = 8;

/// How long the mark of an "end all" is kept: far longer than any sign-in takes.
const MARK_LIFETIME: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

impl SessionManager {
    /// The sessions there are, live ones only. A stream that can't be begun yields one error.
    ///
    /// # Errors
    /// Items are [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) when the engine can't list, or has no
    /// principal index and one is asked for.
    pub fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        let query = match query.principal {
            Some(who) => ListQuery::of(self.scoped(who)),
            None => query,
        };
        self.living(query)
    }

    /// The live sessions of a principal, in the order in which they began: a device list. One that can't be read is left
    /// out, and the observer is told.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) when the engine has no principal index.
    #[doc(alias("devices", "sessions_of_user"))]
    pub async fn sessions_of(&self, who: &Principal) -> Result<Vec<Entry>> {
        self.living_of(&self.scoped(who.clone())).await
    }

    fn living(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        Box::pin(Living { entries: self.0.store.list(query), manager: self })
    }

    async fn living_of(&self, who: &Principal) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        let mut entries = self.living(ListQuery::of(who.clone()));
        while let Some(entry) = next(&mut entries).await {
            match entry {
                // Of the others it is known that they are there.
                Err(error) if error.kind() == ErrorKind::Corrupt => {}
                entry => found.push(entry?),
            }
        }
        found.sort_by(|a, b| (a.meta.created_at(), &a.key).cmp(&(b.meta.created_at(), &b.key)));
        Ok(found)
    }

    /// Ends one session of a principal, wherever rotation took it; `false` when it is not, or no longer, theirs.
    ///
    /// # Errors
    /// Those of [`SessionManager::end`].
    pub async fn end_one(&self, who: &Principal, key: &RecordKey) -> Result<bool> {
        self.end_from(key, None, Some(&self.scoped(who.clone()))).await
    }

    /// Ends all sessions of a principal, and says how many there were.
    ///
    /// There is one moment, while this runs, from which on no session of the principal lives that began before: a
    /// sign-in under way then finds the mark that is left, and undoes itself. One that begins later counts as later.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) when the engine has no principal index;
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable), or [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for
    /// one that can't be read, and then some may live; all others have ended.
    #[doc(alias("revoke_all", "sign_out_everywhere"))]
    pub async fn end_all(&self, who: &Principal) -> Result<usize> {
        self.end_others(who, None).await
    }

    /// Ends all sessions of a principal but one.
    ///
    /// # Errors
    /// Those of [`SessionManager::end_all`].
    pub async fn end_others(&self, who: &Principal, keep: Option<&RecordKey>) -> Result<usize> {
        self.end_rest(&self.scoped(who.clone()), keep, None).await
    }

    /// Like [`SessionManager::end_others`], for a request that may be signing in itself.
    pub(crate) async fn end_rest(
        &self,
        who: &Principal,
        keep: Option<&RecordKey>,
        own: Option<&Shared>,
    ) -> Result<usize> {
        let mut sweep = Sweep::default();
        self.end_listed(who, keep, &mut sweep).await;
        sweep.note(self.leave_mark(who, own).await);
        // Whoever had stored a session before the mark is listed now; whoever had only begun to, finds the mark.
        for _ in 0..MAX_ROUNDS {
            let before = sweep.ended;
            self.end_listed(who, keep, &mut sweep).await;
            if sweep.ended == before {
                break;
            }
        }
        if let (Some(own), Some(key), true) = (own, keep, sweep.has_moved) {
            own.state().moved_on_from(key);
        }
        sweep.error.map_or(Ok(sweep.ended), Err)
    }

    /// Ends also what has expired: a slower request may be about to use it once more. That is not counted. What can't be
    /// read or ended keeps none of the others alive.
    async fn end_listed(&self, who: &Principal, keep: Option<&RecordKey>, sweep: &mut Sweep) {
        let entries = self.listed_of(who, sweep).await;
        let Some(kept) = sweep.note(self.kept(keep, &entries).await) else { return };
        sweep.has_moved |= kept.as_ref() != keep;
        let now = self.now();
        for entry in entries.iter().filter(|entry| kept.as_ref() != Some(&entry.key)) {
            let did = self.end_from(&entry.key, Some(entry.version.clone()), Some(who)).await;
            let did = sweep.note(did).unwrap_or(false);
            sweep.ended += usize::from(did && !entry.meta.is_expired(now));
        }
    }

    /// What can be read of the list.
    async fn listed_of(&self, who: &Principal, sweep: &mut Sweep) -> Vec<Entry> {
        let (mut entries, mut goes_on) = (Vec::new(), true);
        let mut listed = self.0.store.list(ListQuery::of(who.clone()));
        while goes_on && let Some(entry) = next(&mut listed).await {
            goes_on = entry.as_ref().err().is_none_or(|error| error.kind() == ErrorKind::Corrupt);
            entries.extend(sweep.note(self.told(None, entry)).filter(|entry| !entry.meta.is_retired()));
        }
        entries
    }

    /// The session to keep, where it is now: it may have got a new id since.
    async fn kept(&self, keep: Option<&RecordKey>, entries: &[Entry]) -> Result<Option<RecordKey>> {
        let Some(mut key) = keep.cloned() else { return Ok(None) };
        for _ in 0..MAX_ROUNDS {
            if entries.iter().any(|entry| entry.key == key) {
                break;
            }
            let found = self.told(Some(&key), self.0.store.load(&key).await)?;
            match found.and_then(|found| found.written_meta().successor().cloned()) {
                Some(successor) => key = successor,
                None => break,
            }
        }
        Ok(Some(key))
    }

    /// Changes the generation of a principal: the version of a record under a key of its own. Of several marks at once
    /// each is as good as the other.
    ///
    /// A request that has announced a sign-in is not undone by its own mark, unless there was another one in between.
    async fn leave_mark(&self, who: &Principal, own: Option<&Shared>) -> Result<()> {
        if let Some((own, guard)) = own.and_then(|own| own.guard_of(who).map(|guard| (own, guard)))
            && let Some(version) = self.leave_mark_after(&guard).await?
        {
            own.move_guard(&guard, version);
            return Ok(());
        }
        self.told(None, self.write_mark(who, WriteMode::Overwrite).await).map(drop)
    }

    /// `None`, and no mark, if the last one is not the one that the guard knows.
    async fn leave_mark_after(&self, guard: &Guard) -> Result<Option<Version>> {
        let mode = match &guard.generation {
            known if !self.0.capabilities.conditional_write.is_supported() => {
                if self.generation(&guard.who).await? != *known {
                    return Ok(None);
                }
                WriteMode::Overwrite
            }
            Some(version) => WriteMode::Update(version.clone()),
            None => WriteMode::Create,
        };
        match self.write_mark(&guard.who, mode).await {
            Err(error) if error.is_conflict() => Ok(None),
            left => self.told(None, left).map(Some),
        }
    }

    async fn write_mark(&self, who: &Principal, mode: WriteMode) -> Result<Version> {
        let now = self.now();
        let meta = Meta::new(now, now.saturating_add(MARK_LIFETIME)).into_retired(None);
        self.0.store.write(&self.mark_key(who), Record::new(meta, Vec::new()), mode).await
    }

    /// Which "end all" was the last one for a principal; each has a version that was never there before.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when there is a limit of sessions per principal that the engine can't count.
    pub(crate) async fn generation(&self, who: &Principal) -> Result<Option<Version>> {
        if !self.0.capabilities.principal_index.is_supported() {
            let unlimited = self.0.policy.max_sessions.is_none();
            return if unlimited { Ok(None) } else { Err(self.0.store.unsupported("list")) };
        }
        let mark = self.told(None, self.0.store.load(&self.mark_key(who)).await)?;
        Ok(mark.map(|mark| mark.version().clone()))
    }

    /// A mark may have come and gone since then.
    pub(super) fn outlasts_marks(&self, since: Timestamp) -> bool {
        self.now().since(since) >= MARK_LIFETIME
    }

    /// Why a sign-in must not stand, if so: all sessions of the principal were ended since, or there are too many.
    pub(super) async fn judge_sign_in(
        &self,
        who: &Principal,
        generation: Option<&Version>,
        new: &RecordKey,
    ) -> Result<Option<ErrorKind>> {
        if self.generation(who).await?.as_ref() != generation {
            return Ok(Some(ErrorKind::Ended));
        }
        let stays = self.keep_limit(who, new).await?;
        Ok((!stays).then_some(ErrorKind::Refused))
    }

    fn mark_key(&self, who: &Principal) -> RecordKey {
        let hash =
            Sha256::new().chain_update(b"dancecard generation\0").chain_update(who.as_str().as_bytes());
        RecordKey::new(&hash.finalize())
    }

    pub(super) fn refuses_new(&self) -> bool {
        matches!(self.0.policy.max_sessions, Some((_, AtLimit::RefuseNew)))
    }

    /// Whether one more session would be one too many, when that of the browser itself is given up for it.
    pub(super) async fn is_full(&self, who: &Principal, own: Option<&RecordKey>) -> Result<bool> {
        let Some((limit, _)) = self.0.policy.max_sessions else { return Ok(false) };
        let entries = self.living_of(who).await?;
        Ok(entries.iter().filter(|entry| Some(&entry.key) != own).count() >= limit)
    }

    /// Applies the limit of sessions per principal after a sign-in; `false` when the new session is the one that goes.
    ///
    /// All sign-ins count the same list in the same order, so that of several at once the right ones stay.
    async fn keep_limit(&self, who: &Principal, new: &RecordKey) -> Result<bool> {
        let Some((limit, at_limit)) = self.0.policy.max_sessions else { return Ok(true) };
        let mut entries = self.living_of(who).await?;
        match at_limit {
            AtLimit::EndOldest => {}
            AtLimit::EndIdlest => {
                entries.sort_by_key(|entry| (entry.meta.last_seen(), entry.meta.created_at()))
            }
            AtLimit::RefuseNew => entries.reverse(),
        }
        let surplus = entries.len().saturating_sub(limit);
        // One that is not there any more was ended by another sign-in, or by an "end all".
        let mut stays = entries.iter().any(|entry| entry.key == *new);
        for entry in entries.into_iter().take(surplus) {
            stays &= entry.key != *new;
            self.end_from(&entry.key, Some(entry.version), Some(who)).await?;
        }
        Ok(stays)
    }
}

/// What an "end all" has come to so far.
#[derive(Default)]
struct Sweep {
    ended: usize,
    /// The session to keep got a new id meanwhile.
    has_moved: bool,
    /// The first one.
    error: Option<Error>,
}

impl Sweep {
    fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.error.get_or_insert(error)).ok()
    }
}

/// Leaves out what has expired, and the markers of what has ended.
struct Living<'a> {
    entries: BoxStream<'a, Result<Entry>>,
    manager: &'a SessionManager,
}

impl Stream for Living<'_> {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.entries.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(entry)))
                    if entry.meta.is_retired() || entry.meta.is_expired(self.manager.now()) => {}
                Poll::Ready(Some(Ok(entry))) => {
                    let meta = self.manager.unscoped_meta(entry.meta);
                    return Poll::Ready(Some(Ok(Entry { meta, ..entry })));
                }
                Poll::Ready(Some(failed)) => return Poll::Ready(Some(self.manager.told(None, failed))),
                other => return other,
            }
        }
    }
}

async fn next<T>(stream: &mut BoxStream<'_, T>) -> Option<T> {
    poll_fn(|context| stream.as_mut().poll_next(context)).await
}
