//! What a browser keeps of a session, and what it finds in it.

use dancecard::http::SessionHttp;
use dancecard::{Carried, Result, Session, SessionId, Store, Versioned};
use http::HeaderMap;
use serde_json::value::RawValue;

use super::changing::WORD;

const COOKIE: &str = "__Host-session";

/// What a browser keeps.
#[derive(Default)]
pub(super) struct Browser {
    pub(super) cookie: String,
}

impl Browser {
    /// One request.
    pub(super) async fn visit<T>(
        &mut self,
        http: &SessionHttp,
        handler: impl AsyncFnOnce(&Session) -> Result<T>,
    ) -> Result<T> {
        let mut request = HeaderMap::new();
        request.insert("host", "shop.example".parse().unwrap());
        if !self.cookie.is_empty() {
            request.insert("cookie", format!("{COOKIE}={}", self.cookie).parse().unwrap());
        }
        let exchange = http.begin(&request);
        let told = handler(exchange.session()).await;
        let mut response = HeaderMap::new();
        exchange.finish(if told.is_ok() { 200 } else { 500 }, &mut response).await?;
        if let Some(line) = response.get("set-cookie") {
            let value =
                line.to_str().unwrap().strip_prefix(COOKIE).and_then(|rest| rest.strip_prefix('=')).unwrap();
            self.cookie = value.split(';').next().unwrap().to_owned();
        }
        told
    }

    /// How often it counted, with the rest as it was.
    pub(super) async fn reads(&mut self, http: &SessionHttp) -> Result<usize> {
        self.visit(http, async |session| {
            let kept: Option<Box<RawValue>> = session.get("kept").await?;
            assert_eq!(kept.unwrap().get(), kept_text());
            Ok(session.get("count").await?.unwrap_or_default())
        })
        .await
    }

    pub(super) async fn counts(&mut self, http: &SessionHttp) -> Result<()> {
        self.visit(http, async |session| {
            if session.get::<usize>("count").await?.is_none() {
                session.set("kept", RawValue::from_string(kept_text()).unwrap())?;
            }
            session.update("count", |count: &mut usize| *count += 1)
        })
        .await
    }

    pub(super) async fn sets(&mut self, http: &SessionHttp) -> Result<()> {
        self.visit(http, async |session| session.set("count", 0)).await
    }

    /// The record as it lies in the engine, or in the cookie.
    pub(super) async fn stored(&self, http: &SessionHttp) -> Versioned {
        let (token, sealed) = self.cookie.split_once('.').unwrap_or((&self.cookie, ""));
        let key = SessionId::parse(token.as_bytes()).unwrap().key("");
        let store = http.manager().store();
        let found = match store.client_side() {
            Some(client_side) => {
                let records = vec![(key.clone(), sealed.as_bytes().to_vec())];
                client_side.receive(Carried { channel: COOKIE, limit: 4096, records }).0.load(&key).await
            }
            None => store.load(&key).await,
        };
        found.unwrap().unwrap()
    }

    pub(super) async fn keeps(&self, http: &SessionHttp, before: &Versioned) {
        let now = self.stored(http).await;
        let same = now.payload() == before.payload() && now.meta().codec() == before.meta().codec();
        assert!(same && now.version() == before.version(), "it was written over");
    }
}

/// Values whose spelling counts, and enough of them to be worth compressing.
fn kept_text() -> String {
    format!("{{\"é\":[1.50,-0.0,1e400,null],\"text\":\"{}\"}}", [WORD; 20].join(" "))
}
