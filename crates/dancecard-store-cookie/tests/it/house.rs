//! A site whose sessions the browser carries, and browsers that visit it.

use std::collections::BTreeMap;
use std::future::Future;

use dancecard_core::{ManualClock, Policy, Result, Session, SessionManager};
use dancecard_http::{CookieConfig, SessionHttp, Transport};
use dancecard_seal::{Key, KeyRing};
use dancecard_store_cookie::CookieStore;
use http::HeaderMap;

pub(crate) struct House {
    pub(crate) http: SessionHttp,
    pub(crate) clock: ManualClock,
}

impl House {
    pub(crate) fn over(engine: CookieStore) -> Self {
        Self::with(engine, Policy::default(), CookieConfig::default())
    }

    pub(crate) fn with(engine: CookieStore, policy: Policy, cookie: CookieConfig) -> Self {
        let clock = ManualClock::default();
        let manager = SessionManager::new(engine).with_policy(policy).with_clock(clock.clone());
        let http = SessionHttp::new(manager).with_transport(Transport::Cookie(cookie));
        Self { http: http.expect("a usable cookie"), clock }
    }

    pub(crate) fn manager(&self) -> &SessionManager {
        self.http.manager()
    }
}

/// A key that is the same in every run.
pub(crate) fn key(seed: u8) -> Key {
    let bytes: Vec<u8> = (0..32).map(|n: u8| n.wrapping_mul(37) ^ seed).collect();
    Key::new(&bytes).expect("as good as random")
}

pub(crate) fn ring(seeds: &[u8]) -> KeyRing {
    KeyRing::new(seeds.iter().map(|seed| key(*seed))).expect("a ring")
}

/// An engine without a registry.
pub(crate) fn alone() -> CookieStore {
    CookieStore::new(&ring(&[1]), "shop")
}

/// What a browser keeps: names and values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Browser {
    pub(crate) jar: BTreeMap<String, String>,
}

/// How a response was answered.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) finished: Result<()>,
}

impl Browser {
    pub(crate) fn request(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("host", "shop.example".parse().expect("a host"));
        let pairs: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !pairs.is_empty() {
            headers.insert("cookie", pairs.join("; ").parse().expect("a header"));
        }
        headers
    }

    /// One request: the handler gets the session, and the browser the response.
    pub(crate) async fn visit<F, T>(&mut self, house: &House, handler: impl FnOnce(Session) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let (answer, told) = self.ask(house, handler).await;
        self.receive(&answer.headers);
        answer.finished?;
        told
    }

    /// One request, whose response is still on its way.
    pub(crate) async fn ask<F, T>(
        &self,
        house: &House,
        handler: impl FnOnce(Session) -> F,
    ) -> (Answer, Result<T>)
    where
        F: Future<Output = Result<T>>,
    {
        let exchange = house.http.begin(&self.request());
        let told = handler(exchange.session().clone()).await;
        let mut headers = HeaderMap::new();
        let status = if told.is_ok() { 200 } else { 500 };
        let finished = exchange.finish(status, &mut headers).await;
        if finished.is_err() {
            headers = HeaderMap::new();
            exchange.fail(500, &mut headers);
        }
        (Answer { headers, finished }, told)
    }

    pub(crate) fn receive(&mut self, headers: &HeaderMap) {
        for line in headers.get_all("set-cookie") {
            let line = line.to_str().expect("text");
            let (pair, attributes) = line.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a name and a value");
            assert!(
                name.len() + value.len() <= 4096,
                "browsers would drop {} bytes",
                name.len() + value.len()
            );
            match attributes.contains("Max-Age=0") {
                true => self.jar.remove(name),
                false => self.jar.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    pub(crate) async fn sets(&mut self, house: &House, key: &str, value: &str) -> Result<()> {
        self.visit(house, async |session| session.set(key, value)).await
    }

    pub(crate) async fn reads(&mut self, house: &House, key: &str) -> Result<Option<String>> {
        self.visit(house, async |session| session.get(key).await).await
    }

    pub(crate) async fn signs_in(&mut self, house: &House, who: &'static str) -> Result<()> {
        self.visit(house, async |session| session.sign_in(who)).await
    }

    pub(crate) async fn who(&mut self, house: &House) -> Result<Option<String>> {
        let who = self.visit(house, async |session| session.principal().await).await?;
        Ok(who.map(|who| who.as_str().to_owned()))
    }

    pub(crate) fn cookie(&self) -> &str {
        self.jar.get("__Host-session").map_or("", String::as_str)
    }

    pub(crate) fn token(&self) -> &str {
        self.cookie().split('.').next().unwrap_or_default()
    }
}
