//! What the tasks of a schedule do: short random scripts, and what each of them asks for.

use dancecard_core::{AtLimit, Lifetime, Policy};
use std::time::Duration;

use super::history::Data;
use crate::Random;

pub(super) const PRINCIPALS: [&str; 2] = ["ada", "bob"];
pub(super) const IDLE: Duration = Duration::from_secs(3600);
pub(super) const GRACE: Duration = Duration::from_secs(30);
const RENEWAL: Duration = Duration::from_secs(600);

/// Nothing, past the grace, past the markers, past the threshold of touches, past the renewal, the idle limit, the end.
const WAITS: [u64; 9] = [1, 1, 31, 61, 400, 601, 601, 3601, 86_401];

/// Fresh, a touch due, a renewal due, about to expire.
const AGES: [u64; 6] = [0, 0, 400, 601, 601, 3_590];

/// Everything that a seed decides but the order.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) policy: Policy,
    pub(super) limit: Option<usize>,
    pub(super) browsers: Vec<Start>,
    /// Seconds between the beginning of the browsers' sessions and the tasks.
    pub(super) age: u64,
    pub(super) tasks: Vec<Plan>,
}

impl Plan {
    pub(super) fn gives_up(&self) -> bool {
        matches!(self, Self::Request { gives_up: Some(_), .. })
    }
}

/// How a browser begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Without,
    MadeUp,
    Visitor,
    Member(&'static str),
}

#[derive(Debug, Clone)]
pub(super) enum Plan {
    /// A client may give up after so many turns of its request.
    Request {
        browser: usize,
        steps: Vec<Step>,
        gives_up: Option<usize>,
    },
    Operator(Vec<Order>),
}

/// A step of a request. Every request ends with a commit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Get,
    /// Sets a key that no other request sets.
    SetOwn,
    /// Sets the key that all requests set.
    SetShared,
    Add(i64),
    Remove,
    Clear,
    Lifetime,
    Cycle,
    /// Announces a sign-in.
    Announce(&'static str),
    SignIn(&'static str),
    SignOutOthers,
    Destroy,
    Save,
    /// The response fails, and with it the request ends.
    Fail,
    Pause,
    Wait(u64),
}

/// A call of an operator. Keys are those of the cookie that a browser has when the call begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    End(usize),
    EndOne(&'static str, usize),
    EndAll(&'static str),
    EndOthers(&'static str, usize),
    Purge,
    /// Waits until what is not in use has expired, and purges it.
    Reap,
    Wait(u64),
}

impl Scenario {
    pub(super) fn new(random: &mut Random) -> Self {
        let browsers: Vec<Start> = (0..1 + random.below(2)).map(|_| start(random)).collect();
        let tasks = (0..2 + random.below(4)).map(|_| plan(random, browsers.len())).collect();
        let limit = random.chance(250).then(|| 1 + random.below(2));
        let age = AGES[random.below(AGES.len())];
        Self { policy: policy(random, limit), limit, browsers, age, tasks }
    }
}

fn policy(random: &mut Random, limit: Option<usize>) -> Policy {
    let policy = Policy::default().with_lifetime(Lifetime::new(IDLE, 24 * IDLE));
    let policy = if random.chance(500) { policy.with_renewal(RENEWAL, GRACE) } else { policy };
    let at_limit = [AtLimit::EndOldest, AtLimit::EndIdlest, AtLimit::RefuseNew][random.below(3)];
    match limit {
        Some(limit) => policy.with_max_sessions(limit, at_limit),
        None => policy,
    }
}

fn start(random: &mut Random) -> Start {
    match random.below(8) {
        0 => Start::Without,
        1 => Start::MadeUp,
        2..=4 => Start::Visitor,
        _ => Start::Member(who(random)),
    }
}

fn who(random: &mut Random) -> &'static str {
    PRINCIPALS[random.below(PRINCIPALS.len())]
}

fn wait(random: &mut Random) -> u64 {
    WAITS[random.below(WAITS.len())]
}

fn plan(random: &mut Random, browsers: usize) -> Plan {
    if random.chance(250) {
        return Plan::Operator((0..1 + random.below(2)).map(|_| order(random, browsers)).collect());
    }
    let browser = random.below(browsers);
    let gives_up = random.chance(60).then(|| 1 + random.below(16));
    Plan::Request { browser, steps: (0..1 + random.below(5)).map(|_| step(random)).collect(), gives_up }
}

fn order(random: &mut Random, browsers: usize) -> Order {
    match random.below(12) {
        0 | 1 => Order::End(random.below(browsers)),
        2 => Order::EndOne(who(random), random.below(browsers)),
        3..=5 => Order::EndAll(who(random)),
        6 => Order::EndOthers(who(random), random.below(browsers)),
        7 => Order::Purge,
        8 | 9 => Order::Reap,
        _ => Order::Wait(wait(random)),
    }
}

fn step(random: &mut Random) -> Step {
    match random.below(46) {
        0..=5 => Step::Get,
        6..=11 => Step::SetOwn,
        12..=14 => Step::SetShared,
        15..=21 => Step::Add(1 + random.below(9) as i64),
        22 => Step::Remove,
        23 => Step::Clear,
        24 => Step::Lifetime,
        25 | 26 => Step::Cycle,
        27..=30 => Step::SignIn(who(random)),
        31 | 41 => Step::SignOutOthers,
        32 | 33 => Step::Destroy,
        34 | 35 => Step::Save,
        36 => Step::Wait(wait(random)),
        37..=39 => Step::Announce(who(random)),
        40 => Step::Fail,
        _ => Step::Pause,
    }
}

/// A change of data, as a model makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Set(String, i64),
    Add(String, i64),
    Remove(String),
    Clear,
}

/// What a request has asked for since it last stored something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    pub(super) changes: Vec<Change>,
    pub(super) destroys: bool,
    pub(super) cycles: bool,
    pub(super) sign_in: Option<&'static str>,
}

impl Wishes {
    /// Everything before is given up; what comes after belongs to the next session.
    pub(super) fn destroy(&mut self) {
        *self = Self { destroys: true, ..Self::default() };
    }

    /// A response that failed keeps an end, and nothing else.
    pub(super) fn abandon(&mut self) {
        *self = Self { destroys: self.destroys, ..Self::default() };
    }

    pub(super) fn apply(&self, base: &Data) -> Data {
        let mut data = base.clone();
        for change in &self.changes {
            match change {
                Change::Set(key, value) => drop(data.insert(key.clone(), *value)),
                Change::Add(key, more) => *data.entry(key.clone()).or_default() += more,
                Change::Remove(key) => drop(data.remove(key)),
                Change::Clear => data.clear(),
            }
        }
        data
    }

    /// Whether it changes every session there could be: values are never set twice, and numbers only go up.
    pub(super) fn must_change(&self) -> bool {
        let only_adds = self.changes.iter().all(|change| matches!(change, Change::Set(..) | Change::Add(..)));
        let sets_last = matches!(self.changes.last(), Some(Change::Set(..)));
        only_adds && !self.changes.is_empty() || sets_last
    }
}
