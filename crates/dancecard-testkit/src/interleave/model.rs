//! The history replayed on a model of plain maps: each write must be exactly what its request asked for, on top of
//! what was there.

use std::collections::{BTreeMap, BTreeSet};

use dancecard_core::{ErrorKind, Outcome, Timestamp};

use super::history::{Cookie, Data, Event, Key, Marker, Seen, What};
use super::script::Wishes;

/// Less than a marker stays.
pub(super) const MOMENT: std::time::Duration = std::time::Duration::from_secs(59);

/// A record under one key, from its creation to its end.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) data: Data,
    pub(super) principal: Option<String>,
    pub(super) expires_at: Timestamp,
    absolute_at: Timestamp,
    pub(super) is_live: bool,
    /// What it left behind when another key took its place, or when it ended.
    pub(super) marker: Option<Marker>,
    pub(super) signed_in: Option<SignIn>,
    /// The place in the history at which it was retired, ended or lost.
    pub(super) ended: Option<usize>,
    pub(super) by: usize,
}

/// When the sign-in that a session stems from first looked at the engine, and when it was stored, as places in the
/// history. What had begun but had not looked yet can't be told from what begins later.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignIn {
    pub(super) looked: usize,
    pub(super) stored: usize,
}

/// A save or a commit, from its begin to its end.
#[derive(Debug, Clone)]
pub(super) struct Commit {
    pub(super) task: usize,
    pub(super) wishes: Wishes,
    pub(super) begun: usize,
    pub(super) done: usize,
    pub(super) done_at: Timestamp,
    pub(super) result: Result<Option<Outcome>, ErrorKind>,
    pub(super) cookie: Cookie,
    /// The live records that it wrote, but for those that it took back.
    pub(super) wrote: Vec<Key>,
    /// The places of its first call of the engine, and of the last one of its request so far.
    pub(super) first_call: Option<usize>,
    pub(super) last_call: usize,
    /// The request has seen a living session, and has not ended it itself.
    pub(super) found_alive: bool,
}

/// What the replay found out.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) lives: BTreeMap<Key, Life>,
    pub(super) commits: Vec<Commit>,
    /// The requests that came with a living session, by the place at which they began.
    pub(super) came_alive: BTreeSet<usize>,
    pub(super) faults: Vec<String>,
    /// Records that may be there though whoever made them was told that it failed, or could not take them back. Nobody is
    /// told their ids.
    pub(super) strays: BTreeSet<Key>,
    open: BTreeMap<usize, Commit>,
    /// Whose sign-in a task has announced, and the place.
    announced: BTreeMap<usize, (&'static str, usize)>,
    /// The tasks whose request has seen a living session, and those that were just handed one, with its end: whether
    /// it still lives is judged a moment later.
    finders: BTreeSet<usize>,
    handed: BTreeMap<usize, Timestamp>,
    last_calls: BTreeMap<usize, usize>,
    /// Created, and not yet known whether as the successor of something.
    fresh: BTreeMap<Key, Seen>,
    gone: BTreeSet<Key>,
    is_exact: bool,
}

impl Model {
    /// Without conditional writes the last writer wins, and payloads follow no model.
    pub(super) fn replay(events: &[Event], is_exact: bool) -> Self {
        let mut model = Self { is_exact, ..Self::default() };
        for (place, event) in events.iter().enumerate() {
            model.step(place, event);
        }
        model
    }

    fn step(&mut self, place: usize, event: &Event) {
        let task = event.task;
        self.note_call(task, place, &event.what);
        if self.handed.remove(&task).is_some_and(|expires_at| event.at < expires_at) {
            self.finders.insert(task);
        }
        match &event.what {
            What::Opened(_, Some(key)) => self.open_request(task, place, *key, event.at),
            What::Announced(who) => drop(self.announced.insert(task, (*who, place))),
            What::Opened(_, None) => drop(self.finders.remove(&task)),
            What::Loaded(key) => self.look(task, *key),
            What::Touched(key, at) => self.touch(*key, *at),
            What::Begun(wishes) => self.begin(task, place, wishes),
            What::Saved(result) => self.finish(event, place, result.map(|()| None), Cookie::Kept),
            What::Done(result, cookie) => self.finish(event, place, result.map(Some), *cookie),
            What::Created(key, seen) => self.create(task, place, *key, seen),
            What::Updated(key, seen) => self.update(task, *key, seen),
            What::Overwritten(key, seen) => self.overwrite(task, place, *key, seen),
            What::Retired(key, marker) => self.retire(task, place, *key, marker),
            What::Replaced(old, marker, new, seen) => {
                self.create(task, place, *new, seen);
                self.retire(task, place, *old, marker);
            }
            What::Deleted(key) => self.delete(task, place, *key),
            What::Failed(operation, Some(key)) => self.leave_behind(task, operation, *key),
            What::Purged(keys) => keys.iter().for_each(|key| self.lose(place, *key)),
            What::Wrong(what) => self.faults.push(format!("task {task}: {what}")),
            _ => {}
        }
    }

    fn note_call(&mut self, task: usize, place: usize, what: &What) {
        let is_call = !matches!(
            what,
            What::Opened(..)
                | What::Announced(_)
                | What::Begun(_)
                | What::Saved(_)
                | What::Done(..)
                | What::Called(_)
                | What::Returned(_)
                | What::Wrong(_)
        );
        if !is_call {
            return;
        }
        self.last_calls.insert(task, place);
        if let Some(commit) = self.open.get_mut(&task) {
            commit.first_call.get_or_insert(place);
        }
    }

    /// A session that expires while the request runs is a matter of its own.
    fn open_request(&mut self, task: usize, place: usize, key: Key, now: Timestamp) {
        self.finders.remove(&task);
        let soon = now.saturating_add(MOMENT);
        if self.lives.get(&key).is_some_and(|life| life.is_live && soon < life.expires_at) {
            self.came_alive.insert(place);
        }
    }

    fn look(&mut self, task: usize, key: Key) {
        let found = self.lives.get(&key).filter(|life| life.is_live).map(|life| life.expires_at);
        self.handed.extend(found.map(|expires_at| (task, expires_at)));
    }

    fn touch(&mut self, key: Key, at: Timestamp) {
        if let Some(life) = self.lives.get_mut(&key) {
            life.expires_at = life.expires_at.max(at.min(life.absolute_at));
        }
    }

    fn begin(&mut self, task: usize, place: usize, wishes: &Wishes) {
        let commit = Commit {
            task,
            wishes: wishes.clone(),
            begun: place,
            done: place,
            done_at: Timestamp::from_millis(0),
            result: Ok(None),
            cookie: Cookie::Kept,
            wrote: Vec::new(),
            first_call: None,
            last_call: place,
            found_alive: false,
        };
        self.open.insert(task, commit);
    }

    fn finish(
        &mut self,
        event: &Event,
        place: usize,
        result: Result<Option<Outcome>, ErrorKind>,
        cookie: Cookie,
    ) {
        let Some(mut commit) = self.open.remove(&event.task) else { return };
        (commit.done, commit.done_at, commit.result, commit.cookie) = (place, event.at, result, cookie);
        commit.last_call = self.last_calls.get(&event.task).copied().unwrap_or(commit.begun);
        commit.found_alive = self.finders.contains(&event.task);
        if commit.wishes.destroys {
            self.finders.remove(&event.task);
        }
        if commit.wishes.sign_in.is_some() {
            self.announced.remove(&event.task);
        }
        for key in commit.wrote.clone() {
            // Of one that failed, nobody knows what the record was to follow.
            if let Some(seen) = self.fresh.remove(&key).filter(|_| commit.result.is_ok()) {
                self.expect(key, &seen, &commit.wishes.apply(&Data::new()), commit.wishes.sign_in);
            }
        }
        self.commits.push(commit);
    }

    fn create(&mut self, task: usize, place: usize, key: Key, seen: &Seen) {
        if self.lives.contains_key(&key) || self.gone.contains(&key) {
            self.faults.push(format!("{key:?} was created over what was there before"));
        }
        let commit = self.open.get_mut(&task);
        let whose = commit.as_ref().and_then(|commit| commit.wishes.sign_in);
        let announced = self.announced.get(&task).filter(|(who, _)| Some(*who) == whose).map(|found| found.1);
        let looked = commit.as_ref().and_then(|commit| commit.first_call).unwrap_or(place);
        let looked = announced.unwrap_or(looked);
        let signs_in = commit.as_ref().is_some_and(|commit| commit.wishes.sign_in.is_some());
        match commit {
            Some(commit) => commit.wrote.push(key),
            None => self.faults.push(format!("task {task} created {key:?} outside of a commit")),
        }
        self.fresh.insert(key, seen.clone());
        self.lives.insert(
            key,
            Life {
                data: seen.data.clone().unwrap_or_default(),
                principal: seen.principal.clone(),
                expires_at: seen.expires_at,
                absolute_at: seen.absolute_at,
                is_live: true,
                marker: None,
                signed_in: signs_in.then_some(SignIn { looked, stored: place }),
                ended: None,
                by: task,
            },
        );
    }

    fn update(&mut self, task: usize, key: Key, seen: &Seen) {
        let Some(commit) = self.open.get_mut(&task) else {
            return self.faults.push(format!("task {task} changed {key:?} outside of a commit"));
        };
        commit.wrote.push(key);
        let wishes = commit.wishes.clone();
        let Some(life) = self.lives.get_mut(&key).filter(|life| life.is_live) else {
            return self.faults.push(format!("{key:?} lives again after its end"));
        };
        let expected = wishes.apply(&life.data);
        let principal = life.principal.clone();
        life.data = seen.data.clone().unwrap_or_default();
        (life.expires_at, life.absolute_at) = (seen.expires_at, seen.absolute_at);
        self.expect(key, seen, &expected, principal.as_deref());
    }

    fn overwrite(&mut self, task: usize, place: usize, key: Key, seen: &Seen) {
        if self.lives.contains_key(&key) {
            if let Some(commit) = self.open.get_mut(&task) {
                commit.wrote.push(key);
            }
            self.lives.entry(key).and_modify(|life| {
                life.data = seen.data.clone().unwrap_or_default();
                life.is_live = true;
            });
        } else {
            self.create(task, place, key, seen);
        }
    }

    fn retire(&mut self, task: usize, place: usize, key: Key, marker: &Marker) {
        let Some(old) = self.lives.get_mut(&key) else { return };
        let (base, was_live) = (old.clone(), old.is_live);
        old.is_live = false;
        old.ended.get_or_insert(place);
        if was_live || old.marker.is_none() {
            old.marker = Some(marker.clone());
        }
        if !was_live && self.is_exact {
            self.faults.push(format!("{key:?} was retired after its end"));
        }
        if let Some(new) = marker.successor {
            self.succeed(task, &base, new);
        }
    }

    /// The successor holds what its predecessor held, changed as the request wished.
    fn succeed(&mut self, task: usize, old: &Life, new: Key) {
        let Some(seen) = self.fresh.remove(&new) else {
            let what = format!("{new:?} follows without having been created");
            return self.faults.extend(self.is_exact.then_some(what));
        };
        let Some(wishes) = self.open.get(&task).map(|commit| commit.wishes.clone()) else { return };
        let anothers = wishes.sign_in.is_some()
            && old.principal.as_deref().is_some_and(|who| Some(who) != wishes.sign_in);
        let base = if anothers { Data::new() } else { old.data.clone() };
        let principal = wishes.sign_in.or(old.principal.as_deref());
        if let Some(life) = self.lives.get_mut(&new) {
            life.signed_in = life.signed_in.or(old.signed_in);
        }
        self.expect(new, &seen, &wishes.apply(&base), principal);
    }

    fn expect(&mut self, key: Key, seen: &Seen, data: &Data, principal: Option<&str>) {
        if !self.is_exact {
            return;
        }
        if seen.data.as_ref() != Some(data) {
            self.faults.push(format!("{key:?} should hold {data:?} and was written as {:?}", seen.data));
        }
        if seen.principal.as_deref() != principal {
            self.faults.push(format!(
                "{key:?} should be of {principal:?} and was written as of {:?}",
                seen.principal
            ));
        }
    }

    /// A replacement that did not happen takes its successor back.
    fn delete(&mut self, task: usize, place: usize, key: Key) {
        if let Some(commit) = self.open.get_mut(&task) {
            commit.wrote.retain(|other| *other != key);
        }
        self.fresh.remove(&key);
        self.lose(place, key);
    }

    fn leave_behind(&mut self, task: usize, operation: &str, key: Key) {
        self.strays.insert(key);
        if operation != "delete" {
            return;
        }
        self.fresh.remove(&key);
        if let Some(commit) = self.open.get_mut(&task) {
            commit.wrote.retain(|other| *other != key);
        }
    }

    fn lose(&mut self, place: usize, key: Key) {
        self.gone.insert(key);
        if let Some(life) = self.lives.get_mut(&key) {
            life.is_live = false;
            life.ended.get_or_insert(place);
        }
    }

    /// Where a session went on, from key to key: as long as its markers last, or for good.
    pub(super) fn lineage(&self, from: Key, until: Option<Timestamp>) -> Vec<Key> {
        let mut keys = vec![from];
        while let Some(life) = keys.last().and_then(|key| self.lives.get(key)) {
            let lasting = life.marker.as_ref().filter(|marker| until.is_none_or(|at| at < marker.expires_at));
            match lasting.and_then(|marker| marker.successor) {
                Some(next) if !keys.contains(&next) => keys.push(next),
                _ => break,
            }
        }
        keys
    }
}
