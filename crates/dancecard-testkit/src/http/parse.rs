//! From text to [`Script`], strictly: a line that is not understood is an error.

use std::time::Duration;

use dancecard_core::Operation;

use super::browser::Origin;
use super::cookie::SetCookie;
use super::script::{Action, Answer, Expected, Outcome, Request, Script, Step};
use super::setup::{Setup, number, unknown};
use super::visit::can_do;

/// Where a text is not a script.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) message: String,
}

impl Script {
    /// Reads a script.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let mut reader = Reader::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_end();
            reader.line = index + 1;
            reader.read(line).map_err(|message| Fault { line: index + 1, message })?;
        }
        reader.end().map_err(|(line, message)| Fault { line, message })
    }
}

#[derive(Default)]
struct Reader {
    line: usize,
    sentence: Vec<String>,
    setup: Setup,
    steps: Vec<Step>,
    begun: bool,
}

impl Reader {
    fn read(&mut self, line: &str) -> Result<(), String> {
        match line.split_once(' ') {
            _ if line.is_empty() => self.blank(),
            Some(("#", text)) => self.comment(text),
            Some((">", text)) => self.request_line(text)?,
            Some(("<", text)) => self.response_line(text)?,
            Some(("=", text)) => self.answer()?.calls = Some(calls(text)?),
            Some(("+", text)) => self.answer()?.body_calls = Some(calls(text)?),
            _ => self.step(line)?,
        }
        Ok(())
    }

    fn blank(&mut self) {
        self.begun |= !self.sentence.is_empty();
    }

    fn comment(&mut self, text: &str) {
        if !self.begun {
            self.sentence.push(text.trim().to_owned());
        }
    }

    fn step(&mut self, line: &str) -> Result<(), String> {
        self.begun = true;
        if self.setup.read(line)? {
            return if self.steps.is_empty() {
                Ok(())
            } else {
                Err("the set-up comes before the first step".into())
            };
        }
        let action = action(line)?;
        self.steps.push(Step { line: self.line, text: line.to_owned(), action });
        Ok(())
    }

    fn request_line(&mut self, text: &str) -> Result<(), String> {
        let (name, value) = field(text)?;
        match self.steps.last_mut().map(|step| &mut step.action) {
            Some(Action::Send(request, answer)) if answer.outcomes.is_empty() => {
                request.headers.push((name, value))
            }
            Some(Action::Start(_, request) | Action::Drop(request)) => request.headers.push((name, value)),
            _ => return Err("a `>` line follows its request".into()),
        }
        Ok(())
    }

    fn response_line(&mut self, text: &str) -> Result<(), String> {
        let line = self.line;
        let default_cookie = self.setup.transport.is_none();
        let answer = self.answer()?;
        if let Some(outcome) = outcome(text)? {
            if !answer.headers.is_empty() {
                return Err("the status comes before the header lines".into());
            }
            answer.outcomes.push(outcome);
            return Ok(());
        }
        if answer.outcomes.is_empty() {
            return Err("the status comes first".into());
        }
        let fields = if text == "private" { private() } else { vec![field(text)?] };
        for (name, value) in fields {
            let value = cookie_line(&name, value, default_cookie)?;
            answer.headers.push(Expected { line, name, value });
        }
        Ok(())
    }

    fn answer(&mut self) -> Result<&mut Answer, String> {
        match self.steps.last_mut().map(|step| &mut step.action) {
            Some(Action::Send(_, answer) | Action::Finish(_, answer)) => Ok(answer),
            _ => Err("there is no response to expect something of".into()),
        }
    }

    fn end(self) -> Result<Script, (usize, String)> {
        if self.sentence.is_empty() {
            return Err((1, "a script begins with a comment that says what it shows".into()));
        }
        if self.steps.is_empty() {
            return Err((self.line, "nothing happens".into()));
        }
        let speechless = |step: &&Step| match &step.action {
            Action::Send(_, answer) | Action::Finish(_, answer) => answer.outcomes.is_empty(),
            _ => false,
        };
        match self.steps.iter().find(speechless) {
            Some(step) => Err((step.line, "a status is expected of every response".into())),
            None => Ok(Script { sentence: self.sentence.join(" "), setup: self.setup, steps: self.steps }),
        }
    }
}

fn action(line: &str) -> Result<Action, String> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    if word.ends_with(':') {
        return Ok(Action::Send(request(line)?, Answer::default()));
    }
    Ok(match word {
        "start" => {
            let (tab, rest) = two(rest)?;
            Action::Start(name(tab)?, request(rest)?)
        }
        "finish" => Action::Finish(name(rest)?, Answer::default()),
        "drop" => Action::Drop(request(rest)?),
        "open" => Action::Open(name(rest)?),
        "clock" => Action::Clock(step_of_time(rest)?),
        "down" => Action::Down(operations(rest)?),
        "mute" => Action::Mute(operations(rest)?),
        "plant" => plant(rest)?,
        "close" => Action::Close(name(rest)?),
        "jar" => jar(rest)?,
        "visit" => {
            let (browser, origin) = two(rest)?;
            Action::Visit(name(browser)?, Origin::parse(origin)?)
        }
        "sessions" => Action::Sessions(number(rest)?),
        _ => return Err(unknown(word, "the beginning of a step")),
    })
}

fn two(text: &str) -> Result<(&str, &str), String> {
    text.split_once(' ').ok_or_else(|| format!("`{text}` wants a second part"))
}

fn name(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain { Ok(text.to_owned()) } else { Err(unknown(text, "a name")) }
}

/// `A: GET /path?steps`.
fn request(text: &str) -> Result<Request, String> {
    let (browser, rest) = text.split_once(": ").ok_or_else(|| unknown(text, "a browser and its request"))?;
    let (method, target) = two(rest)?;
    let method = http::Method::from_bytes(method.as_bytes()).map_err(|_| unknown(method, "a method"))?;
    if !target.starts_with('/') || target.parse::<http::Uri>().is_err() {
        return Err(unknown(target, "a path and query"));
    }
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let mut verbs =
        query.split('&').filter(|step| !step.is_empty()).map(|step| step.split('=').next().unwrap_or(step));
    if let Some(verb) = verbs.find(|verb| !can_do(verb)) {
        return Err(unknown(verb, "anything that the site can do"));
    }
    Ok(Request { browser: name(browser)?, method, target: target.to_owned(), headers: Vec::new() })
}

/// `200 body`, or `no response`.
fn outcome(text: &str) -> Result<Option<Outcome>, String> {
    if text == "no response" {
        return Ok(Some(Outcome::NoResponse));
    }
    let (status, body) = text.split_once(' ').unwrap_or((text, ""));
    if status.len() != 3 || !status.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let status = status.parse().map_err(|_| unknown(status, "a status"))?;
    Ok(Some(Outcome::Response { status, body: body.to_owned() }))
}

/// `Name: value`.
fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| unknown(text, "a header line"))?;
    let good = http::HeaderName::try_from(name).is_ok();
    if good { Ok((name.to_owned(), value.trim().to_owned())) } else { Err(unknown(name, "a header's name")) }
}

fn private() -> Vec<(String, String)> {
    [("Vary", "Cookie"), ("Cache-Control", "no-store")]
        .map(|(name, value)| (name.into(), value.into()))
        .into()
}

/// `new` and `removed` stand for the lines of the default cookie.
fn cookie_line(name: &str, value: String, default_cookie: bool) -> Result<String, String> {
    if !name.eq_ignore_ascii_case("set-cookie") {
        return Ok(value);
    }
    let attributes = "; Path=/; HttpOnly; Secure; SameSite=Lax";
    let line = match value.split_once(' ').unwrap_or((&value, "")) {
        ("new", token) if default_cookie => format!("__Host-session={{{token}}}{attributes}"),
        ("removed", "") if default_cookie => format!("__Host-session={attributes}; Max-Age=0"),
        _ => value,
    };
    SetCookie::parse(&line).map(|_| line)
}

fn operations(text: &str) -> Result<Vec<Operation>, String> {
    match text {
        "all" => Ok(Operation::ALL.into()),
        "none" => Ok(Vec::new()),
        _ => text.split(' ').map(operation).collect(),
    }
}

fn operation(name: &str) -> Result<Operation, String> {
    let found = Operation::ALL.into_iter().find(|operation| operation.name() == name);
    found.ok_or_else(|| unknown(name, "an operation of the engine"))
}

/// `1 load, 2 writes`, or `nothing`.
fn calls(text: &str) -> Result<String, String> {
    for part in text.split(", ").filter(|_| text != "nothing") {
        let (count, name) = two(part)?;
        let many = count.parse().is_ok_and(|count: u64| count > 1);
        operation(if many { name.strip_suffix('s').unwrap_or_default() } else { name })?;
    }
    Ok(text.to_owned())
}

/// `A from https://evil.example.org: Set-Cookie line`.
fn plant(text: &str) -> Result<Action, String> {
    let (browser, rest) = two(text)?;
    let from = rest.strip_prefix("from ").and_then(|rest| rest.split_once(": "));
    let (origin, line) = from.ok_or_else(|| unknown(rest, "`from`, an origin, and a cookie"))?;
    SetCookie::parse(line)?;
    Ok(Action::Plant(name(browser)?, Origin::parse(origin)?, line.to_owned()))
}

/// `A: a=1; b=2`, or `A: empty`.
fn jar(text: &str) -> Result<Action, String> {
    let (browser, rest) = text.split_once(": ").ok_or_else(|| unknown(text, "a browser and its cookies"))?;
    let cookies = if rest == "empty" { Vec::new() } else { rest.split("; ").map(str::to_owned).collect() };
    Ok(Action::Jar(name(browser)?, cookies))
}

/// `+1h`, `-2d`: milliseconds.
fn step_of_time(text: &str) -> Result<i64, String> {
    let span = |text| {
        duration(text)
            .and_then(|span| i64::try_from(span.as_millis()).ok())
            .ok_or_else(|| unknown(text, "a span"))
    };
    match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(text), _) => span(text),
        (_, Some(text)) => span(text).map(|span| -span),
        _ => Err(unknown(text, "+ or - and a span of time")),
    }
}

/// `30s`, `10m`, `2h`, `5d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return None,
    };
    let count: u64 = text.get(..text.len() - 1)?.parse().ok()?;
    Some(Duration::from_secs(count.checked_mul(unit)?))
}
