//! One request in the hands of the handler.

use dancecard_core::{Error, ErrorKind, Lifetime, LiveSession, Result, Session};
use dancecard_http::status_of;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::body::Body;
use super::gates::Gates;
use super::parse::duration;
use super::site::Sessions;

/// Every step that a query may hold, so that scripts are refused before they are played.
const VERBS: &str = "get take keys who status agent alive set fill count remove clear cycle announce sign-in destroy remember \
    save sign-out-others gate live main second try body say respond header panic";

/// Whether the site can do this.
pub(super) fn can_do(verb: &str) -> bool {
    VERBS.split_whitespace().any(|other| other == verb)
}

/// What the handler has in hand: the session that the steps of the query are about, and what it says so far.
pub(super) struct Visit {
    gates: Gates,
    sessions: Sessions,
    session: Session,
    live: Option<LiveSession>,
    said: Vec<String>,
    response: Response<()>,
    /// Errors are said, and the next step taken.
    goes_on: bool,
}

impl Visit {
    pub(super) fn new(gates: Gates, sessions: Sessions) -> Self {
        let session = sessions.main.clone();
        let response = Response::new(());
        Self { gates, sessions, session, live: None, said: Vec::new(), response, goes_on: false }
    }

    /// Takes the steps of a query in order. Those after `body` are taken while the body is sent.
    pub(super) async fn run(mut self, query: String) -> Response<Body> {
        let query = format!("&{query}");
        let (before, after) = match query.split_once("&body&") {
            Some((before, after)) => (before, Some(after.to_owned())),
            None => (query.as_str(), None),
        };
        if let Err(error) = self.steps(before).await {
            return self.failed(&error);
        }
        let head = std::mem::take(&mut self.response);
        match after {
            Some(after) => head.map(|()| Body::later(self.rest(after))),
            None => head.map(|()| Body::text(self.said.join(" "))),
        }
    }

    /// What handlers do with an error that they can't help: `?`.
    fn failed(self, error: &Error) -> Response<Body> {
        let mut response = Response::new(Body::text(format!("!{:?}", error.kind())));
        *response.status_mut() =
            StatusCode::from_u16(status_of(error)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response
    }

    async fn rest(mut self, query: String) -> Vec<u8> {
        self.goes_on = true;
        // Every step is taken, so this can't fail.
        let _ = self.steps(&query).await;
        self.said.join(" ").into_bytes()
    }

    async fn steps(&mut self, query: &str) -> Result<()> {
        for step in query.split('&').filter(|step| !step.is_empty()) {
            let (verb, argument) = step.split_once('=').unwrap_or((step, ""));
            match self.step(verb, argument).await {
                Ok(true) => {}
                Ok(false) => return Err(unknown(step)),
                Err(error) if self.goes_on => self.say(format!("!{:?}", error.kind())),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// `false` for a verb that there is not.
    async fn step(&mut self, verb: &str, argument: &str) -> Result<bool> {
        Ok(self.read(verb, argument).await?
            || self.write(verb, argument)?
            || self.go(verb, argument).await?
            || self.answer(verb, argument))
    }

    async fn read(&mut self, verb: &str, key: &str) -> Result<bool> {
        let said = match verb {
            "get" => self.session.get(key).await?.map(shown),
            "take" => self.session.take(key).await?.map(shown),
            "keys" => Some(sorted(self.session.keys().await?)),
            "who" => self.session.principal().await?.map(|who| who.as_str().to_owned()),
            "status" => Some(format!("{:?}", self.session.status())),
            "agent" => self.session.meta().await?.and_then(|meta| meta.user_agent().map(str::to_owned)),
            "alive" => Some(self.live()?.is_alive().await?.to_string()),
            _ => return Ok(false),
        };
        self.say(said.unwrap_or_else(|| "-".into()));
        Ok(true)
    }

    fn write(&mut self, verb: &str, argument: &str) -> Result<bool> {
        let (key, value) = argument.split_once(':').unwrap_or((argument, ""));
        match verb {
            "set" => self.session.set(key, value)?,
            "fill" => self.session.set(key, "x".repeat(value.parse().unwrap_or_default()))?,
            "count" => self.session.update(key, |count: &mut u64| *count += 1)?,
            "remove" => self.session.remove(key)?,
            "clear" => self.session.clear()?,
            "cycle" => self.session.cycle_id()?,
            "sign-in" => self.session.sign_in(argument)?,
            "destroy" => self.session.destroy()?,
            "remember" => {
                self.session.set_lifetime(Lifetime::absolute(duration(argument).unwrap_or_default()))?
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    async fn go(&mut self, verb: &str, argument: &str) -> Result<bool> {
        match verb {
            "save" => self.session.save().await?,
            "announce" => self.session.begin_sign_in(argument).await?,
            "sign-out-others" => drop(self.session.sign_out_others().await?),
            "gate" => self.gates.pass(argument).await,
            "live" => self.session = self.live()?.open(),
            "main" => self.session = self.sessions.main.clone(),
            "second" => self.session = self.sessions.second.clone().ok_or_else(|| unknown(verb))?,
            "try" => self.goes_on = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn answer(&mut self, verb: &str, argument: &str) -> bool {
        match verb {
            "say" => self.say(argument.to_owned()),
            "respond" => {
                *self.response.status_mut() = StatusCode::from_bytes(argument.as_bytes()).unwrap_or_default()
            }
            "header" => return self.header(argument).is_some(),
            // Unwinds like any panic, without a message among the lines of the tests.
            "panic" => std::panic::resume_unwind(Box::new("the handler panics")),
            _ => return false,
        }
        true
    }

    fn header(&mut self, argument: &str) -> Option<()> {
        let (name, value) = argument.split_once(':')?;
        let (name, value) = (HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
        self.response.headers_mut().append(name, value);
        Some(())
    }

    fn live(&mut self) -> Result<LiveSession> {
        let live = match &self.live {
            Some(live) => live.clone(),
            None => self.session.live()?,
        };
        self.live = Some(live.clone());
        Ok(live)
    }

    fn say(&mut self, text: String) {
        self.said.push(text);
    }
}

fn unknown(step: &str) -> Error {
    Error::new(ErrorKind::Other, "script").with_detail(format!("the site can't do `{step}`"))
}

fn shown(value: Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn sorted(mut keys: Vec<String>) -> String {
    keys.sort_unstable();
    format!("[{}]", keys.join(","))
}
