//! What must hold after every schedule.

use std::collections::{BTreeMap, BTreeSet};

use dancecard_core::{ErrorKind, Outcome, Timestamp};

use super::history::{Call, Data, Event, Key, Seen, What};
use super::model::{Commit, Model};
use super::script::{Plan, Scenario, Step, Wishes};

mod cookies;

use cookies::{cookies_are_left_alone, signed_in_or_out};

/// A mark of an "end all" is kept for so long.
const MARK: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Everything that is known when all tasks are done.
pub(super) struct Aftermath<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) events: &'a [Event],
    pub(super) model: &'a Model,
    /// What is stored, alive, and not expired.
    pub(super) alive: BTreeMap<Key, Seen>,
    pub(super) now: Timestamp,
    pub(super) delivered: BTreeSet<Key>,
    pub(super) calls: usize,
    pub(super) is_exact: bool,
    /// A replacement is one step, so nobody sees a session under two ids.
    pub(super) is_one_step: bool,
    /// Calls of the engine failed.
    pub(super) fails: bool,
    pub(super) made_up: Key,
}

impl Aftermath<'_> {
    /// What a client that gave up has left behind is nobody's: it was told no id, and nobody knows how it ended.
    fn is_given_up(&self, task: usize) -> bool {
        self.scenario.tasks.get(task).is_some_and(Plan::gives_up)
    }

    fn is_left_behind(&self, key: &Key) -> bool {
        let given_up = self.model.lives.get(key).is_some_and(|life| self.is_given_up(life.by));
        given_up || self.fails && !self.delivered.contains(key) && self.is_untold(key)
    }

    /// Whoever made it was told that it failed, or could not take it back.
    fn is_untold(&self, key: &Key) -> bool {
        let by = self.model.lives.get(key).map(|life| life.by);
        let failed = |commit: &Commit| Some(commit.task) == by && commit.result.is_err();
        self.model.strays.contains(key) || self.model.commits.iter().any(failed)
    }

    /// What a client reads that still holds the token of a key.
    pub(super) fn readable(&self, key: Key) -> Option<&Data> {
        let mut key = key;
        loop {
            let life = self.model.lives.get(&key)?;
            if self.alive.contains_key(&key) {
                return Some(&life.data);
            }
            let marker = life.marker.as_ref().filter(|marker| self.now < marker.grace_until);
            key = marker?.successor?;
        }
    }
}

/// The first promise that was broken.
pub(super) fn broken(aftermath: &Aftermath<'_>) -> Option<String> {
    let always: [fn(&Aftermath<'_>) -> Option<String>; 4] =
        [first_fault, nothing_made_up, bounded_calls, outcomes_are_true];
    let with_conditions: [fn(&Aftermath<'_>) -> Option<String>; 12] = [
        the_gone_stay_gone,
        stored_as_modelled,
        every_live_id_was_told,
        destroyed_stays_dead,
        ended_stays_dead,
        end_all_ends_all,
        others_are_left_alone,
        kept_ones_stay,
        sign_ins_know_their_end,
        sign_ins_stand,
        cookies_are_left_alone,
        limits_hold,
    ];
    let conditional = if aftermath.is_exact { with_conditions.as_slice() } else { &[] };
    always.iter().chain(conditional).find_map(|promise| promise(aftermath))
}

fn first_fault(after: &Aftermath<'_>) -> Option<String> {
    after.model.faults.first().cloned()
}

/// A token that a client made up never becomes a session, on any path.
fn nothing_made_up(after: &Aftermath<'_>) -> Option<String> {
    let adopted = after.model.lives.contains_key(&after.made_up);
    adopted.then(|| "the client's made-up id was adopted".to_owned())
}

/// A request tries again only when another got in first, so calls are bounded by the number of writers.
fn bounded_calls(after: &Aftermath<'_>) -> Option<String> {
    let work: usize = after.scenario.tasks.iter().map(steps).sum();
    let bound = 40 * (work + after.scenario.tasks.len() + 2 * after.scenario.browsers.len());
    (after.calls > bound).then(|| format!("{} calls of the engine, more than {bound}", after.calls))
}

fn steps(plan: &Plan) -> usize {
    match plan {
        Plan::Request { steps, .. } => {
            1 + steps.iter().filter(|step| matches!(step, Step::Save | Step::SignOutOthers)).count()
        }
        Plan::Operator(orders) => orders.len(),
    }
}

fn outcomes_are_true(after: &Aftermath<'_>) -> Option<String> {
    after
        .model
        .commits
        .iter()
        .find_map(|commit| judge(after, commit).map(|what| format!("task {}: {what}", commit.task)))
}

/// What a commit says it did is what it did: at most one data write, and none when it says so.
fn judge(after: &Aftermath<'_>, commit: &Commit) -> Option<String> {
    let fails = after.fails;
    let writes = commit.wrote.len();
    let allowed = match commit.result {
        Ok(Some(Outcome::Created | Outcome::Updated | Outcome::Rotated)) => 1..=1,
        // A reader is not told of a renewal of its id that failed, and nobody may know whether it did.
        Ok(Some(Outcome::Unchanged)) if fails && commit.wishes == Wishes::default() => 0..=1,
        Ok(Some(Outcome::Unchanged | Outcome::Ended | Outcome::Dropped)) => 0..=0,
        Ok(_) | Err(ErrorKind::Ended | ErrorKind::Refused) => 0..=1,
        Err(ErrorKind::Unavailable) if fails => 0..=1,
        Err(kind) => return Some(format!("the commit failed: {kind:?}")),
    };
    if !allowed.contains(&writes) {
        return Some(format!("{writes} records were written, and the outcome is {:?}", commit.result));
    }
    let idle =
        matches!(commit.result, Ok(Some(Outcome::Unchanged | Outcome::Touched)) | Ok(None)) && writes == 0;
    // What failed before may have been done all the same.
    let is_second = after
        .model
        .commits
        .iter()
        .any(|other| other.task == commit.task && other.done < commit.begun && other.result.is_err());
    let lost = idle && commit.wishes.must_change() && !(fails && is_second);
    lost.then(|| format!("changes were lost, and the outcome is {:?}", commit.result))
}

/// Who found a living session and lost it is signed out: it begins no other one unasked.
fn the_gone_stay_gone(after: &Aftermath<'_>) -> Option<String> {
    let anew = |commit: &&Commit| commit.found_alive && commit.result == Ok(Some(Outcome::Created));
    let commit = after.model.commits.iter().filter(anew).find(|commit| !signed_in_or_out(after, commit))?;
    Some(format!("task {} began a session in the place of one that had ended", commit.task))
}

/// The engine holds exactly the sessions of the model, as the model has them.
fn stored_as_modelled(after: &Aftermath<'_>) -> Option<String> {
    for (key, seen) in &after.alive {
        match after.model.lives.get(key).filter(|life| life.is_live) {
            None => return Some(format!("{key:?} is alive and should not be")),
            Some(life) if seen.data.as_ref() != Some(&life.data) => {
                return Some(format!("{key:?} holds {:?} and should hold {:?}", seen.data, life.data));
            }
            Some(life) if seen.principal != life.principal => {
                return Some(format!(
                    "{key:?} is of {:?} and should be of {:?}",
                    seen.principal, life.principal
                ));
            }
            Some(_) => {}
        }
    }
    None
}

/// After a rotation one id lives: the one that the browser was told. No copy is left behind that nobody knows.
fn every_live_id_was_told(after: &Aftermath<'_>) -> Option<String> {
    let is_stray =
        |key: &&Key| !after.delivered.contains(key) && !after.is_untold(key) && !after.is_left_behind(key);
    let stray = after.alive.keys().find(is_stray)?;
    Some(format!("{stray:?} is alive, and nobody was told its id"))
}

/// Where a request began, and the key that it came with.
fn came_with(after: &Aftermath<'_>, task: usize, before: usize) -> Option<(usize, Option<Key>)> {
    let mut opened =
        after.events.iter().enumerate().take(before).rev().filter(|(_, event)| event.task == task);
    opened.find_map(|(place, event)| match event.what {
        What::Opened(_, key) => Some((place, key)),
        _ => None,
    })
}

/// The keys that a request had its session under before a commit.
fn own_keys(after: &Aftermath<'_>, commit: &Commit) -> Vec<Key> {
    let Some((opened, key)) = came_with(after, commit.task, commit.begun) else { return Vec::new() };
    let earlier = after
        .model
        .commits
        .iter()
        .filter(|other| other.task == commit.task && other.begun > opened && other.begun < commit.begun);
    let wrote: Vec<Key> = earlier.flat_map(|other| other.wrote.clone()).collect();
    if wrote.is_empty() { key.into_iter().collect() } else { wrote }
}

fn living(after: &Aftermath<'_>, keys: impl IntoIterator<Item = Key>) -> Option<Key> {
    keys.into_iter().find(|key| after.alive.contains_key(key))
}

/// After `destroy` nothing of the session lives, whichever id a rotation moved it to.
fn destroyed_stays_dead(after: &Aftermath<'_>) -> Option<String> {
    for commit in after.model.commits.iter().filter(|commit| commit.wishes.destroys && commit.result.is_ok())
    {
        let lineages = own_keys(after, commit).into_iter();
        let lineages = lineages.flat_map(|key| after.model.lineage(key, Some(commit.done_at)));
        if let Some(key) = living(after, lineages) {
            return Some(format!("{key:?} is alive after task {} destroyed it", commit.task));
        }
    }
    None
}

/// The calls of operators with their results and places in the history.
fn calls<'a>(after: &'a Aftermath<'_>) -> impl Iterator<Item = (usize, &'a Call, usize, &'a Event)> {
    after.events.iter().enumerate().filter_map(|(begun, event)| {
        let What::Called(call) = &event.what else { return None };
        let later = after.events.iter().enumerate().skip(begun);
        let mut own = later.filter(|(_, other)| other.task == event.task);
        let (done, returned) = own.find(|(_, other)| matches!(other.what, What::Returned(_)))?;
        Some((begun, call, done, returned))
    })
}

fn ended_stays_dead(after: &Aftermath<'_>) -> Option<String> {
    for (_, call, _, returned) in calls(after) {
        let alive = match (call, &returned.what) {
            (Call::End(key), What::Returned(Ok(_))) => {
                living(after, after.model.lineage(*key, Some(returned.at)))
            }
            (Call::EndOne(who, key), What::Returned(Ok(1))) => {
                let theirs =
                    |key: &Key| after.alive.get(key).is_some_and(|seen| seen.principal.as_ref() == Some(who));
                living(after, after.model.lineage(*key, Some(returned.at)).into_iter().filter(theirs))
            }
            (_, What::Returned(Err(ErrorKind::Unavailable))) if after.fails => None,
            (_, What::Returned(Err(kind))) => return Some(format!("{call:?} failed: {kind:?}")),
            _ => None,
        };
        if let Some(key) = alive {
            return Some(format!("{key:?} is alive after {call:?}"));
        }
    }
    None
}

/// No session of the principal lives whose sign-in had begun when "end all" was called, or was stored before it looked
/// for the last time.
fn end_all_ends_all(after: &Aftermath<'_>) -> Option<String> {
    for (begun, call, done, returned) in calls(after) {
        if matches!(returned.what, What::Returned(Err(_))) {
            continue;
        }
        let task = after.events[begun].task;
        let (who, kept, keeper) = match call {
            Call::EndAll(who) => (who, None, None),
            Call::EndOthers(who, keep) => (who, *keep, None),
            Call::SignOutOthers(who, own) => (who, *own, Some(task)),
            _ => continue,
        };
        let own = |key: &Key| after.model.lives.get(key).is_some_and(|life| Some(life.by) == keeper);
        let keep: Vec<Key> = kept.map_or(Vec::new(), |key| after.model.lineage(key, None));
        let listed = |(_, event): &(usize, &Event)| event.task == task && matches!(event.what, What::Listed);
        let mut earlier = after.events.iter().enumerate().take(done).rev();
        let last_look = earlier.find(listed).map(|(place, _)| place);
        for (key, _) in after.alive.iter().filter(|(_, seen)| seen.principal.as_ref() == Some(who)) {
            let Some(sign_in) = after.model.lives.get(key).and_then(|life| life.signed_in) else { continue };
            let before = sign_in.looked < begun || last_look.is_some_and(|look| sign_in.stored < look);
            if before && !keep.contains(key) && !own(key) && !after.is_left_behind(key) {
                return Some(format!("{key:?} is alive after {call:?}"));
            }
        }
    }
    None
}

/// The sessions that a call ended itself, with the places at which it did.
fn ended_by<'a>(after: &'a Aftermath<'_>, begun: usize, done: usize) -> impl Iterator<Item = Key> + 'a {
    let task = after.events[begun].task;
    let own = after.events[begun..done].iter().filter(move |event| event.task == task);
    own.filter_map(|event| match &event.what {
        What::Retired(key, marker) if marker.successor.is_none() => Some(*key),
        _ => None,
    })
}

/// Who may end the sessions of one principal ends no other's, also not by following a rotation.
fn others_are_left_alone(after: &Aftermath<'_>) -> Option<String> {
    for (begun, call, done, _) in calls(after) {
        let (Call::EndOne(who, _)
        | Call::EndAll(who)
        | Call::EndOthers(who, _)
        | Call::SignOutOthers(who, _)) = call
        else {
            continue;
        };
        let of = |key: &Key| after.model.lives.get(key).and_then(|life| life.principal.as_ref());
        let others = |key: &Key| after.model.lives.contains_key(key) && of(key) != Some(who);
        if let Some(key) = ended_by(after, begun, done).find(others) {
            return Some(format!("{key:?} is of {:?} and was ended by {call:?}", of(&key)));
        }
    }
    None
}

/// The session that is to stay stays, though it gets a new id at the same time.
fn kept_ones_stay(after: &Aftermath<'_>) -> Option<String> {
    for (begun, call, done, returned) in calls(after).filter(|_| after.is_one_step) {
        let Call::EndOthers(_, Some(keep)) = call else { continue };
        let kept = after.model.lineage(*keep, Some(returned.at));
        if let Some(key) = ended_by(after, begun, done).find(|key| kept.contains(key)) {
            return Some(format!("{key:?} was to stay and was ended by {call:?}"));
        }
    }
    None
}

/// With a limit, a sign-in looks at all sessions once it is stored. If its own is not there any more, it says so.
fn sign_ins_know_their_end(after: &Aftermath<'_>) -> Option<String> {
    after.scenario.limit?;
    let stands = |commit: &&Commit| {
        commit.wishes.sign_in.is_some()
            && matches!(commit.result, Ok(Some(Outcome::Created | Outcome::Rotated)))
    };
    for commit in after.model.commits.iter().filter(stands) {
        let key = commit.wrote.last()?;
        let ended = after.model.lives.get(key).and_then(|life| life.ended);
        let own = after.events.iter().enumerate().take(commit.done).skip(commit.begun);
        let mut looks =
            own.filter(|(_, event)| event.task == commit.task && matches!(event.what, What::Listed));
        if looks.any(|(place, _)| ended.is_some_and(|ended| ended < place)) {
            return Some(format!("task {} signed in to {key:?}, which had been ended", commit.task));
        }
    }
    None
}

/// Without a limit, only somebody else's "end all" undoes a sign-in, or a day that it takes.
fn sign_ins_stand(after: &Aftermath<'_>) -> Option<String> {
    let may_be_undone = after.fails || after.scenario.limit.is_some();
    if may_be_undone || after.events.last()?.at.since(after.events.first()?.at) >= MARK {
        return None;
    }
    let undone =
        |commit: &&Commit| matches!(commit.result, Ok(Some(Outcome::Undone)) | Err(ErrorKind::Ended));
    for commit in after.model.commits.iter().filter(undone) {
        let Some(who) = commit.wishes.sign_in else { continue };
        let others = after.events.iter().take(commit.done).filter(|event| event.task != commit.task);
        let ends = |event: &Event| match &event.what {
            What::Called(Call::EndAll(of) | Call::EndOthers(of, _) | Call::SignOutOthers(of, _)) => of == who,
            _ => false,
        };
        if !others.into_iter().any(ends) {
            return Some(format!("task {} was not signed in, and nobody ended its sessions", commit.task));
        }
    }
    None
}

/// With a limit, a principal never has more sessions once everything is done.
fn limits_hold(after: &Aftermath<'_>) -> Option<String> {
    let limit =
        after.scenario.limit.filter(|_| !after.fails && !after.scenario.tasks.iter().any(Plan::gives_up))?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for who in after.alive.values().filter_map(|seen| seen.principal.as_deref()) {
        *counts.entry(who).or_default() += 1;
    }
    let (who, count) = counts.into_iter().find(|(_, count)| *count > limit)?;
    Some(format!("{who} has {count} sessions, where {limit} are allowed"))
}
