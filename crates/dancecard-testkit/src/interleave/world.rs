//! A manager over a paced engine, browsers, and the tasks that a scenario asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dancecard_core::{
    Clock as _, Error, ErrorKind, IdGenerator, Lifetime, ManualClock, Outcome, Principal, RecordKey, Result,
    Session, SessionId, SessionManager, Token, TokenAction,
};
use parking_lot::Mutex;

use super::PRELUDE;
use super::history::{Call, Cookie, Data, History, Key, What};
use super::paced::pause;
use super::script::{Change, IDLE, Order, Start, Step, Wishes};

/// A clone is another handle on the same world.
#[derive(Clone)]
pub(super) struct World {
    pub(super) manager: SessionManager,
    pub(super) history: History,
    pub(super) clock: ManualClock,
    /// Every token that was ever handed out, and one that was not.
    pub(super) tokens: Arc<Mutex<Vec<Token>>>,
    cookies: Arc<Mutex<Vec<Option<Token>>>>,
    /// Whether the engine may fail.
    fails: bool,
}

/// Ids that a seed repeats. They are as unique as a test needs, and no secret.
#[derive(Debug)]
pub(super) struct NumberedIds {
    seed: u64,
    next: AtomicU64,
}

impl NumberedIds {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, next: AtomicU64::new(0) }
    }
}

impl IdGenerator for NumberedIds {
    fn generate(&self) -> Result<SessionId> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut random = crate::Random::new(self.seed ^ number.rotate_left(32));
        Ok(SessionId::from_bytes(random.bytes(32).try_into().unwrap_or([0; 32])))
    }
}

pub(super) fn made_up() -> Token {
    SessionId::from_bytes([0x5a; 32]).token()
}

fn key_of(token: &Token) -> Option<RecordKey> {
    SessionId::parse(token.as_str().as_bytes()).map(|id| id.key(""))
}

impl World {
    pub(super) fn new(
        manager: SessionManager,
        history: History,
        clock: ManualClock,
        browsers: usize,
        fails: bool,
    ) -> Self {
        let tokens = Arc::new(Mutex::new(vec![made_up()]));
        let cookies = Arc::new(Mutex::new(vec![None; browsers]));
        Self { manager, history, clock, tokens, cookies, fails }
    }

    pub(super) fn note(&self, what: What) {
        self.history.note(self.clock.now(), what);
    }

    pub(super) fn name(&self, token: &Token) -> Key {
        key_of(token).map_or(Key(usize::MAX), |key| self.history.key(&key))
    }

    fn cookie(&self, browser: usize) -> Option<Token> {
        self.cookies.lock().get(browser).copied().flatten()
    }

    pub(super) fn set_cookie(&self, browser: usize, cookie: Option<Token>) {
        if let Some(place) = self.cookies.lock().get_mut(browser) {
            *place = cookie;
        }
        self.tokens.lock().extend(cookie);
    }

    pub(super) fn open(&self, token: Option<&Token>) -> Session {
        self.manager.open(token.map(|token| token.as_str().as_bytes()))
    }

    /// Brings a browser to where the scenario begins.
    pub(super) async fn prepare(self, browser: usize, start: Start) {
        let steps: &[Step] = match start {
            Start::Without => return,
            Start::MadeUp => return self.set_cookie(browser, Some(made_up())),
            Start::Visitor => &[Step::Add(1), Step::SetShared],
            Start::Member(who) => &[Step::Add(1), Step::SetShared, Step::SignIn(who)],
        };
        self.request(browser, PRELUDE + browser, steps.to_vec()).await;
    }

    /// One request of a browser.
    pub(super) async fn request(self, browser: usize, number: usize, steps: Vec<Step>) {
        let cookie = self.cookie(browser);
        let own = cookie.as_ref().map(|token| self.name(token));
        self.note(What::Opened(browser, own));
        let session = self.open(cookie.as_ref());
        let mut request =
            Request { world: &self, session, own, number, values: 0, wishes: Wishes::default() };
        for step in steps {
            if let Err(error) = request.step(step).await {
                request.complain(&format!("{step:?}"), &error);
                // Every other handler passes the error on, and the others go on without the step.
                if number % 2 == 1 {
                    let _ = request.fail();
                    break;
                }
            }
            if matches!(step, Step::Fail) {
                break;
            }
        }
        if let Some(action) = request.commit().await {
            self.receive(browser, action);
        }
    }

    /// Everything that a token reads.
    pub(super) async fn read(&self, token: &Token) -> Result<Data> {
        let session = self.open(Some(token));
        let mut data = Data::new();
        for key in session.keys().await? {
            let value = session.get(&key).await?;
            data.extend(value.map(|value| (key, value)));
        }
        Ok(data)
    }

    fn receive(&self, browser: usize, action: TokenAction) {
        match action {
            TokenAction::Keep => {}
            TokenAction::Set { token, .. } => self.set_cookie(browser, Some(token)),
            TokenAction::Forget => self.set_cookie(browser, None),
        }
    }

    /// The calls of one operator.
    pub(super) async fn operate(self, orders: Vec<Order>) {
        for order in orders {
            if let Order::Wait(seconds) = order {
                self.wait(seconds).await;
            } else if let Some(call) = self.call_of(order) {
                self.note(What::Called(call));
                let result = self.carry_out(order).await;
                self.note(What::Returned(result.map_err(|error| error.kind())));
            }
        }
    }

    async fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        pause().await;
    }

    fn record(&self, browser: usize) -> Option<RecordKey> {
        key_of(&self.cookie(browser)?)
    }

    fn call_of(&self, order: Order) -> Option<Call> {
        let name = |browser| self.record(browser).map(|key| self.history.key(&key));
        Some(match order {
            Order::End(browser) => Call::End(name(browser)?),
            Order::EndOne(who, browser) => Call::EndOne(who.to_owned(), name(browser)?),
            Order::EndAll(who) => Call::EndAll(who.to_owned()),
            Order::EndOthers(who, browser) => Call::EndOthers(who.to_owned(), name(browser)),
            Order::Purge | Order::Reap => Call::Purge,
            Order::Wait(_) => return None,
        })
    }

    async fn carry_out(&self, order: Order) -> Result<usize> {
        match order {
            Order::End(browser) => self.end(browser, None).await,
            Order::EndOne(who, browser) => self.end(browser, Some(who)).await,
            Order::EndAll(who) => self.manager.end_all(&Principal::from(who)).await,
            Order::EndOthers(who, browser) => {
                let keep = self.record(browser);
                self.manager.end_others(&Principal::from(who), keep.as_ref()).await
            }
            Order::Purge => self.manager.purge_expired(100).await,
            Order::Reap => {
                self.wait(IDLE.as_secs()).await;
                self.manager.purge_expired(100).await
            }
            Order::Wait(_) => Ok(0),
        }
    }

    async fn end(&self, browser: usize, who: Option<&'static str>) -> Result<usize> {
        let Some(key) = self.record(browser) else { return Ok(0) };
        let ended = match who {
            Some(who) => self.manager.end_one(&Principal::from(who), &key).await,
            None => self.manager.end(&key).await,
        };
        ended.map(usize::from)
    }
}

/// A request under way, and the model of what it asked for.
struct Request<'a> {
    world: &'a World,
    session: Session,
    /// The key of the cookie that it came with.
    own: Option<Key>,
    number: usize,
    values: i64,
    wishes: Wishes,
}

impl Request<'_> {
    async fn step(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Get => self.session.get::<i64>("n").await.map(drop),
            Step::SetOwn => self.set(format!("own{}", self.number)),
            Step::SetShared => self.set("shared".to_owned()),
            Step::Add(more) => self.add(more),
            Step::Remove => self.remove("shared"),
            Step::Clear => self.clear(),
            Step::Lifetime => self.session.set_lifetime(Lifetime::new(2 * IDLE, 24 * IDLE)),
            Step::Cycle => self.cycle(),
            Step::Announce(who) => self.announce(who).await,
            Step::SignIn(who) => self.sign_in(who),
            Step::SignOutOthers => self.sign_out_others().await,
            Step::Destroy => self.destroy(),
            Step::Save => self.save().await,
            Step::Fail => self.fail(),
            Step::Pause => self.pause(0).await,
            Step::Wait(seconds) => self.pause(seconds).await,
        }
    }

    async fn pause(&self, seconds: u64) -> Result<()> {
        self.world.wait(seconds).await;
        Ok(())
    }

    fn set(&mut self, key: String) -> Result<()> {
        self.values += 1;
        let value = self.number as i64 * 1000 + self.values;
        self.session.set(&key, value)?;
        self.wishes.changes.push(Change::Set(key, value));
        Ok(())
    }

    fn add(&mut self, more: i64) -> Result<()> {
        self.session.update("n", move |n: &mut i64| *n += more)?;
        self.wishes.changes.push(Change::Add("n".to_owned(), more));
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Result<()> {
        self.session.remove(key)?;
        self.wishes.changes.push(Change::Remove(key.to_owned()));
        Ok(())
    }

    fn clear(&mut self) -> Result<()> {
        self.session.clear()?;
        self.wishes.changes.push(Change::Clear);
        Ok(())
    }

    fn cycle(&mut self) -> Result<()> {
        self.session.cycle_id()?;
        self.wishes.cycles = true;
        Ok(())
    }

    async fn announce(&mut self, who: &'static str) -> Result<()> {
        self.session.begin_sign_in(who).await?;
        self.world.note(What::Announced(who));
        Ok(())
    }

    fn fail(&mut self) -> Result<()> {
        self.session.abandon();
        self.wishes.abandon();
        Ok(())
    }

    fn sign_in(&mut self, who: &'static str) -> Result<()> {
        self.session.sign_in(who)?;
        self.wishes.sign_in = Some(who);
        Ok(())
    }

    fn destroy(&mut self) -> Result<()> {
        self.session.destroy()?;
        self.wishes.destroy();
        Ok(())
    }

    async fn sign_out_others(&self) -> Result<()> {
        let Some(who) = self.session.principal().await? else { return Ok(()) };
        self.world.note(What::Called(Call::SignOutOthers(who.as_str().to_owned(), self.own)));
        let result = self.session.sign_out_others().await;
        self.world.note(What::Returned(result.map_err(|error| error.kind())));
        Ok(())
    }

    async fn save(&mut self) -> Result<()> {
        self.world.note(What::Begun(self.wishes.clone()));
        let saved = self.session.save().await;
        self.world.note(What::Saved(saved.as_ref().copied().map_err(Error::kind)));
        match saved {
            Err(error) if !matches!(error.kind(), ErrorKind::Ended | ErrorKind::Refused) => Err(error),
            _ => {
                self.wishes = Wishes::default();
                Ok(())
            }
        }
    }

    async fn commit(&mut self) -> Option<TokenAction> {
        self.world.note(What::Begun(self.wishes.clone()));
        match self.world.manager.commit(&self.session).await {
            Ok(committed) => {
                let cookie = match &committed.token {
                    TokenAction::Keep => Cookie::Kept,
                    TokenAction::Set { token, .. } => Cookie::Set(self.world.name(token)),
                    TokenAction::Forget => Cookie::Forgotten,
                };
                self.world.note(What::Done(Ok(committed.outcome), cookie));
                self.check_sealed().await;
                Some(committed.token)
            }
            Err(error) => {
                self.world.note(What::Done(Err(error.kind()), Cookie::Kept));
                self.complain("commit", &error);
                None
            }
        }
    }

    /// After the response nothing is written any more, and nothing is asked of the engine.
    async fn check_sealed(&self) {
        let refused = self.session.set("late", 1).is_err_and(|error| error.kind() == ErrorKind::Sealed);
        if !refused {
            self.wrong("a write after the response was not refused".to_owned());
        }
        let calls = self.world.history.calls();
        let again = self.world.manager.commit(&self.session);
        let again = super::scheduler::at_once(again);
        let idle = again.is_some_and(|again| again.is_ok_and(|again| again.outcome == Outcome::Unchanged));
        if !idle || self.world.history.calls() != calls {
            self.wrong("a second commit did something".to_owned());
        }
    }

    /// An engine that fails may be told of. Nothing else that happens here makes a request fail.
    fn complain(&self, step: &str, error: &Error) {
        if self.world.fails && error.kind() == ErrorKind::Unavailable {
            return;
        }
        self.wrong(format!("{step} failed: {:?}: {error}", error.kind()));
    }

    fn wrong(&self, what: String) {
        self.world.note(What::Wrong(what));
    }
}
