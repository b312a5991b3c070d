//! The commit: carries out what [`plan`] decides, and tries again when another writer got in first.

use std::sync::Arc;

use tokio::sync::MutexGuard;

use super::{Committed, Outcome, SessionManager};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::id::{RecordKey, Token};
use crate::observe::EventKind;
use crate::plan::{Facts, Intent, Plan, Presence, plan};
use crate::policy::ConflictPolicy;
use crate::record::{Record, Version};
use crate::session::{Guard, Place, Shared, State};

mod steps;

pub(super) use steps::end_found;

/// What comes after a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The response: the handle is sealed.
    Response,
    /// More of the handler.
    Save,
}

/// Commits a session, once at a time, and nothing more after the commit of the response. Where the application has
/// [`hooks`](super::hooked::commit), they stand around this.
pub(crate) async fn commit(shared: &Arc<Shared>, ending: Ending) -> Result<Committed> {
    let _gate = shared.pass_gate().await;
    if !begin(shared, ending)? {
        return Ok(Committed::new(shared.state().token_action(), Outcome::Unchanged));
    }
    let mut run = Run::new(shared, ending);
    let result = run.drive().await;
    let mut state = shared.state();
    if result.as_ref().is_err_and(|error| error.retry() != Retry::Unknown) {
        state.put_back();
    }
    Ok(Committed::new(state.token_action(), result?))
}

/// Whether there is anything left to commit.
fn begin(shared: &Shared, ending: Ending) -> Result<bool> {
    let mut state = shared.state();
    state.sealed |= ending == Ending::Response;
    if state.in_hand && state.delta.has_functions_in_hand() {
        // The write was sent, and nobody knows whether it happened. An update must not be made a second time.
        let detail = "an earlier save was cut short, so an update may have been made already";
        return Err(Error::new(ErrorKind::Unavailable, "commit")
            .with_retry(Retry::Unknown)
            .with_detail(detail));
    }
    Ok(!state.decided)
}

/// What a commit would do now, and whether there are changes to store.
pub(super) fn foresee(shared: &Shared, ending: Ending) -> (Plan, bool) {
    let state = shared.state();
    if state.decided {
        return (Plan::Nothing, false);
    }
    let (manager, changed) = (&shared.manager, !state.delta.is_empty());
    let facts = facts(&state, manager, ending, manager.now(), changed);
    (plan(facts), facts.dirty)
}

/// Logging out must be possible whatever is stored, also what can't be read.
pub(super) fn accept(shared: &Shared, located: Result<()>) -> Result<()> {
    let mut state = shared.state();
    match located {
        Err(error) if error.kind() == ErrorKind::Corrupt && state.intent == Intent::Destroy => {
            state.place = Place::Gone;
            Ok(())
        }
        located => located,
    }
}

fn facts(state: &State, manager: &SessionManager, ending: Ending, now: Timestamp, changed: bool) -> Facts {
    let presence = state.presence();
    let unread = !state.is_read() && (!state.delta.is_empty() || state.principal.is_some());
    let lifetime = state.lifetime.is_some() && matches!(presence, Presence::Present | Presence::Unloaded);
    let begins = state.principal.is_some() && state.intent == Intent::Destroy;
    let facts = state.facts(manager, now, changed || unread || lifetime || begins);
    let renewable = ending == Ending::Response && state.has_response();
    Facts { renewal_due: facts.renewal_due && renewable, ..facts }
}

struct Run<'a> {
    shared: &'a Arc<Shared>,
    manager: &'a SessionManager,
    ending: Ending,
    attempts: u32,
    lane: Option<MutexGuard<'a, ()>>,
    /// The old session was ended on the way.
    ended: bool,
}

/// A decision with everything needed to carry it out, taken under the lock of the state.
struct Step {
    plan: Plan,
    now: Timestamp,
    old: Option<(RecordKey, Version)>,
    record: Option<Record>,
    new: Option<Box<(Token, RecordKey)>>,
    /// For a sign-in.
    guard: Option<Arc<Guard>>,
    /// The handler asked for something to be stored.
    dirty: bool,
    has_lifetime: bool,
    wishes: u32,
}

impl<'a> Run<'a> {
    fn new(shared: &'a Arc<Shared>, ending: Ending) -> Self {
        let manager = &shared.manager;
        Self { shared, manager, ending, attempts: 0, lane: None, ended: false }
    }

    async fn drive(&mut self) -> Result<Outcome> {
        loop {
            let Some(mut step) = self.decide()? else {
                Box::pin(self.note_generation()).await?;
                continue;
            };
            match self.carry_out(&mut step).await {
                Ok(None) => {}
                Ok(Some(Outcome::Unchanged)) if self.ended => return Ok(Outcome::Ended),
                Ok(Some(outcome)) => return Ok(outcome),
                Err(error) if error.is_conflict() => Box::pin(self.lost_to_another(error)).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// For a sign-in that was not announced, before anything else: an "end all" that is called after this moment will be
    /// noticed.
    async fn note_generation(&self) -> Result<()> {
        let who = self.shared.state().principal.clone();
        match who {
            Some(who) => self.shared.guard(who).await,
            None => Ok(()),
        }
    }

    /// `None` when somebody signed in just now, whose generation is not known yet.
    // In place: what it returns is large, and would be moved twice for each request that writes.
    #[inline(always)]
    fn decide(&self) -> Result<Option<Step>> {
        let mut state = self.shared.state();
        if !state.is_guarded() {
            return Ok(None);
        }
        let now = self.manager.now();
        let merged = if state.is_read() { self.manager.merge(&state)? } else { None };
        let facts = facts(&state, self.manager, self.ending, now, merged.is_some());
        let plan = plan(facts);
        let old = state.found();
        let record = self.record(&state, plan, merged, now)?;
        let starts = matches!(plan, Plan::Create | Plan::Rotate | Plan::Renew);
        let new = starts.then(|| self.manager.new_id().map(Box::new)).transpose()?;
        if plan != Plan::Load {
            state.take_in_hand();
        }
        let guard = state.guard.clone().filter(|_| state.principal.is_some());
        let wishes = state.wishes;
        Ok(Some(Step {
            plan,
            now,
            old,
            record,
            new,
            guard,
            dirty: facts.dirty,
            has_lifetime: state.lifetime.is_some(),
            wishes,
        }))
    }

    fn record(
        &self,
        state: &State,
        plan: Plan,
        merged: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Option<Record>> {
        let record = match plan {
            Plan::Touch if self.manager.0.capabilities.touch.is_supported() => {
                Record::new(self.manager.seen(state, now), Vec::new())
            }
            Plan::Update | Plan::Touch => self.manager.updated(state, merged, now)?,
            Plan::Rotate if state.intent == Intent::SignIn => self.manager.begun(state, merged, now)?,
            Plan::Renew | Plan::Rotate => {
                let record = self.manager.updated(state, merged, now)?;
                Record::new(record.meta.with_renewed_at(now), record.payload)
            }
            Plan::Create => self.manager.begun(state, merged, now)?,
            _ => return Ok(None),
        };
        Ok(Some(record))
    }

    /// Looks at what the other writer left, to go on from there. Queues up first.
    async fn lost_to_another(&mut self, conflict: Error) -> Result<()> {
        self.attempts += 1;
        let (old, changes) = {
            let mut state = self.shared.state();
            // It is known that nothing happened.
            state.put_back();
            (state.present().map(|present| present.key.clone()), !state.delta.is_empty())
        };
        let exhausted = self.attempts >= self.manager.0.policy.max_attempts;
        let Some(key) = old else {
            // A new id that exists already: the next one will not.
            return if exhausted { Err(conflict) } else { Ok(()) };
        };
        self.manager.tell(EventKind::Conflict, Some(&key));
        if exhausted || changes && self.manager.0.policy.conflict == ConflictPolicy::Reject {
            return Err(conflict.with_retry(Retry::Safe));
        }
        if self.lane.is_none() {
            self.lane = self.manager.0.lanes.enter(&key).await;
        }
        let place = match self.manager.locate_key(&key).await? {
            Place::Absent => Place::Gone,
            place => place,
        };
        self.shared.state().go_to(place, &key);
        Ok(())
    }
}
