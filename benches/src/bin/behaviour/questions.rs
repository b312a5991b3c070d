//! What every library is asked.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::header::{CACHE_CONTROL, COOKIE, HOST, SET_COOKIE, VARY};
use axum::http::{Request, Response};
use axum::{Extension, Router};
use tower_service::Service;

use crate::gate::Gate;

/// Routes of one library, and a token of its form that it never gave out.
pub(crate) struct Subject {
    pub(crate) made_up: &'static str,
    pub(crate) router: Router,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answers {
    keeps_both: bool,
    stays_ended: bool,
    refuses_made_up: bool,
    sends_nothing_unasked: bool,
    tells_caches: bool,
}

impl Answers {
    pub(crate) const PROMISED: Self = Self {
        keeps_both: true,
        stays_ended: true,
        refuses_made_up: true,
        sends_nothing_unasked: true,
        tells_caches: true,
    };
}

type Question = (&'static str, fn(&Answers) -> bool);

pub(crate) const QUESTIONS: [Question; 5] = [
    ("two requests at once that set different keys: both are kept", |answers| answers.keeps_both),
    ("a sign-out during a slow request: the session stays ended", |answers| answers.stays_ended),
    ("an id that the client made up, cleared and written to, is not adopted", |answers| {
        answers.refuses_made_up
    }),
    ("a page that ignores the session sends a new visitor no cookie", |answers| {
        answers.sends_nothing_unasked
    }),
    ("a page that read the session says `Vary: Cookie` and a `Cache-Control`", |answers| {
        answers.tells_caches
    }),
];

pub(crate) async fn ask(subject: Subject) -> Answers {
    let gate = Arc::new(Gate::default());
    let site = Site { router: subject.router.layer(Extension(gate.clone())), gate };
    Answers {
        keeps_both: site.keeps_both().await,
        stays_ended: site.stays_ended().await,
        refuses_made_up: site.refuses(subject.made_up).await,
        sends_nothing_unasked: cookies(&site.get("/plain", "").await).is_empty(),
        tells_caches: site.tells_caches().await,
    }
}

struct Site {
    router: Router,
    gate: Arc<Gate>,
}

impl Site {
    async fn keeps_both(&self) -> bool {
        let cookie = self.sign_in().await;
        let release = async {
            self.gate.until(2).await;
            self.gate.open(2);
        };
        let (one, other) = (self.get("/slow/a", &cookie), self.get("/slow/b", &cookie));
        tokio::join!(one, other, release);
        text(self.get("/keys", &cookie).await).await == "a b"
    }

    async fn stays_ended(&self) -> bool {
        let cookie = self.sign_in().await;
        let sign_out = async {
            self.gate.until(1).await;
            self.get("/sign-out", &cookie).await;
            self.gate.open(1);
        };
        let (slow, ()) = tokio::join!(self.get("/slow/a", &cookie), sign_out);
        let newer = cookies(&slow);
        self.user(&cookie).await.is_empty() && (newer.is_empty() || self.user(&newer).await.is_empty())
    }

    async fn refuses(&self, made_up: &str) -> bool {
        let cookie = self.sign_in().await;
        let forged: Vec<String> = cookie
            .split("; ")
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, _)| format!("{name}={made_up}"))
            .collect();
        let forged = forged.join("; ");
        self.get("/clear-and-sign-in", &forged).await;
        self.user(&forged).await.is_empty()
    }

    async fn tells_caches(&self) -> bool {
        let cookie = self.sign_in().await;
        let response = self.get("/user", &cookie).await;
        let varies =
            response.headers().get(VARY).is_some_and(|by| by.as_bytes().eq_ignore_ascii_case(b"cookie"));
        varies && response.headers().contains_key(CACHE_CONTROL)
    }

    async fn sign_in(&self) -> String {
        cookies(&self.get("/sign-in", "").await)
    }

    async fn user(&self, cookie: &str) -> String {
        text(self.get("/user", cookie).await).await
    }

    async fn get(&self, path: &str, cookie: &str) -> Response<Body> {
        let mut request = Request::get(path).header(HOST, "shop.example.org");
        if !cookie.is_empty() {
            request = request.header(COOKIE, cookie);
        }
        let request = request.body(Body::empty()).expect("a request");
        self.router.clone().call(request).await.expect("infallible")
    }
}

/// The pairs that a response sets, as a browser sends them back.
fn cookies(response: &Response<Body>) -> String {
    let lines = response.headers().get_all(SET_COOKIE).iter();
    let pairs = lines.filter_map(|line| line.to_str().ok()?.split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}

async fn text(response: Response<Body>) -> String {
    let bytes = to_bytes(response.into_body(), 1 << 16).await.expect("a body");
    String::from_utf8_lossy(&bytes).into_owned()
}
