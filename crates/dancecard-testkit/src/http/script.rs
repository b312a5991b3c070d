//! A script, read: what happens in which order, and what is expected.

use dancecard_core::Operation;

use super::browser::Origin;
use super::setup::Setup;

/// A script.
#[derive(Debug)]
pub(super) struct Script {
    /// What it shows, from the comment that it begins with.
    pub(super) sentence: String,
    pub(super) setup: Setup,
    pub(super) steps: Vec<Step>,
}

impl Script {
    /// Whether it is to be run again and again, with a request dropped at one await point after the other.
    pub(super) fn drops(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Drop(_)))
    }
}

/// One thing that happens.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) text: String,
    pub(super) action: Action,
}

#[derive(Debug)]
pub(super) enum Action {
    /// A request, and its response.
    Send(Request, Answer),
    /// A request in a tab, which runs until it stands at a gate.
    Start(String, Request),
    /// The response to the request in a tab.
    Finish(String, Answer),
    /// A request whose future is dropped.
    Drop(Request),
    Open(String),
    /// Milliseconds, forward or back.
    Clock(i64),
    /// These operations of the engine fail from now on.
    Down(Vec<Operation>),
    /// These operations happen from now on, but their answer is lost.
    Mute(Vec<Operation>),
    /// Somebody else's `Set-Cookie` line arrives in a browser.
    Plant(String, Origin, String),
    Close(String),
    /// The browser's jar holds exactly this.
    Jar(String, Vec<String>),
    /// The browser goes to another site.
    Visit(String, Origin),
    /// So many sessions live.
    Sessions(usize),
}

/// A request of a browser.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) browser: String,
    pub(super) method: http::Method,
    pub(super) target: String,
    /// With these header lines. A `Cookie` line takes the place of what the browser's jar says.
    pub(super) headers: Vec<(String, String)>,
}

impl Request {
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// What is expected of a response.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// One of these.
    pub(super) outcomes: Vec<Outcome>,
    /// Exactly these header lines.
    pub(super) headers: Vec<Expected>,
    /// What was asked of the engine until the head was there, if the script says so.
    pub(super) calls: Option<String>,
    /// What was asked while the body was sent. If the script doesn't say: nothing, unless the request was in a tab.
    pub(super) body_calls: Option<String>,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Response { status: u16, body: String },
    NoResponse,
}

/// A header line that is expected.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) value: String,
}
