//! A browser's manners without a browser: it keeps one cookie, and says where its forms come from.

use anyhow::{Result, ensure};
use axum::body::{Body, to_bytes};
use axum::http::header::{COOKIE, HOST, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::IntoResponse;
use axum::{Form, Router};
use parking_lot::Mutex;
use tower::ServiceExt;

pub(crate) const PASSWORD: &str = "may I have this dance";

/// Calls the pages, as someone from afar does over an encrypted connection.
pub(crate) struct Client {
    router: Router,
    cookie: Mutex<Option<String>>,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Client {
    pub(crate) fn new(router: Router) -> Self {
        Self { router, cookie: Mutex::default() }
    }

    /// The cookie as it would be sent.
    pub(crate) fn cookie(&self) -> Option<String> {
        self.cookie.lock().clone()
    }

    /// Someone else with this cookie.
    pub(crate) fn with_cookie(self, cookie: Option<String>) -> Self {
        *self.cookie.lock() = cookie;
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Reply> {
        self.send(Method::GET, path, HeaderMap::new(), Body::empty()).await
    }

    /// Sends a form of one of the shop's own pages.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Reply> {
        let own = HeaderMap::from_iter([("sec-fetch-site".parse()?, "same-origin".parse()?)]);
        self.post_with(path, own, form).await
    }

    /// Sends a form with other headers.
    pub(crate) async fn post_with(
        &self,
        path: &str,
        mut headers: HeaderMap,
        form: &[(&str, &str)],
    ) -> Result<Reply> {
        // A form has the same shape in both directions.
        let (parts, body) = Form(form).into_response().into_parts();
        headers.extend(parts.headers);
        self.send(Method::POST, path, headers, body).await
    }

    pub(crate) async fn sign_up(&self, name: &str) -> Result<()> {
        self.enter("/sign-up", name).await
    }

    pub(crate) async fn sign_in(&self, name: &str) -> Result<()> {
        self.enter("/sign-in", name).await
    }

    async fn enter(&self, path: &str, name: &str) -> Result<()> {
        let reply = self.post(path, &[("name", name), ("password", PASSWORD)]).await?;
        ensure!(reply.leads_to("/"), "{path} answers {}", reply.status);
        Ok(())
    }

    async fn send(&self, method: Method, path: &str, headers: HeaderMap, body: Body) -> Result<Reply> {
        let mut request =
            Request::builder().method(method).uri(path).header(HOST, "shop.example").body(body)?;
        request.headers_mut().extend(headers);
        if let Some(cookie) = self.cookie() {
            request.headers_mut().insert(COOKIE, cookie.parse()?);
        }
        let (parts, body) = self.router.clone().oneshot(request).await?.into_parts();
        self.keep(&parts.headers)?;
        let text = String::from_utf8(to_bytes(body, 1 << 20).await?.into())?;
        Ok(Reply { status: parts.status, headers: parts.headers, text })
    }

    fn keep(&self, headers: &HeaderMap) -> Result<()> {
        if let Some(line) = headers.get(SET_COOKIE) {
            let line = line.to_str()?;
            let pair = line.split(';').next().map(str::to_owned);
            *self.cookie.lock() = pair.filter(|_| !line.contains("Max-Age=0"));
        }
        Ok(())
    }
}

impl Reply {
    /// Whether it sends the browser to another page.
    pub(crate) fn leads_to(&self, path: &str) -> bool {
        self.status == StatusCode::SEE_OTHER && self.headers.get(LOCATION).is_some_and(|to| to == path)
    }

    /// The header line of this name, if there is exactly one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.get_all(name).iter();
        let line = lines.next()?.to_str().ok();
        line.filter(|_| lines.next().is_none())
    }

    /// Whether the page has it.
    pub(crate) fn shows(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}
