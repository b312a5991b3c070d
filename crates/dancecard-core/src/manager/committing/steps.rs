//! Each plan, carried out.

use std::time::Duration;

use super::{Ending, Run, Step, accept};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::id::{RecordKey, Token};
use crate::manager::Outcome;
use crate::observe::EventKind;
use crate::plan::Plan;
use crate::record::{Meta, Record, Version, Versioned};
use crate::session::{Outgoing, Place, Shared, State};
use crate::store::{Store, WriteMode, has_moved, replace_in_two};

/// What the handle keeps of a record that goes to the engine.
enum Trace {
    /// After a save it goes on from there.
    Whole(Record),
    /// After the response it only has to tell of it.
    Facts(Meta),
}

/// Where a session lies now.
struct Stored {
    key: RecordKey,
    trace: Trace,
    version: Version,
}

/// A session on its way to a new id.
struct Arrival {
    token: Token,
    key: RecordKey,
    absolute_at: Timestamp,
    trace: Trace,
}

impl Run<'_> {
    /// What came of it; `None` when the next step is to be decided. The rare steps are boxed, so that the future of the
    /// common one stays small: it is allocated for each request that writes.
    pub(super) async fn carry_out(&mut self, step: &mut Step) -> Result<Option<Outcome>> {
        let outcome = match step.plan {
            Plan::Load => return Box::pin(self.load()).await.map(|()| None),
            Plan::EndThenCreate => return Box::pin(self.end_then_create(step)).await.map(|()| None),
            Plan::Nothing => self.settle(step.wishes, Outcome::Unchanged, |_| {}),
            Plan::Forget => {
                self.settle(step.wishes, Outcome::Unchanged, |state| state.outgoing = Outgoing::Forget)
            }
            Plan::DropWrite => self.drop_write(step)?,
            Plan::Refuse => return Err(Error::new(ErrorKind::Unavailable, "commit").with_retry(Retry::Safe)),
            Plan::Touch => Box::pin(self.touch(step)).await,
            Plan::Update => self.update(step).await?,
            Plan::End => Box::pin(self.end(step)).await?,
            Plan::Create => Box::pin(self.create(step)).await?,
            Plan::Renew => Box::pin(self.renew(step)).await?,
            Plan::Rotate => Box::pin(self.rotate(step, Duration::ZERO, EventKind::Rotated)).await?,
        };
        Ok(Some(outcome))
    }

    /// Notes that everything in hand is done. What was asked for since then is kept for the next commit.
    fn settle(&self, wishes: u32, outcome: Outcome, change: impl FnOnce(&mut State)) -> Outcome {
        let mut state = self.shared.state();
        state.in_hand = false;
        match self.ending {
            Ending::Response => state.decided = true,
            Ending::Save => state.forget_what_was_in_hand(wishes),
        }
        change(&mut state);
        outcome
    }

    async fn load(&self) -> Result<()> {
        let located = self.shared.locate().await;
        accept(self.shared, located)
    }

    async fn end_then_create(&mut self, step: &Step) -> Result<()> {
        self.end_old(step).await?;
        self.leave_old();
        Ok(())
    }

    /// What was written after `destroy` belongs to a visitor without a session.
    fn leave_old(&mut self) {
        self.ended = true;
        let mut state = self.shared.state();
        state.put_back();
        state.leave_ended();
    }

    fn drop_write(&self, step: &Step) -> Result<Outcome> {
        let keys = self.shared.keys();
        // Of several tokens it is not known any more which was the session's.
        self.manager.tell(EventKind::LateWriteDropped, keys.first().filter(|_| keys.len() == 1));
        self.settle(step.wishes, Outcome::Dropped, |_| {});
        self.unless_saving(Outcome::Dropped, ErrorKind::Ended)
    }

    /// A save that stored nothing is an error to its caller; a response that stored nothing may be a fine one.
    fn unless_saving(&self, outcome: Outcome, kind: ErrorKind) -> Result<Outcome> {
        match self.ending {
            Ending::Response => Ok(outcome),
            Ending::Save => Err(Error::new(kind, "save")),
        }
    }

    /// The request asked for nothing to be stored, so it does not fail for the sake of its expiry.
    async fn touch(&self, step: &mut Step) -> Outcome {
        if !self.manager.0.capabilities.touch.is_supported() {
            return self.touch_by_rewriting(step).await;
        }
        let (Some((key, _)), Some(record)) = (&step.old, &step.record) else { return Outcome::Unchanged };
        let expires_at = record.meta.expires_at();
        let touched = self.manager.0.store.touch(key, expires_at).await;
        match self.manager.told(Some(key), touched) {
            Ok(true) => {
                self.manager.tell(EventKind::Touched, Some(key));
                self.settle(step.wishes, Outcome::Touched, |state| state.expire_at(expires_at))
            }
            Ok(false) | Err(_) => self.settle(step.wishes, Outcome::Unchanged, |_| {}),
        }
    }

    /// If another writer got in first, it has moved the expiry already.
    async fn touch_by_rewriting(&self, step: &mut Step) -> Outcome {
        match self.write_old(step).await {
            Ok(stored) => {
                self.manager.tell(EventKind::Touched, Some(&stored.key));
                self.settle(step.wishes, Outcome::Touched, self.stand_on(stored))
            }
            Err(_) => self.settle(step.wishes, Outcome::Unchanged, |_| {}),
        }
    }

    async fn update(&self, step: &mut Step) -> Result<Outcome> {
        let again = if step.has_lifetime { self.token_again(step) } else { None };
        let stored = self.write_old(step).await?;
        if self.attempts > 0 {
            self.manager.tell(EventKind::Merged, Some(&stored.key));
        }
        let change = self.stand_on(stored);
        Ok(self.settle(step.wishes, Outcome::Updated, |state| {
            change(state);
            state.outgoing = again.unwrap_or(state.outgoing);
        }))
    }

    /// The client's own token, when its session was given another lifetime: what keeps it must keep it as long.
    fn token_again(&self, step: &Step) -> Option<Outgoing> {
        let (key, _) = step.old.as_ref()?;
        let token = match self.shared.state().outgoing {
            Outgoing::Set(token, _) => token,
            _ => self.manager.token_of(&self.shared.tokens, key)?,
        };
        Some(Outgoing::Set(token, step.record.as_ref()?.meta.absolute_at()))
    }

    /// Writes the record where it was loaded from, on condition where the engine has conditions.
    async fn write_old(&self, step: &mut Step) -> Result<Stored> {
        // What is handed over must not stay in this future as well: it is allocated for each request that writes.
        let (trace, writing) = {
            let (Some((key, version)), Some(record)) = (&step.old, step.record.take()) else {
                return Err(incomplete());
            };
            let conditional = self.manager.0.capabilities.conditional_write.is_supported();
            let mode = if conditional { WriteMode::Update(version.clone()) } else { WriteMode::Overwrite };
            (self.trace(&record), self.manager.0.store.write(key, record, mode))
        };
        let written = writing.await;
        let (key, _) = step.old.take().ok_or_else(incomplete)?;
        let version = self.manager.told(Some(&key), written)?;
        Ok(Stored { key, trace, version })
    }

    fn trace(&self, record: &Record) -> Trace {
        match self.ending {
            Ending::Response => Trace::Facts(record.meta.clone()),
            Ending::Save => Trace::Whole(record.clone()),
        }
    }

    /// What changes for the handle by that.
    fn stand_on(&self, stored: Stored) -> impl FnOnce(&mut State) + use<> {
        let Stored { key, trace, version } = stored;
        let place = match trace {
            Trace::Facts(meta) => Err((key, meta)),
            Trace::Whole(record) => {
                let present = self.manager.present(key.clone(), Versioned::new(record, version));
                Ok(present.unwrap_or(Place::Bound(key)))
            }
        };
        move |state| match place {
            Ok(place) => state.place = place,
            Err(stored) => state.stored = Some(stored),
        }
    }

    async fn end(&self, step: &Step) -> Result<Outcome> {
        self.end_old(step).await?;
        Ok(self.settle(step.wishes, Outcome::Ended, State::leave_ended))
    }

    async fn end_old(&self, step: &Step) -> Result<()> {
        end_found(self.shared, step.old.as_ref()).await
    }

    async fn create(&self, step: &mut Step) -> Result<Outcome> {
        self.refuse_without_response()?;
        if self.is_over_limit(step).await? {
            return self.refuse_sign_in(step);
        }
        let (arrival, record) = self.depart(step)?;
        let written = self.manager.0.store.write(&arrival.key, record, WriteMode::Create).await;
        if written.as_ref().is_err_and(|error| error.retry() == Retry::Unknown) {
            // If it is there, nobody will be told its id.
            let _ = self.manager.0.store.delete(&arrival.key).await;
        }
        let version = self.manager.told(Some(&arrival.key), written)?;
        self.manager.tell(EventKind::Created, Some(&arrival.key));
        self.arrive(arrival, version, step, Outcome::Created).await
    }

    /// A reader does not fail because it is time for a new id, and there is no room for one at the moment.
    async fn renew(&self, step: &mut Step) -> Result<Outcome> {
        let (dirty, wishes, grace) = (step.dirty, step.wishes, self.manager.0.policy.grace);
        match self.rotate(step, grace, EventKind::Renewed).await {
            Err(error) if !dirty && !error.is_conflict() => {
                Ok(self.settle(wishes, Outcome::Unchanged, |_| {}))
            }
            renewed => renewed,
        }
    }

    async fn rotate(&self, step: &mut Step, grace: Duration, event: EventKind) -> Result<Outcome> {
        self.refuse_without_response()?;
        if self.is_over_limit(step).await? {
            return self.refuse_sign_in(step);
        }
        let (arrival, record) = self.depart(step)?;
        let replaced = self.replace(step, &arrival.key, record, grace).await;
        let version = match self.manager.told(Some(&arrival.key), replaced) {
            Err(error) if error.retry() == Retry::Unknown => {
                self.found_moved(step, &arrival.key).await.ok_or(error)?
            }
            told => told?,
        };
        self.manager.tell(event, Some(&arrival.key));
        self.arrive(arrival, version, step, Outcome::Rotated).await
    }

    async fn replace(
        &self,
        step: &Step,
        new: &RecordKey,
        record: Record,
        grace: Duration,
    ) -> Result<Version> {
        let store = &self.manager.0.store;
        let Some((old, expected)) = &step.old else { return Err(incomplete()) };
        let retired = self.manager.moved(new, grace, step.now);
        if self.manager.0.capabilities.conditional_write.is_supported() {
            return store.replace(old, expected, retired, new, record).await;
        }
        replace_in_two(store, old, WriteMode::Overwrite, retired, new, record).await
    }

    /// After an answer that was lost: the old record names the new one, if it was moved. Then the client must be told its new id,
    /// as the old one is nothing any more, or soon.
    async fn found_moved(&self, step: &Step, new: &RecordKey) -> Option<Version> {
        let store = &self.manager.0.store;
        let (old, _) = step.old.as_ref()?;
        let found = if has_moved(store, old, new).await { store.load(new).await } else { Ok(None) };
        let alive = found.ok()?.filter(|found| !found.written_meta().is_retired());
        alive.map(|found| found.version().clone())
    }

    fn depart(&self, step: &mut Step) -> Result<(Arrival, Record)> {
        let (Some(new), Some(record)) = (step.new.take(), step.record.take()) else {
            return Err(incomplete());
        };
        let (token, key) = *new;
        let (absolute_at, trace) = (record.meta.absolute_at(), self.trace(&record));
        Ok((Arrival { token, key, absolute_at, trace }, record))
    }

    /// A connection that has no response to come can't be given an id.
    fn refuse_without_response(&self) -> Result<()> {
        if self.shared.state().has_response() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Sealed, "change id")
            .with_detail("this connection has already had its response"))
    }

    /// Whether the limit refuses a sign-in before anything is written for it. Several at once may all pass here, and are
    /// judged once they are stored.
    async fn is_over_limit(&self, step: &Step) -> Result<bool> {
        match &step.guard {
            Some(guard) if self.manager.refuses_new() => {
                let own = step.old.as_ref().map(|(key, _)| key);
                Box::pin(self.manager.is_full(&guard.who, own)).await
            }
            _ => Ok(false),
        }
    }

    /// The visitor goes on as before; what was asked for together with the sign-in is given up with it.
    fn refuse_sign_in(&self, step: &Step) -> Result<Outcome> {
        let old = step.old.as_ref().map(|(key, _)| key);
        self.manager.tell(EventKind::SignInUndone, old.or(step.new.as_ref().map(|new| &new.1)));
        self.settle(step.wishes, Outcome::Undone, State::leave_refused);
        self.unless_saving(Outcome::Undone, ErrorKind::Refused)
    }

    /// Makes the new id the session's, unless the sign-in that made it was overtaken.
    async fn arrive(
        &self,
        arrival: Arrival,
        version: Version,
        step: &Step,
        outcome: Outcome,
    ) -> Result<Outcome> {
        if let Some(reason) = self.undone(&arrival.key, &version, step).await? {
            self.manager.tell(EventKind::SignInUndone, Some(&arrival.key));
            self.settle(step.wishes, Outcome::Undone, State::leave_undone);
            return self.unless_saving(Outcome::Undone, reason);
        }
        let Arrival { token, key, absolute_at, trace } = arrival;
        let stand = self.stand_on(Stored { key, trace, version });
        Ok(self.settle(step.wishes, outcome, |state| {
            state.outgoing = Outgoing::Set(token, absolute_at);
            stand(state);
        }))
    }

    /// Why a sign-in must not stand, if so; it is ended then.
    async fn undone(&self, key: &RecordKey, version: &Version, step: &Step) -> Result<Option<ErrorKind>> {
        let Some(guard) = &step.guard else { return Ok(None) };
        let verdict = match self.manager.outlasts_marks(guard.since) {
            true => Ok(Some(ErrorKind::Ended)),
            false => self.manager.judge_sign_in(&guard.who, guard.generation.as_ref(), key).await,
        };
        if !matches!(verdict, Ok(None)) {
            // Its token will not be sent. If it can't be ended either, nobody can use it.
            let ended = self.manager.end_from(key, Some(version.clone()), None).await;
            return verdict.and_then(|reason| ended.map(|_| reason));
        }
        verdict
    }
}

/// Ends what was found, and what the client's other tokens stand for: its next request would go on with that. What a save
/// began is found under no token: the session that the request came with may be elsewhere by now.
pub(in crate::manager) async fn end_found(
    shared: &Shared,
    found: Option<&(RecordKey, Version)>,
) -> Result<()> {
    if let Some((key, version)) = found {
        shared.manager.end_from(key, Some(version.clone()), None).await?;
    }
    let found = found.map(|(key, _)| key);
    for other in shared.keys().iter().filter(|other| Some(*other) != found) {
        shared.manager.end(other).await?;
    }
    Ok(())
}

fn incomplete() -> Error {
    Error::new(ErrorKind::Other, "commit").with_detail("a plan without its record: please report it")
}
