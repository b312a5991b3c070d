//! Plays a script, step by step, against an adapter.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use dancecard_core::{Clock, ListQuery, Timestamp};

use super::Adapter;
use super::answer::Tab;
use super::browser::Origin;
use super::cookie::SetCookie;
use super::expect;
use super::rules;
use super::script::{Action, Answer, Request, Script, Step};
use super::world::World;
use crate::failure::{Failure, Outcome};
use crate::store::next;

/// No request is dropped at more await points than this.
const MAX_AWAITS: usize = 200;

/// Plays a script; one with a `drop` again and again, until the request is done before it is dropped.
pub(super) async fn play<A: Adapter>(adapter: &A, script: &Script) -> Outcome {
    if !script.drops() {
        return once(adapter, script, 0).await.map(drop);
    }
    for awaits in 0..MAX_AWAITS {
        if once(adapter, script, awaits)
            .await
            .map_err(|failure| failure.at(format!("dropped at await {awaits}")))?
        {
            return enough(awaits);
        }
    }
    Err(Failure::new("a request that ends", format!("one that still runs after {MAX_AWAITS} awaits")))
}

fn enough(awaits: usize) -> Outcome {
    if awaits > 1 {
        Ok(())
    } else {
        Err(Failure::new("a request with await points to be dropped at", "none"))
    }
}

/// `true` when the request to be dropped was done before.
async fn once<A: Adapter>(adapter: &A, script: &Script, awaits: usize) -> Outcome<bool> {
    let (world, site) = World::new(&script.setup)?;
    if script.drops() {
        world.store.yields();
    }
    let server = adapter.start(site);
    let mut run = Run { adapter, server: &server, world, tabs: BTreeMap::new(), awaits, done: false };
    for step in &script.steps {
        run.step(step).await.map_err(|failure| failure.at(format!("line {}: {}", step.line, step.text)))?;
    }
    match run.tabs.keys().next() {
        Some(tab) => Err(Failure::new("every tab is finished", format!("{tab} is not"))),
        None => Ok(run.done),
    }
}

struct Run<'a, A: Adapter> {
    adapter: &'a A,
    server: &'a A::Server,
    world: World,
    tabs: BTreeMap<String, Opened<'a>>,
    awaits: usize,
    done: bool,
}

/// A tab, and where its response will arrive.
struct Opened<'a> {
    tab: Tab<'a>,
    browser: String,
    origin: Origin,
    path: String,
}

/// The tab of a request that nobody looks away from.
const FRONT: &str = "";

impl<'a, A: Adapter> Run<'a, A> {
    async fn step(&mut self, step: &Step) -> Outcome {
        match &step.action {
            Action::Send(request, answer) => {
                self.open_tab(FRONT, request)?;
                self.finish(FRONT, answer).await
            }
            Action::Start(tab, request) => {
                self.open_tab(tab, request)?;
                self.until_gate(tab).await
            }
            Action::Finish(tab, answer) => self.finish(tab, answer).await,
            Action::Drop(request) => self.drop_half_way(request).await,
            Action::Sessions(count) => self.sessions(*count).await,
            other => self.arrange(other),
        }
    }

    /// The steps that need no waiting.
    fn arrange(&mut self, action: &Action) -> Outcome {
        match action {
            Action::Open(gate) if !self.world.gates.open(gate) => {
                return Err(Failure::new("a closed gate with somebody before it", "none of that name"));
            }
            Action::Clock(millis) => self.move_clock(*millis),
            Action::Down(operations) => self.world.store.fail(operations),
            Action::Mute(operations) => self.world.store.lose_answers(operations),
            Action::Plant(browser, from, line) => return self.plant(browser, from, line),
            Action::Close(browser) => self.world.browser(browser).close(),
            Action::Jar(browser, cookies) => return self.jar(browser, cookies),
            Action::Visit(browser, origin) => self.world.browser(browser).origin = origin.clone(),
            _ => {}
        }
        Ok(())
    }

    fn open_tab(&mut self, name: &str, request: &Request) -> Outcome {
        let tab = self.tab(request)?;
        let origin = self.world.browser(&request.browser).origin.clone();
        let opened =
            Opened { tab, browser: request.browser.clone(), origin, path: request.path().to_owned() };
        match self.tabs.insert(name.to_owned(), opened) {
            Some(_) => Err(Failure::new("a new tab", format!("{name} is open already"))),
            None => Ok(()),
        }
    }

    fn tab(&mut self, request: &Request) -> Outcome<Tab<'a>> {
        let request = self.world.request(request).map_err(|fault| Failure::new("a request", fault))?;
        Ok(Tab::send(self.adapter, self.server, self.world.store.clone(), request))
    }

    /// Goes on with all tabs until one of them stands at a gate.
    async fn until_gate(&mut self, name: &str) -> Outcome {
        let mut arrivals = self.world.gates.arrivals();
        let mut arrived = pin!(arrivals.changed());
        let tabs = &mut self.tabs;
        let at_gate =
            poll_fn(|context| match (poll_tabs(tabs, name, context), arrived.as_mut().poll(context)) {
                (_, Poll::Ready(_)) => Poll::Ready(true),
                (Poll::Ready(()), Poll::Pending) => Poll::Ready(false),
                (Poll::Pending, Poll::Pending) => Poll::Pending,
            });
        if at_gate.await {
            Ok(())
        } else {
            Err(Failure::new("a request that comes to a gate", "its response"))
        }
    }

    async fn finish(&mut self, name: &str, answer: &Answer) -> Outcome {
        let tabs = &mut self.tabs;
        if !tabs.contains_key(name) {
            return Err(Failure::new("an open tab", format!("none is called {name}")));
        }
        poll_fn(|context| poll_tabs(tabs, name, context)).await;
        let Some(Opened { tab: Tab::Done(arrived), browser, origin, path }) = self.tabs.remove(name) else {
            return Err(Failure::new("a response", "none"));
        };
        expect::check(self.adapter, answer, &arrived, name == FRONT, &mut self.world.tokens)?;
        let Ok(arrived) = arrived else { return Ok(()) };
        let now = self.world.now();
        rules::no_leak(&arrived, &self.world.tokens)?;
        rules::check(&arrived, self.world.browser(&browser), &origin, &path, now)
    }

    async fn drop_half_way(&mut self, request: &Request) -> Outcome {
        let mut tab = self.tab(request)?;
        let mut left = self.awaits;
        self.done |= poll_fn(|context| match tab.poll(context) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => {
                left -= 1;
                Poll::Pending
            }
        })
        .await;
        Ok(())
    }

    fn move_clock(&mut self, millis: i64) {
        let now = self.world.clock.now().as_millis();
        self.world.clock.set(Timestamp::from_millis(now.saturating_add(millis)));
    }

    fn plant(&mut self, browser: &str, from: &Origin, line: &str) -> Outcome {
        let fault = |fault: String| Failure::new("a cookie", fault);
        let line = self.world.tokens.fill(line).map_err(fault)?;
        let line = SetCookie::parse(&line).map_err(fault)?;
        let now = self.world.now();
        let taken = self.world.browser(browser).take(&line, from, "/", now);
        taken.map_err(|reason| Failure::new("a cookie that browsers take", reason))
    }

    fn jar(&mut self, browser: &str, cookies: &[String]) -> Outcome {
        let now = self.world.now();
        let filled: Result<Vec<String>, String> =
            cookies.iter().map(|cookie| self.world.tokens.fill(cookie)).collect();
        let wanted = filled.map_err(|fault| Failure::new("a jar", fault))?;
        let got = self.world.browser(browser).cookies(now);
        if got == wanted {
            return Ok(());
        }
        let names: Vec<&str> = got.iter().filter_map(|cookie| cookie.split('=').next()).collect();
        Err(Failure::new(
            format!("a jar with: {}", cookies.join("; ")),
            format!("one with: {}", names.join("; ")),
        ))
    }

    async fn sessions(&mut self, count: usize) -> Outcome {
        let mut entries = self.world.manager.list(ListQuery::default());
        let mut found = 0;
        while let Some(entry) = next(&mut entries).await {
            entry?;
            found += 1;
        }
        if found == count {
            Ok(())
        } else {
            Err(Failure::new(format!("{count} live sessions"), found.to_string()))
        }
    }
}

/// Goes on with all tabs; ready when the one of this name is done.
fn poll_tabs(tabs: &mut BTreeMap<String, Opened<'_>>, name: &str, context: &mut Context<'_>) -> Poll<()> {
    let mut done = Poll::Pending;
    for (other, opened) in tabs {
        if opened.tab.poll(context).is_ready() && other == name {
            done = Poll::Ready(());
        }
    }
    done
}

/// How long a script may take, on a machine that is busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
