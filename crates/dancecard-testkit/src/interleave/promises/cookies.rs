//! What responses may do to the cookies of others.

use std::collections::BTreeMap;

use dancecard_core::Outcome;

use super::{Aftermath, Commit, Key, What, came_with};
use crate::interleave::history::Cookie;
use crate::interleave::model::MOMENT;

/// A response leaves alone the cookie that a sign-in of the same session gave to the browser before this request last
/// looked, unless the request signs in or out itself, or came without a living session.
pub(super) fn cookies_are_left_alone(after: &Aftermath<'_>) -> Option<String> {
    let mut jars: BTreeMap<usize, Jar> = BTreeMap::new();
    for (place, event) in after.events.iter().enumerate() {
        match &event.what {
            What::Opened(browser, cookie) => jars.entry(*browser).or_default().key = *cookie,
            What::Done(_, action) => {
                let commit = after.model.commits.iter().find(|commit| commit.done == place);
                let Some((commit, came)) = commit.zip(came_with(after, event.task, place)) else { continue };
                let What::Opened(browser, _) = after.events[came.0].what else { continue };
                let jar = jars.entry(browser).or_default();
                if jar.is_robbed(after, commit, came, *action) {
                    return Some(format!(
                        "task {} took away the cookie of a sign-in: {action:?}",
                        event.task
                    ));
                }
                jar.receive(*action, commit, came.1);
            }
            _ => {}
        }
    }
    None
}

/// The cookie of a browser, and the sign-in that gave it.
#[derive(Default)]
struct Jar {
    key: Option<Key>,
    signed_in: Option<Given>,
}

/// When a sign-in was stored, which session it came with, and whether that went on, or had just gone.
struct Given {
    stored: usize,
    came_with: Key,
    rotated: bool,
}

impl Jar {
    fn is_robbed(
        &self,
        after: &Aftermath<'_>,
        commit: &Commit,
        came: (usize, Option<Key>),
        action: Cookie,
    ) -> bool {
        let opened_at = after.events[came.0].at;
        let is_of_it = |given: &Given| {
            let related = came.1.is_some_and(|own| are_related(after, own, given.came_with));
            // A session that goes on beside the one of the sign-in tells its own new ids.
            let tells_its_own =
                !given.rotated && action != Cookie::Forgotten && commit.result != Ok(Some(Outcome::Created));
            given.stored < commit.last_call && related && !tells_its_own
        };
        self.signed_in.as_ref().is_some_and(is_of_it)
            && self.key != came.1
            && action != Cookie::Kept
            && after.model.came_alive.contains(&came.0)
            && commit.done_at.since(opened_at) < MOMENT
            && !signed_in_or_out(after, commit)
    }

    fn receive(&mut self, action: Cookie, commit: &Commit, came_with: Option<Key>) {
        match action {
            Cookie::Kept => {}
            Cookie::Forgotten => *self = Self::default(),
            Cookie::Set(key) => {
                let came_with = came_with.filter(|_| commit.wishes.sign_in.is_some());
                let rotated = commit.result == Ok(Some(Outcome::Rotated));
                let given = |came_with| Given { stored: commit.last_call, came_with, rotated };
                *self = Self { key: Some(key), signed_in: came_with.map(given) };
            }
        }
    }
}

fn are_related(after: &Aftermath<'_>, one: Key, other: Key) -> bool {
    let (one, other) = (after.model.lineage(one, None), after.model.lineage(other, None));
    one.iter().any(|key| other.contains(key))
}

/// In this commit, or in a save of the same request.
pub(super) fn signed_in_or_out(after: &Aftermath<'_>, commit: &Commit) -> bool {
    let own = after.model.commits.iter().filter(|other| other.task == commit.task);
    own.into_iter().any(|other| other.wishes.destroys || other.wishes.sign_in.is_some())
}
