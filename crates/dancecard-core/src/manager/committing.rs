//! The commit: carries out what [`plan`] decides, and tries again when another writer got in first.

use tokio::sync::MutexGuard;

use super::{Committed, Outcome, SessionManager};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::id::{RecordKey, Token};
use crate::observe::EventKind;
use crate::plan::{Facts, Intent, Plan, Presence, plan};
use crate::policy::ConflictPolicy;
use crate::record::{Principal, Record, Version, Versioned};
use crate::session::{Outgoing, Place, Present, Shared, State};
use crate::store::{Store, WriteMode};

/// What comes after a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The response: the handle is sealed.
    Response,
    /// More of the handler.
    Save,
}

/// Commits a session, once at a time.
pub(crate) async fn commit(shared: &Shared, ending: Ending) -> Result<Committed> {
    let _gate = shared.gate.lock().await;
    begin(shared, ending)?;
    let mut run = Run { shared, manager: &shared.manager, ending, attempts: 0, lane: None };
    let result = run.drive().await;
    let mut state = shared.state();
    finish(&mut state, &result);
    Ok(Committed::new(state.token_action(), result?))
}

/// Takes the changes in hand. Those of a save that was dropped half-way are in hand still.
fn begin(shared: &Shared, ending: Ending) -> Result<()> {
    let mut state = shared.state();
    if state.saving && state.delta.has_functions() {
        let detail = "an earlier save was cancelled, so an update may have been made already";
        return Err(Error::new(ErrorKind::Unavailable, "commit")
            .with_retry(Retry::Unknown)
            .with_detail(detail));
    }
    state.saving = true;
    state.sealed |= ending == Ending::Response;
    if ending == Ending::Save {
        state.delta.freeze();
    }
    Ok(())
}

fn finish(state: &mut State, result: &Result<Outcome>) {
    let unknown = result.as_ref().is_err_and(|error| error.retry() == Retry::Unknown);
    // After an unknown outcome an update must not be made a second time; the flag makes the next commit refuse.
    state.saving = unknown;
    state.delta.thaw();
}

struct Run<'a> {
    shared: &'a Shared,
    manager: &'a SessionManager,
    ending: Ending,
    attempts: u32,
    lane: Option<MutexGuard<'a, ()>>,
}

/// A decision with everything needed to carry it out, taken under the lock of the state.
struct Step {
    plan: Plan,
    now: Timestamp,
    old: Option<(RecordKey, Version)>,
    record: Option<Record>,
    new: Option<(Token, RecordKey)>,
    principal: Option<Principal>,
}

impl Run<'_> {
    async fn drive(&mut self) -> Result<Outcome> {
        loop {
            let step = self.decide()?;
            if step.plan == Plan::Load {
                self.shared.locate().await?;
                continue;
            }
            match self.carry_out(step).await {
                Err(error) if error.is_conflict() => self.lost_to_another(error).await?,
                Err(error) => return Err(error).inspect_err(|error| self.manager.tell_failure(None, error)),
                done => return done,
            }
        }
    }

    fn decide(&self) -> Result<Step> {
        let state = self.shared.state();
        let now = self.manager.now();
        let looked = state.presence() != Presence::Unloaded;
        let merged = if looked { self.manager.merge(&state)? } else { None };
        let facts = self.facts(&state, now, merged.is_some());
        let plan = plan(facts);
        let principal = state.principal.clone();
        let old = state.present().map(|present| (present.key.clone(), present.versioned.version().clone()));
        let record = self.record(&state, plan, merged, now)?;
        let starts = matches!(plan, Plan::Create | Plan::EndThenCreate | Plan::Rotate | Plan::Renew);
        let new = starts.then(|| self.manager.new_id()).transpose()?;
        Ok(Step { plan, now, old, record, new, principal })
    }

    fn facts(&self, state: &State, now: Timestamp, changed: bool) -> Facts {
        let unchanged = state.unchanged(self.manager, now);
        let pending = unchanged.presence == Presence::Unloaded && !state.delta.is_empty();
        let lifetime = state.lifetime.is_some() && unchanged.presence == Presence::Present;
        let begins = state.principal.is_some() && state.intent == Intent::Destroy;
        Facts {
            dirty: changed || pending || lifetime || begins,
            renewal_due: unchanged.renewal_due && self.ending == Ending::Response && state.bound_to_token(),
            ..unchanged
        }
    }

    fn record(
        &self,
        state: &State,
        plan: Plan,
        merged: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Option<Record>> {
        let record = match plan {
            Plan::Update | Plan::Touch => self.manager.updated(state, merged, now)?,
            Plan::Renew => {
                let record = self.manager.updated(state, merged, now)?;
                Record::new(record.meta.with_renewed_at(now), record.payload)
            }
            Plan::Rotate if state.intent == Intent::Cycle => {
                let record = self.manager.updated(state, merged, now)?;
                Record::new(record.meta.with_renewed_at(now), record.payload)
            }
            Plan::Rotate | Plan::Create | Plan::EndThenCreate => self.manager.begun(state, merged, now)?,
            _ => return Ok(None),
        };
        Ok(Some(record))
    }

    async fn carry_out(&mut self, step: Step) -> Result<Outcome> {
        match step.plan {
            Plan::Nothing | Plan::Load => Ok(Outcome::Unchanged),
            Plan::Forget => Ok(self.settle(|state| state.outgoing = Outgoing::Forget, Outcome::Unchanged)),
            Plan::DropWrite => self.drop_write(&step),
            Plan::Refuse => Err(Error::new(ErrorKind::Unavailable, "commit").with_retry(Retry::Safe)),
            Plan::Touch => self.touch(step).await,
            Plan::Update => self.update(step).await,
            Plan::End => self.end(step).await,
            Plan::Create => self.create(step).await,
            Plan::EndThenCreate => {
                self.end_old(&step).await?;
                self.settle(|state| state.place = Place::Gone, Outcome::Ended);
                self.create(step).await
            }
            Plan::Renew | Plan::Rotate => self.rotate(step).await,
        }
    }

    /// Notes that everything in hand is done.
    fn settle(&self, change: impl FnOnce(&mut State), outcome: Outcome) -> Outcome {
        let mut state = self.shared.state();
        state.settle(self.ending == Ending::Response);
        change(&mut state);
        outcome
    }

    fn drop_write(&self, step: &Step) -> Result<Outcome> {
        let key = step.old.as_ref().map(|(key, _)| key);
        self.manager.tell(EventKind::LateWriteDropped, key);
        self.settle(|_| {}, Outcome::Dropped);
        match self.ending {
            Ending::Response => Ok(Outcome::Dropped),
            Ending::Save => Err(Error::new(ErrorKind::Ended, "save")),
        }
    }

    async fn touch(&mut self, mut step: Step) -> Result<Outcome> {
        let (Some((key, _)), Some(record)) = (&step.old, &step.record) else { return Ok(Outcome::Unchanged) };
        let expires_at = record.meta.expires_at();
        let touched = if self.manager.0.capabilities.touch.is_supported() {
            self.manager.0.store.touch(key, expires_at).await.map(drop)
        } else {
            // Rewriting the same record does it too. If another writer got in first, it has moved the expiry already.
            step.write_old(self.manager).await.map(drop)
        };
        let key = step.old.as_ref().map(|(key, _)| key);
        match touched {
            Ok(()) => self.manager.tell(EventKind::Touched, key),
            // The request asked for nothing to be stored: it need not fail for the sake of its expiry.
            Err(error) => self.manager.tell_failure(key, &error),
        }
        Ok(self.settle(|_| {}, Outcome::Touched))
    }

    async fn update(&mut self, mut step: Step) -> Result<Outcome> {
        let copy = step.copy_if(self.ending);
        let version = step.write_old(self.manager).await?;
        if self.attempts > 0 {
            self.manager.tell(EventKind::Merged, step.old.as_ref().map(|(key, _)| key));
        }
        let key = step.old.map(|(key, _)| key);
        Ok(self.settle(|state| state.stand_on(key, copy, version), Outcome::Updated))
    }

    async fn end(&mut self, step: Step) -> Result<Outcome> {
        self.end_old(&step).await?;
        let gone = |state: &mut State| {
            state.outgoing = Outgoing::Forget;
            state.place = Place::Gone;
        };
        Ok(self.settle(gone, Outcome::Ended))
    }

    async fn end_old(&self, step: &Step) -> Result<()> {
        let Some((key, version)) = &step.old else { return Ok(()) };
        self.manager.end_from(key, Some(version.clone())).await.map(drop)
    }

    async fn create(&mut self, mut step: Step) -> Result<Outcome> {
        let generation = self.generation(&step).await?;
        let copy = step.copy_if(self.ending);
        let (Some((token, key)), Some(record)) = (step.new.take(), step.record.take()) else {
            return Ok(Outcome::Unchanged);
        };
        self.refuse_without_response()?;
        let absolute_at = record.meta.absolute_at();
        let version = self.manager.0.store.write(&key, record, WriteMode::Create).await?;
        self.manager.tell(EventKind::Created, Some(&key));
        self.arrive(Arrival { token, key, version, copy, absolute_at, generation }, &step, Outcome::Created)
            .await
    }

    async fn rotate(&mut self, mut step: Step) -> Result<Outcome> {
        self.refuse_without_response()?;
        let generation = self.generation(&step).await?;
        let copy = step.copy_if(self.ending);
        let (Some((token, key)), Some(record)) = (step.new.take(), step.record.take()) else {
            return Ok(Outcome::Unchanged);
        };
        let (grace, event) = match step.plan {
            Plan::Renew => (self.manager.0.policy.grace, EventKind::Renewed),
            _ => (std::time::Duration::ZERO, EventKind::Rotated),
        };
        let absolute_at = record.meta.absolute_at();
        let version = self.replace(&step, &key, record, grace).await?;
        self.manager.tell(event, Some(&key));
        self.arrive(Arrival { token, key, version, copy, absolute_at, generation }, &step, Outcome::Rotated)
            .await
    }

    async fn replace(
        &self,
        step: &Step,
        new: &RecordKey,
        record: Record,
        grace: std::time::Duration,
    ) -> Result<Version> {
        let store = &self.manager.0.store;
        let Some((old, expected)) = &step.old else {
            return store.write(new, record, WriteMode::Create).await;
        };
        let retired = self.manager.moved(new, grace, step.now);
        if self.manager.0.capabilities.conditional_write.is_supported() {
            return store.replace(old, expected, retired, new, record).await;
        }
        let version = store.write(new, record, WriteMode::Create).await?;
        store.write(old, retired, WriteMode::Overwrite).await.map(|_| version)
    }

    /// A connection that has no response to come can't be given an id.
    fn refuse_without_response(&self) -> Result<()> {
        if self.shared.state().bound_to_token() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Sealed, "change id")
            .with_detail("this connection has already had its response"))
    }

    async fn generation(&self, step: &Step) -> Result<Option<Version>> {
        match &step.principal {
            Some(who) if self.manager.guards_sign_in() => self.manager.generation(who).await,
            _ => Ok(None),
        }
    }

    /// Makes the new id the session's, unless the sign-in that made it was overtaken.
    async fn arrive(&mut self, arrival: Arrival, step: &Step, outcome: Outcome) -> Result<Outcome> {
        if !self.sign_in_stands(&arrival, step).await? {
            let gone = |state: &mut State| {
                state.outgoing = Outgoing::Forget;
                state.place = Place::Gone;
            };
            return Ok(self.settle(gone, Outcome::Undone));
        }
        let Arrival { token, key, version, copy, absolute_at, .. } = arrival;
        let stand = |state: &mut State| {
            state.outgoing = Outgoing::Set(token, absolute_at);
            state.stand_on(Some(key), copy, version);
        };
        Ok(self.settle(stand, outcome))
    }

    async fn sign_in_stands(&self, arrival: &Arrival, step: &Step) -> Result<bool> {
        let Some(who) = step.principal.as_ref().filter(|_| self.manager.guards_sign_in()) else {
            return Ok(true);
        };
        if self.manager.generation(who).await? == arrival.generation {
            return self.manager.keep_limit(who, &arrival.key).await;
        }
        self.manager.end_from(&arrival.key, Some(arrival.version.clone())).await?;
        self.manager.tell(EventKind::SignInUndone, Some(&arrival.key));
        Ok(false)
    }

    /// Looks at what the other writer left, to go on from there. Queues up first.
    async fn lost_to_another(&mut self, conflict: Error) -> Result<()> {
        self.attempts += 1;
        let Some(key) = self.shared.state().present().map(|present| present.key.clone()) else {
            // A new id that exists already: the next one will not.
            return if self.attempts < self.manager.0.policy.max_attempts { Ok(()) } else { Err(conflict) };
        };
        self.manager.tell(EventKind::Conflict, Some(&key));
        let gives_up = self.manager.0.policy.conflict == ConflictPolicy::Reject
            || self.attempts >= self.manager.0.policy.max_attempts;
        if gives_up {
            return Err(conflict.with_retry(Retry::Safe));
        }
        if self.lane.is_none() {
            self.lane = self.manager.0.lanes.enter(&key).await;
        }
        let place = match self.manager.locate_key(&key).await? {
            Place::Absent => Place::Gone,
            place => place,
        };
        self.shared.state().place = place;
        Ok(())
    }
}

/// A session under its new id.
struct Arrival {
    token: Token,
    key: RecordKey,
    version: Version,
    copy: Option<Record>,
    absolute_at: Timestamp,
    generation: Option<Version>,
}

impl Step {
    /// After a save the handle goes on from what was stored.
    fn copy_if(&self, ending: Ending) -> Option<Record> {
        self.record.clone().filter(|_| ending == Ending::Save)
    }

    /// Writes the record where it was loaded from, on condition where the engine has conditions.
    async fn write_old(&mut self, manager: &SessionManager) -> Result<Version> {
        let (Some((key, version)), Some(record)) = (&self.old, self.record.take()) else {
            return Err(Error::new(ErrorKind::Other, "commit"));
        };
        let conditional = manager.0.capabilities.conditional_write.is_supported();
        let mode = if conditional { WriteMode::Update(version.clone()) } else { WriteMode::Overwrite };
        manager.0.store.write(key, record, mode).await
    }
}

impl State {
    /// The session can be given an id: it belongs to a request, not to a connection that outlives its response.
    fn bound_to_token(&self) -> bool {
        !self.is_live_connection
    }

    fn settle(&mut self, seals: bool) {
        if !seals {
            self.delta.drop_frozen();
        }
        self.intent = Intent::Keep;
        self.principal = None;
        self.lifetime = None;
    }

    fn stand_on(&mut self, key: Option<RecordKey>, copy: Option<Record>, version: Version) {
        let Some(key) = key else { return };
        self.place = match copy {
            Some(record) => {
                Place::Present(Present { key, versioned: Versioned::new(record, version), opened: None })
            }
            None => Place::Bound(key),
        };
    }
}
