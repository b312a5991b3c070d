//! The routes, and how they are called.

use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, HOST, SET_COOKIE};
use axum::http::{Request, Response};
use tower_service::Service;

/// How many sessions the requests are spread over.
pub const SESSIONS: usize = 32;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// The layer is mounted, the session untouched.
    Plain,
    /// One key is read.
    Read,
    /// The last of 64 keys of a session of 64 KiB is read.
    ReadLarge,
    /// One key is read and written.
    Count,
    /// The same values are set again.
    LoginAgain,
    /// A visitor without a cookie gets a session of a kilobyte.
    LoginNew,
}

impl Route {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Read, Self::ReadLarge, Self::Count, Self::LoginAgain, Self::LoginNew];

    /// The path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Plain => "/plain",
            Self::Read => "/read",
            Self::ReadLarge => "/read-large",
            Self::Count => "/count",
            Self::LoginAgain | Self::LoginNew => "/login",
        }
    }

    /// The route whose bare cost is taken off.
    pub fn bare(self) -> Self {
        match self {
            Self::Read | Self::ReadLarge => Self::Read,
            _ => Self::Plain,
        }
    }

    /// Reads [`Route`]'s `Debug` back.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| format!("{route:?}") == name)
    }
}

/// An application whose sessions are filled.
pub struct Driver {
    router: Router,
    cookies: Vec<String>,
    large: String,
}

impl Driver {
    /// Without sessions to fill; a cookie is sent all the same.
    pub fn bare(router: Router) -> Self {
        let cookies = vec![format!("__Host-session={}", "A".repeat(43)); SESSIONS];
        Self { router, large: cookies[0].clone(), cookies }
    }

    /// Fills the sessions.
    pub async fn new(router: Router) -> Self {
        let mut driver = Self { router, cookies: Vec::new(), large: String::new() };
        for _ in 0..SESSIONS {
            let cookie = driver.cookie_from("/login").await;
            driver.cookies.push(cookie);
        }
        driver.large = driver.cookie_from("/fill-large").await;
        driver
    }

    async fn cookie_from(&mut self, path: &str) -> String {
        let response = self.send(path, None).await;
        let lines = response.headers().get_all(SET_COOKIE).iter();
        let pairs = lines.filter_map(|line| line.to_str().ok()?.split(';').next());
        pairs.collect::<Vec<_>>().join("; ")
    }

    async fn send(&mut self, path: &str, cookie: Option<&str>) -> Response<Body> {
        let request = Request::get(path).header(HOST, "shop.example.org");
        let request = cookie.into_iter().fold(request, |request, cookie| request.header(COOKIE, cookie));
        let request = request.body(Body::empty()).expect("a request");
        let response = self.router.call(request).await.expect("infallible");
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response
    }

    /// One request.
    pub async fn request(&mut self, route: Route, number: usize) {
        let cookie = match route {
            Route::LoginNew => None,
            Route::ReadLarge => Some(self.large.clone()),
            _ => self.cookies.get(number % SESSIONS).cloned(),
        };
        self.send(route.path(), cookie.as_deref()).await;
    }

    /// Checks that what is measured is what it seems to be.
    pub async fn check(&mut self) {
        let cookie = self.cookies[0].clone();
        let large = self.large.clone();
        assert_eq!(text(self.send("/read", Some(&cookie)).await).await, "ada");
        assert_eq!(text(self.send("/read-large", Some(&large)).await).await, "ada");
        let count = text(self.send("/count", Some(&cookie)).await).await;
        assert_eq!(
            text(self.send("/count", Some(&cookie)).await).await,
            format!("{}", count.parse::<u32>().unwrap() + 1)
        );
    }
}

async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// The value of each key of a large session but the last, which is a short one.
pub fn large_value() -> String {
    "x".repeat(1_030)
}
