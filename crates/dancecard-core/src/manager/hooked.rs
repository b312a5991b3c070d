//! The hooks of an application, called around what a handle does. Without hooks nothing of this is reached.
//!
//! Which of them come before a commit is decided by the plan that is foreseen when it begins. Another request that gets in
//! first may change what then happens; what comes after is called for what did happen.

use std::pin::Pin;
use std::sync::Arc;

use super::committing::{self, Ending};
use super::{Committed, Outcome, SessionManager};
use crate::error::{Error, ErrorKind, Result};
use crate::hooks::{HookError, HookPoint, Hooks, Moment};
use crate::observe::{EventKind, Fingerprint};
use crate::plan::{Intent, Plan};
use crate::session::{Session, Shared};

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
    let mut foreseen = foresee(shared, ending).await?;
    let old = shared.fingerprint();
    let before = Caller { shared, hooks, fingerprint: old };
    let mut prepared = before.prepare(foreseen).await;
    if foreseen.plan == Plan::Renew && prepared.as_ref().is_err_and(|refused| refused.point == BeforeChangeId)
    {
        // It was due, and nobody had asked for it. What else there is to do is done.
        shared.state().keep_id();
        foreseen = Foreseen::now(shared, ending);
        prepared = before.prepare(foreseen).await;
    }
    if let Err(refused) = prepared {
        return before.refused(foreseen, ending, refused.error).await;
    }
    let committed = committing::commit(shared, ending).await?;
    before.conclude(foreseen, committed.outcome).await;
    Ok(committed)
}

/// The lookup with the hooks around it, if there are any.
pub(crate) fn locate(shared: &Arc<Shared>) -> Option<BoxFuture<'_, ()>> {
    let hooks = shared.manager.hooks()?;
    Some(Box::pin(locate_with(shared, hooks)))
}

async fn locate_with(shared: &Arc<Shared>, hooks: &Hooks) -> Result<()> {
    let key = shared.keys().into_iter().next();
    let fingerprint = key.map(|key| shared.manager.fingerprint(&key));
    let caller = Caller { shared, hooks, fingerprint };
    match caller.call(BeforeRetrieve).await {
        // Who leaves need not be let in first.
        Err(refused) if !shared.is_to_end() => return Err(refused.error),
        _ => {}
    }
    shared.locate_plainly().await?;
    if shared.state().present().is_some() {
        let _ = caller.call(AfterRetrieve).await;
    }
    Ok(())
}

/// Looks what is stored where the decision needs that: the commit would do so next.
async fn foresee(shared: &Arc<Shared>, ending: Ending) -> Result<Foreseen> {
    let foreseen = Foreseen::now(shared, ending);
    if foreseen.plan != Plan::Load {
        return Ok(foreseen);
    }
    let _gate = shared.pass_gate().await;
    if Foreseen::now(shared, ending).plan == Plan::Load {
        let located = shared.locate().await;
        committing::accept(shared, located)?;
    }
    Ok(Foreseen::now(shared, ending))
}

/// Calls hooks for one session.
struct Caller<'a> {
    shared: &'a Arc<Shared>,
    hooks: &'a Hooks,
    fingerprint: Option<Fingerprint>,
}

impl Caller<'_> {
    /// The handle is open to the hooks before a flush, also to those of a response.
    async fn prepare(&self, foreseen: Foreseen) -> Result<(), Refused> {
        for point in foreseen.points() {
            let _open = (point == BeforeFlush).then(|| (self.shared.reopen(), Unsealed::new(self.shared)));
            self.call(point).await?;
        }
        Ok(())
    }

    /// A refusal does not stop the end of a session.
    async fn refused(&self, foreseen: Foreseen, ending: Ending, refusal: Error) -> Result<Committed> {
        if foreseen.ends() {
            self.shared.state().destroy();
            committing::commit(self.shared, ending).await?;
            self.conclude(foreseen, Outcome::Ended).await;
            return Err(refusal);
        }
        Err(refusal)
    }

    async fn conclude(&self, foreseen: Foreseen, outcome: Outcome) {
        let has_flushed = match outcome {
            Outcome::Created | Outcome::Updated => true,
            Outcome::Rotated => foreseen.dirty,
            _ => false,
        };
        let points = [
            (outcome == Outcome::Rotated, AfterChangeId),
            (foreseen.ends(), AfterDestroy),
            (has_flushed, AfterFlush),
        ];
        for (_, point) in points.into_iter().filter(|(due, _)| *due) {
            let ended = point == AfterDestroy;
            let fingerprint = if ended { self.fingerprint } else { self.shared.fingerprint() };
            // It has happened: nothing can be refused any more.
            let _ = Caller { fingerprint, ..*self }.call(point).await;
        }
    }

    async fn call(&self, point: HookPoint) -> Result<(), Refused> {
        for hook in self.hooks.at(point) {
            let session = (point != BeforeRetrieve).then(|| Session { shared: self.shared.clone() });
            let moment = Moment::new(point, session, self.fingerprint);
            match self.hooks.call(hook, moment).await {
                Ok(()) => {}
                Err(error) if error.is_refusal() && point.may_refuse() => {
                    return Err(Refused::new(point, error));
                }
                Err(error) => self.shared.manager.tell_of_hook(point, self.fingerprint, error),
            }
        }
        Ok(())
    }
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
