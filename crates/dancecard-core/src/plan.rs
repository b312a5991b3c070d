//! The decision: what a commit does, as a pure and total function of what is known.
//!
//! Everything asynchronous in this crate carries out what [`plan`] says. The table is rendered from this code into
//! `docs/spec/states.md`.

/// What is known about a session when its request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Facts {
    /// What is known of the stored record.
    pub presence: Presence,
    /// What the handler asked for, beyond its data.
    pub intent: Intent,
    /// Whether there is something to write: data, or whose session it is. After `destroy`, only what came later.
    pub dirty: bool,
    /// Whether the id is older than the renewal interval, and a new one can still be sent.
    pub renewal_due: bool,
    /// Whether enough of the idle limit has passed for the expiry to be moved.
    pub touch_due: bool,
}

/// What is known of the stored record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Presence {
    /// The client sent no token.
    NoToken,
    /// It sent one, and nobody needed to look yet.
    Unloaded,
    /// What it sent stands for nothing: unknown, malformed, or expired.
    Absent,
    /// It was a session, and has been ended or given another id a moment ago, perhaps during this request.
    Gone,
    /// The engine could not be asked, and the policy says to go on without.
    Unknown,
    /// It is a live session, and loaded.
    Present,
}

/// What the handler asked for, beyond its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Intent {
    /// Nothing special.
    #[default]
    Keep,
    /// A new id for the same data.
    Cycle,
    /// A new id, and a principal.
    SignIn,
    /// The end of the session. What is written afterwards starts another.
    Destroy,
}

/// What a commit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plan {
    /// Nothing at all; the client keeps its token, if it has one.
    Nothing,
    /// Look first, then decide again.
    Load,
    /// Tell the client to drop a token that stands for nothing.
    Forget,
    /// Store a new record under a fresh id, and send it.
    Create,
    /// Write the record at the version that was loaded.
    Update,
    /// Move the expiry.
    Touch,
    /// Periodic renewal: a new id for the same session; requests under way with the old one go on for the grace.
    Renew,
    /// A new id because rights change: the old one stops at once.
    Rotate,
    /// End the record, and tell the client to drop its token.
    End,
    /// End the record, and start another session for what was written afterwards.
    EndThenCreate,
    /// The session ended while this request wrote to it: the write is dropped, the client left alone.
    DropWrite,
    /// There is something to write, and it is not known over what: refuse, rather than overwrite.
    Refuse,
}

/// Decides.
///
/// ```
/// use dancecard_core::{Facts, Intent, Plan, Presence, plan};
///
/// let visitor = Facts {
///     presence: Presence::NoToken, intent: Intent::Keep, dirty: false, renewal_due: false, touch_due: false,
/// };
/// assert_eq!(plan(visitor), Plan::Nothing);
/// assert_eq!(plan(Facts { dirty: true, ..visitor }), Plan::Create);
/// ```
pub const fn plan(facts: Facts) -> Plan {
    match facts.presence {
        Presence::NoToken => without_token(facts),
        Presence::Unloaded => unloaded(facts),
        Presence::Absent => absent(facts),
        Presence::Gone => gone(facts),
        Presence::Unknown => unknown(facts),
        Presence::Present => present(facts),
    }
}

const fn without_token(facts: Facts) -> Plan {
    match facts.intent {
        Intent::SignIn => Plan::Create,
        _ if facts.dirty => Plan::Create,
        _ => Plan::Nothing,
    }
}

const fn absent(facts: Facts) -> Plan {
    match facts.intent {
        Intent::Destroy => end(facts),
        Intent::SignIn => Plan::Create,
        _ if facts.dirty => Plan::Create,
        _ => Plan::Forget,
    }
}

/// Also what is no longer read under the client's token is ended: the id that a rotation moved it to a moment ago, or
/// a session past its limit that a slower request is about to use once more.
const fn end(facts: Facts) -> Plan {
    if facts.dirty { Plan::EndThenCreate } else { Plan::End }
}

const fn unloaded(facts: Facts) -> Plan {
    match facts.intent {
        Intent::Keep if !facts.dirty => Plan::Nothing,
        _ => Plan::Load,
    }
}

/// Only a fresh proof of identity, or a request that ends the session anyway, starts another one here: any other cookie
/// sent now could overwrite the one of a session that took this one's place.
const fn gone(facts: Facts) -> Plan {
    match facts.intent {
        Intent::Destroy => end(facts),
        Intent::SignIn => Plan::Create,
        _ if facts.dirty => Plan::DropWrite,
        _ => Plan::Nothing,
    }
}

const fn unknown(facts: Facts) -> Plan {
    match facts.intent {
        Intent::Keep if !facts.dirty => Plan::Nothing,
        _ => Plan::Refuse,
    }
}

const fn present(facts: Facts) -> Plan {
    match facts.intent {
        Intent::Destroy => end(facts),
        Intent::SignIn | Intent::Cycle => Plan::Rotate,
        Intent::Keep if facts.renewal_due => Plan::Renew,
        Intent::Keep if facts.dirty => Plan::Update,
        Intent::Keep if facts.touch_due => Plan::Touch,
        Intent::Keep => Plan::Nothing,
    }
}

impl Facts {
    /// Every combination there is, for tests and for the table in the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        use Intent::{Cycle, Destroy, Keep, SignIn};
        use Presence::{Absent, Gone, NoToken, Present, Unknown, Unloaded};
        let flags = (0..8).map(|bits| (bits & 4 > 0, bits & 2 > 0, bits & 1 > 0));
        let presences = [NoToken, Unloaded, Absent, Gone, Unknown, Present].into_iter();
        presences.flat_map(move |presence| {
            let flags = flags.clone();
            [Keep, Cycle, SignIn, Destroy].into_iter().flat_map(move |intent| {
                let with = move |(dirty, renewal_due, touch_due)| Self {
                    presence,
                    intent,
                    dirty,
                    renewal_due,
                    touch_due,
                };
                flags.clone().map(with)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn always(condition: impl Fn(Facts) -> bool, holds: impl Fn(Plan) -> bool) {
        let mut seen = 0;
        for facts in Facts::all().filter(|facts| condition(*facts)) {
            assert!(holds(plan(facts)), "{facts:?} gives {:?}", plan(facts));
            seen += 1;
        }
        assert!(seen > 0, "the condition never holds");
    }

    #[test]
    fn there_are_192_cases() {
        assert_eq!(Facts::all().count(), 192);
    }

    #[test]
    fn an_untouched_session_costs_nothing() {
        always(
            |f| f.presence == Presence::Unloaded && f.intent == Intent::Keep && !f.dirty,
            |plan| plan == Plan::Nothing,
        );
    }

    #[test]
    fn a_visitor_who_stores_nothing_gets_nothing() {
        let silent = |f: Facts| !f.dirty && f.intent != Intent::SignIn;
        always(|f| f.presence == Presence::NoToken && silent(f), |plan| plan == Plan::Nothing);
    }

    #[test]
    fn destroy_wins_over_everything() {
        let ends = |plan| matches!(plan, Plan::End | Plan::EndThenCreate);
        let known = |f: Facts| matches!(f.presence, Presence::Present | Presence::Absent | Presence::Gone);
        always(|f| known(f) && f.intent == Intent::Destroy, ends);
    }

    #[test]
    fn what_is_gone_is_never_written() {
        let harmless = |plan| matches!(plan, Plan::Nothing | Plan::DropWrite | Plan::Create);
        always(|f| f.presence == Presence::Gone && f.intent != Intent::Destroy, harmless);
        always(
            |f| f.presence == Presence::Gone && f.intent == Intent::Keep,
            |p| p != Plan::Create && p != Plan::Forget,
        );
    }

    #[test]
    fn nothing_is_written_over_the_unknown() {
        always(|f| f.presence == Presence::Unknown, |plan| matches!(plan, Plan::Nothing | Plan::Refuse));
    }

    #[test]
    fn only_a_loaded_record_is_changed() {
        let changes = |plan| matches!(plan, Plan::Update | Plan::Touch | Plan::Renew | Plan::Rotate);
        always(|f| f.presence != Presence::Present, |plan| !changes(plan));
    }

    #[test]
    fn only_destroy_ends() {
        let ends = |plan| matches!(plan, Plan::End | Plan::EndThenCreate);
        always(|f| f.intent != Intent::Destroy, |plan| !ends(plan));
    }

    #[test]
    fn loading_is_decided_once() {
        always(|f| f.presence != Presence::Unloaded, |plan| plan != Plan::Load);
    }

    #[test]
    fn rights_never_change_without_a_new_id() {
        let fresh = |plan| matches!(plan, Plan::Rotate | Plan::Create | Plan::Load | Plan::Refuse);
        always(|f| f.intent == Intent::SignIn, fresh);
    }
}
