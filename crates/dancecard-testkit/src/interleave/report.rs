//! What an exploration comes to.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dancecard_core::{Event, EventKind, Observer};

/// What was explored.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub(super) schedules: usize,
    pub(super) turns: usize,
    pub(super) calls: usize,
    pub(super) tally: Tally,
}

impl Report {
    /// How many schedules ran.
    pub fn schedules(&self) -> usize {
        self.schedules
    }

    /// How often a task got its turn.
    pub fn turns(&self) -> usize {
        self.turns
    }

    /// How often the engine was called.
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// How often something happened to a session, over all schedules: what was never seen was not tested.
    pub fn events(&self, kind: EventKind) -> usize {
        self.tally.count(kind)
    }
}

/// A schedule in which a promise was broken. `Display` and `Debug` begin with the line that repeats it.
#[derive(Clone)]
pub struct Counterexample {
    pub(super) seed: u64,
    pub(super) promise: String,
    pub(super) story: Vec<String>,
}

impl Counterexample {
    /// The seed that repeats it.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What was broken.
    pub fn promise(&self) -> &str {
        &self.promise
    }

    /// The command that repeats it, in one line.
    pub fn command(&self) -> String {
        let package = std::env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "PACKAGE".to_owned());
        let program = std::env::args().next().unwrap_or_default();
        let binary = program
            .rsplit('/')
            .next()
            .and_then(|name| name.rsplit_once('-'))
            .map_or("TEST", |(name, _)| name);
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        format!("DANCECARD_SEED={} cargo test -p {package} --test {binary} -- {thread}", self.seed)
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.command(), self.promise)?;
        self.story.iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

/// As a test shows the error that it returns.
impl fmt::Debug for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Counterexample {}

/// How often each kind of event was seen, over all schedules.
#[derive(Clone, Default)]
pub(super) struct Tally(Arc<[AtomicUsize; EventKind::ALL.len()]>);

impl Tally {
    pub(super) fn count(&self, kind: EventKind) -> usize {
        let place = EventKind::ALL.iter().position(|other| *other == kind);
        place.map_or(0, |place| self.0[place].load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tally")
    }
}

impl Observer for Tally {
    fn on(&self, event: &Event<'_>) {
        if let Some(place) = EventKind::ALL.iter().position(|kind| *kind == event.kind) {
            self.0[place].fetch_add(1, Ordering::Relaxed);
        }
    }
}
