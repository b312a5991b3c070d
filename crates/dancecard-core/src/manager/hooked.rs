//! The hooks of an application, called around what a handle does. Without hooks nothing of this is reached.
//!
//! Which of them come before a commit is decided by the plan that is foreseen when it begins. Another request that gets in
//! first may change what then happens; what comes after is called for what did happen.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use super::committing::{self, Ending};
use super::{Committed, Outcome, SessionManager, Tokens};
use crate::error::{Error, ErrorKind, Result};
use crate::hooks::{HookError, HookPoint, Hooks, Moment, Patience};
use crate::observe::{EventKind, Fingerprint};
use crate::plan::{Intent, Plan, Presence};
use crate::session::{Place, Session, Shared};

use HookPoint::{
    AfterChangeId, AfterCreate, AfterDestroy, AfterFlush, AfterRetrieve, BeforeChangeId, BeforeCreate,
    BeforeDestroy, BeforeFlush, BeforeRetrieve,
};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// What a commit is going to do, as far as that is known when it begins.
#[derive(Clone, Copy)]
struct Foreseen {
    plan: Plan,
    /// There are changes to store.
    dirty: bool,
}

impl Foreseen {
    fn now(shared: &Shared, ending: Ending) -> Self {
        let (plan, dirty) = committing::foresee(shared, ending);
        Self { plan, dirty }
    }

    fn ends(self) -> bool {
        matches!(self.plan, Plan::End | Plan::EndThenCreate)
    }

    fn changes_id(self) -> bool {
        matches!(self.plan, Plan::Renew | Plan::Rotate)
    }

    /// What comes before it; the hooks that may stop it last.
    fn points(self) -> impl Iterator<Item = HookPoint> {
        let creates = matches!(self.plan, Plan::Create | Plan::EndThenCreate);
        let flushes = creates || self.plan == Plan::Update || self.changes_id() && self.dirty;
        let points = [
            (self.changes_id(), BeforeChangeId),
            (self.ends(), BeforeDestroy),
            (creates, BeforeCreate),
            (creates, AfterCreate),
            (flushes, BeforeFlush),
        ];
        points.into_iter().filter(|(due, _)| *due).map(|(_, point)| point)
    }
}

/// The commit with the hooks around it, if there are any.
// A box for those who have hooks: a future around a future costs the others as much as a header line.
pub(crate) fn commit(shared: &Arc<Shared>, ending: Ending) -> Option<BoxFuture<'_, Committed>> {
    let hooks = shared.manager.hooks()?;
    Some(Box::pin(commit_with(shared, hooks, ending)))
}

async fn commit_with(shared: &Arc<Shared>, hooks: &Hooks, ending: Ending) -> Result<Committed> {
    let committed = attempt(shared, hooks, ending).await;
    // As after any other attempt, a write that comes later is refused: nobody might ever store it.
    shared.state().sealed |= ending == Ending::Response;
    committed
}

async fn attempt(shared: &Arc<Shared>, hooks: &Hooks, ending: Ending) -> Result<Committed> {
    let mut before = Caller::new(shared, hooks);
    before.early = EarlyEnd::of(shared);
    let mut foreseen = before.foresee(ending).await?;
    before.fingerprint = shared.fingerprint();
    let mut prepared = before.prepare(foreseen).await;
    if foreseen.plan == Plan::Renew && prepared.as_ref().is_err_and(|refused| refused.point == BeforeChangeId)
    {
        // It was due, and nobody had asked for it. What else there is to do is done.
        shared.state().keep_id();
        foreseen = Foreseen::now(shared, ending);
        prepared = before.prepare(foreseen).await;
    }
    // A refusal does not stop the end of a session.
    let refusal = prepared.err().map(|refused| refused.error);
    match refusal {
        Some(refusal) if !foreseen.ends() => return Err(refusal),
        Some(_) => shared.state().destroy(),
        None => {}
    }
    let committed = committing::commit(shared, ending).await;
    let after = Caller { fingerprint: before.fingerprint, ..Caller::new(shared, hooks) };
    after.conclude(foreseen, committed.as_ref().ok().map(|committed| committed.outcome)).await;
    committed.and_then(|committed| refusal.map_or(Ok(committed), Err))
}

/// The lookup with the hooks around it, if there are any.
pub(crate) fn locate(shared: &Arc<Shared>) -> Option<BoxFuture<'_, ()>> {
    let hooks = shared.manager.hooks()?;
    Some(Box::pin(async { Caller::new(shared, hooks).locate().await }))
}

/// Calls hooks for one session.
struct Caller<'a> {
    shared: &'a Arc<Shared>,
    hooks: &'a Hooks,
    fingerprint: Option<Fingerprint>,
    patience: Patience<'a>,
    early: EarlyEnd<'a>,
}

impl<'a> Caller<'a> {
    fn new(shared: &'a Arc<Shared>, hooks: &'a Hooks) -> Self {
        let (patience, early) = (Patience::with(hooks), EarlyEnd::none());
        Self { shared, hooks, fingerprint: None, patience, early }
    }

    /// Looks what is stored where the decision needs that: the commit would do so next.
    async fn foresee(&mut self, ending: Ending) -> Result<Foreseen> {
        let shared = self.shared;
        let foreseen = Foreseen::now(shared, ending);
        if foreseen.plan != Plan::Load {
            return Ok(foreseen);
        }
        let _gate = shared.pass_gate().await;
        if Foreseen::now(shared, ending).plan == Plan::Load {
            let located = self.locate().await;
            committing::accept(shared, located)?;
        }
        Ok(Foreseen::now(shared, ending))
    }

    /// The gate is held by the caller.
    async fn locate(&mut self) -> Result<()> {
        let (shared, key) = (self.shared, self.shared.keys().into_iter().next());
        self.fingerprint = key.map(|key| shared.manager.fingerprint(&key));
        match self.call(BeforeRetrieve).await {
            // Who leaves need not be let in first.
            Err(refused) if !shared.is_to_end() => return Err(refused.error),
            _ => {}
        }
        if shared.is_unloaded() {
            shared.locate_plainly().await?;
        }
        if shared.state().present().is_some() {
            let _ = self.call(AfterRetrieve).await;
        }
        Ok(())
    }

    /// The handle is open to the hooks before a flush, also to those of a response.
    async fn prepare(&mut self, foreseen: Foreseen) -> Result<(), Refused> {
        for point in foreseen.points() {
            let shared = self.shared;
            let _open = (point == BeforeFlush).then(|| (shared.reopen(), Unsealed::new(shared)));
            self.call(point).await?;
        }
        Ok(())
    }

    /// After a commit, for what did happen; there is no outcome if it failed.
    async fn conclude(mut self, foreseen: Foreseen, outcome: Option<Outcome>) {
        let has_flushed = match outcome {
            Some(Outcome::Created | Outcome::Updated) => true,
            Some(Outcome::Rotated) => foreseen.dirty,
            _ => false,
        };
        // What was to begin afterwards may have failed.
        let has_ended = foreseen.ends() && (outcome.is_some() || !self.shared.is_to_end());
        let (old, new) = (self.fingerprint, self.shared.fingerprint());
        let points = [
            (outcome == Some(Outcome::Rotated), AfterChangeId, new),
            (has_ended, AfterDestroy, old),
            (has_flushed, AfterFlush, new),
        ];
        for (_, point, fingerprint) in points.into_iter().filter(|(due, ..)| *due) {
            self.fingerprint = fingerprint;
            // It has happened: nothing can be refused any more.
            let _ = self.call(point).await;
        }
    }

    fn session_at(&self, point: HookPoint) -> Option<Session> {
        match point {
            BeforeRetrieve => None,
            AfterRetrieve | BeforeDestroy => Some(self.shared.as_it_was()),
            _ => Some(Session { shared: self.shared.clone() }),
        }
    }

    async fn call(&mut self, point: HookPoint) -> Result<(), Refused> {
        let hooks = self.hooks;
        let mut result = Ok(());
        for hook in hooks.at(point) {
            let moment = Moment::new(point, self.session_at(point), self.fingerprint);
            let early = &mut self.early;
            match self.patience.call(hook, moment, |context| early.poll(context)).await {
                Ok(()) => {}
                Err(error) if error.is_refusal() && point.may_refuse() => {
                    result = Err(Refused::new(point, error));
                    break;
                }
                Err(error) => self.shared.manager.tell_of_hook(point, self.fingerprint, error),
            }
        }
        self.early.finish().await;
        result
    }
}

/// The end of a session that is to end, begun as soon as a hook before it has to wait: whose request is given up meanwhile
/// has left all the same. The commit finds it done.
struct EarlyEnd<'a> {
    end: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>,
    has_begun: bool,
}

impl<'a> EarlyEnd<'a> {
    fn none() -> Self {
        Self { end: None, has_begun: false }
    }

    fn of(shared: &'a Arc<Shared>) -> Self {
        let end = shared.is_to_end().then(|| Box::pin(end_early(shared)) as _);
        Self { end, has_begun: false }
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        let Some(end) = &mut self.end else { return };
        self.has_begun = true;
        if end.as_mut().poll(context).is_ready() {
            self.end = None;
        }
    }

    /// What has begun is not given up, to be done once more.
    async fn finish(&mut self) {
        if self.has_begun
            && let Some(end) = &mut self.end
        {
            end.await;
            self.end = None;
        }
    }
}

/// If it fails, the commit tries again, and has its error.
async fn end_early(shared: &Arc<Shared>) {
    if shared.is_unloaded() {
        let located = shared.locate_plainly().await;
        if committing::accept(shared, located).is_err() {
            return;
        }
    }
    let found = shared.state().found();
    let _ = committing::end_found(shared, found.as_ref()).await;
}

/// A hook said no.
struct Refused {
    point: HookPoint,
    error: Error,
}

impl Refused {
    fn new(point: HookPoint, error: HookError) -> Self {
        let refused = Error::new(ErrorKind::Refused, point.name()).with_detail("by a hook");
        Self { point, error: refused.with_source(error.into_cause()) }
    }
}

/// The response was tried to be decided before, and failed; hooks may write at the next attempt as at the first.
struct Unsealed<'a> {
    shared: &'a Shared,
    was: bool,
}

impl<'a> Unsealed<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self { shared, was: std::mem::take(&mut shared.state().sealed) }
    }
}

impl Drop for Unsealed<'_> {
    fn drop(&mut self) {
        self.shared.state().sealed |= self.was;
    }
}

impl Shared {
    fn is_to_end(&self) -> bool {
        self.state().intent == Intent::Destroy
    }

    /// A session that is to end, as it is stored, to be read once more: its own handle has given that up. Any other is seen
    /// by its handle.
    fn as_it_was(self: &Arc<Self>) -> Session {
        let is_to_end = self.is_to_end();
        let found = self.state().present().filter(|_| is_to_end).cloned();
        let Some(present) = found else { return Session { shared: self.clone() } };
        let session = Session::new(self.manager.clone(), Tokens::default(), Place::Present(present));
        session.abandon();
        session
    }

    fn is_unloaded(&self) -> bool {
        self.state().presence() == Presence::Unloaded
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        self.state().key().map(|key| self.manager.fingerprint(key))
    }
}

impl SessionManager {
    fn tell_of_hook(&self, point: HookPoint, session: Option<Fingerprint>, error: HookError) {
        let error = Error::new(ErrorKind::Other, point.name())
            .with_detail("a hook failed, and was passed over")
            .with_source(error.into_cause());
        self.tell_about(EventKind::HookFailed, session, Some(&error));
    }
}
