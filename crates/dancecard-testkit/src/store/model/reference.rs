//! The model: a map of what was written, and what each operation should answer.

use std::collections::BTreeMap;
use std::time::Duration;

use dancecard_core::{
    Entry, Error, ListQuery, Meta, Record, RecordKey, SharedStore, Store, Timestamp, Version, WriteMode,
};

use super::super::env::{Env, MINUTE};
use super::super::expect::{conflicts, equal, fresh, same, same_meta, that};
use super::ops::{Draft, Offer, Op, Slot};
use crate::failure::{Failure, Outcome};

struct Kept {
    record: Record,
    version: Version,
}

/// An engine beside what it should hold. An expired record may go at any time; so before an operation whose answer
/// depends on it, the engine is asked whether it still has it, and the model goes along.
pub(super) struct Reference<'a> {
    env: &'a Env,
    store: Option<SharedStore>,
    now: Timestamp,
    keys: Vec<RecordKey>,
    kept: BTreeMap<Slot, Kept>,
    seen: BTreeMap<Slot, Vec<Version>>,
}

impl<'a> Reference<'a> {
    pub(super) fn new(env: &'a Env) -> Self {
        let keys = env.keys(1 + usize::from(Slot::MAX));
        let (kept, seen) = (BTreeMap::new(), BTreeMap::new());
        Self { env, store: Some(env.store()), now: env.now(), keys, kept, seen }
    }

    pub(super) async fn step(&mut self, op: &Op) -> Outcome {
        match *op {
            Op::Load(slot) => self.check(slot).await,
            Op::Create(slot, draft) => self.write(slot, WriteMode::Create, draft).await,
            Op::Overwrite(slot, draft) => self.write(slot, WriteMode::Overwrite, draft).await,
            Op::Update(slot, offer, draft) => {
                self.settle(slot).await?;
                let version = self.offered(slot, offer);
                self.write(slot, WriteMode::Update(version), draft).await
            }
            Op::Delete(slot) => self.delete(slot).await,
            Op::Touch(slot, minutes) => self.touch(slot, minutes).await,
            Op::Replace(old, new, offer, draft) => self.replace(old, new, offer, draft).await,
            Op::ListAll => self.list(None).await,
            Op::ListOf(principal) => self.list(Some(principal)).await,
            Op::Purge(limit) => self.purge(limit).await,
            Op::Advance(minutes) => {
                self.now = self.in_minutes(minutes);
                Ok(())
            }
            Op::Restart => self.restart().await,
        }
    }

    /// Reads everything.
    pub(super) async fn finish(&mut self) -> Outcome {
        for slot in self.seen.keys().copied().collect::<Vec<_>>() {
            self.check(slot).await?;
        }
        if self.env.capabilities().list.is_supported() { self.list(None).await } else { Ok(()) }
    }

    fn store(&self) -> SharedStore {
        self.store.clone().unwrap_or_else(|| self.env.store())
    }

    fn key(&self, slot: Slot) -> RecordKey {
        self.keys[usize::from(slot)].clone()
    }

    fn in_minutes(&self, minutes: i64) -> Timestamp {
        Timestamp::from_millis(self.now.as_millis() + minutes * MINUTE.as_millis() as i64)
    }

    fn record(&self, draft: Draft) -> Record {
        let meta =
            Meta::new(self.now, self.in_minutes(draft.minutes)).with_idle(Some(Duration::from_secs(90)));
        let meta = match draft.retired {
            true => meta.into_retired(Some(self.key(Slot::MAX))),
            false => meta.with_principal(draft.principal.map(|number| format!("user {number}").into())),
        };
        Record::new(meta, vec![draft.fill; draft.size])
    }

    fn is_over(&self, kept: &Kept) -> bool {
        kept.record.meta.expires_at() <= self.now
    }

    /// Forgets an expired record that the engine forgot. One that expires by itself may do so between any two calls, so it is
    /// taken away.
    async fn settle(&mut self, slot: Slot) -> Outcome {
        if !self.kept.get(&slot).is_some_and(|kept| self.is_over(kept)) {
            return Ok(());
        }
        if self.env.capabilities().native_expiry {
            return self.delete(slot).await;
        }
        if self.gone(slot).await? {
            self.kept.remove(&slot);
        }
        Ok(())
    }

    async fn gone(&self, slot: Slot) -> Outcome<bool> {
        Ok(self.store().load(&self.key(slot)).await?.is_none())
    }

    /// The engine has what the model has under the key.
    async fn check(&mut self, slot: Slot) -> Outcome {
        self.settle(slot).await?;
        let found = self.store().load(&self.key(slot)).await?;
        match self.kept.get(&slot) {
            None => that(found.is_none(), "no record", "a record"),
            Some(kept) => {
                let found = equal(found, &kept.record)?;
                that(*found.version() == kept.version, "the version of the last write", "another")
            }
        }
    }

    fn offered(&self, slot: Slot, offer: Offer) -> Version {
        let present = self.kept.get(&slot).map(|kept| &kept.version);
        let seen = self.seen.get(&slot);
        let version = match offer {
            Offer::Present => present.or(seen.and_then(|seen| seen.last())),
            Offer::Earlier => seen.and_then(|seen| seen.iter().rfind(|version| Some(*version) != present)),
            // Another key's may happen to be equal; then it is the present one.
            Offer::Foreign => {
                self.kept.iter().find(|(other, _)| **other != slot).map(|(_, kept)| &kept.version)
            }
        };
        version.cloned().unwrap_or_else(|| Version::from_bytes(b"never seen"))
    }

    fn holds(&self, slot: Slot, mode: &WriteMode) -> bool {
        let kept = self.kept.get(&slot);
        match mode {
            WriteMode::Create => kept.is_none(),
            WriteMode::Update(version) => kept.is_some_and(|kept| kept.version == *version),
            _ => true,
        }
    }

    async fn write(&mut self, slot: Slot, mode: WriteMode, draft: Draft) -> Outcome {
        self.settle(slot).await?;
        let record = self.record(draft);
        let answer = self.store().write(&self.key(slot), record.clone(), mode.clone()).await;
        match self.holds(slot, &mode) {
            true => self.written(slot, record, answer),
            false => conflicts(answer),
        }
    }

    fn written(&mut self, slot: Slot, record: Record, answer: Result<Version, Error>) -> Outcome {
        let version = answer?;
        self.kept.insert(slot, Kept { record, version: version.clone() });
        fresh(self.seen.entry(slot).or_default(), version)
    }

    async fn delete(&mut self, slot: Slot) -> Outcome {
        self.store().delete(&self.key(slot)).await?;
        self.kept.remove(&slot);
        Ok(())
    }

    async fn touch(&mut self, slot: Slot, minutes: i64) -> Outcome {
        self.settle(slot).await?;
        let at = self.in_minutes(minutes);
        let answer = self.store().touch(&self.key(slot), at).await?;
        same("touch says", answer, self.kept.contains_key(&slot))?;
        if let Some(kept) = self.kept.get_mut(&slot) {
            let later = at.max(kept.record.meta.expires_at());
            kept.record.meta = kept.record.meta.clone().with_expires_at(later);
        }
        Ok(())
    }

    async fn replace(&mut self, old: Slot, new: Slot, offer: Offer, draft: Draft) -> Outcome {
        self.settle(old).await?;
        self.settle(new).await?;
        let (old_key, new_key, version) = (self.key(old), self.key(new), self.offered(old, offer));
        let (marker, record) =
            (self.record(Draft { retired: true, minutes: 1, ..draft }), self.record(draft));
        let holds =
            self.holds(old, &WriteMode::Update(version.clone())) && self.holds(new, &WriteMode::Create);
        let step = self.store().replace(&old_key, &version, marker.clone(), &new_key, record.clone()).await;
        // An engine that reclaims as it writes may let the old record go while it makes the new one.
        let had = self.kept.contains_key(&old);
        self.settle(old).await?;
        if !holds || (had && !self.kept.contains_key(&old)) {
            return conflicts(step);
        }
        self.written(new, record, step)?;
        let left = equal(self.store().load(&old_key).await?, &marker)?;
        self.written(old, marker, Ok(left.version().clone()))
    }

    async fn list(&mut self, principal: Option<u8>) -> Outcome {
        let query =
            principal.map_or_else(ListQuery::all, |number| ListQuery::of(format!("user {number}").into()));
        let mut entries = self.env.listed(&self.store(), query.clone()).await?;
        for (slot, kept) in self.kept.iter().filter(|(_, kept)| query.matches(&kept.record.meta)) {
            let place = entries.iter().position(|entry| entry.key == self.keys[usize::from(*slot)]);
            match place {
                Some(place) => same_entry(&entries.swap_remove(place), kept)?,
                None => that(self.is_over(kept), "each live record listed", "one is missing")?,
            }
        }
        same("listed twice, or not to be listed:", entries.len(), 0)
    }

    async fn purge(&mut self, limit: usize) -> Outcome {
        let slots: Vec<_> = self.kept.keys().copied().collect();
        for slot in &slots {
            self.settle(*slot).await?;
        }
        let over = self.kept.values().filter(|kept| self.is_over(kept)).count();
        let purged = self.store().purge_expired(self.now, limit).await?;
        that(purged <= limit, format!("at most {limit} purged"), purged.to_string())?;
        for slot in &slots {
            self.settle(*slot).await?;
        }
        let left = self.kept.values().filter(|kept| self.is_over(kept)).count();
        if self.env.capabilities().native_expiry {
            return Ok(());
        }
        same("purged, as it says:", purged, over.min(limit))?;
        same("expired records left:", left, over - over.min(limit))
    }

    async fn restart(&mut self) -> Outcome {
        let store = self.store.take().ok_or_else(|| Failure::new("a store", "none"))?;
        self.store = Some(self.env.restart(store).await?);
        Ok(())
    }
}

fn same_entry(entry: &Entry, kept: &Kept) -> Outcome {
    same_meta(&entry.meta, &kept.record.meta)?;
    that(entry.version == kept.version, "the version of the last write listed", "another")
}
