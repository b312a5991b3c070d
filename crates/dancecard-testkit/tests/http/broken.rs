//! Adapters that each get one thing wrong.

use dancecard_core::{IdGenerator, Result, Session, SessionId};
use dancecard_http::{Exchange, SessionHttp, status_of};
use dancecard_testkit::http::{Adapter, Body, Closed, Rest, Sessions, Site};
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};

/// What an adapter gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Nothing: the control.
    Nothing,
    CommitsAfterTheHead,
    SendsTheCookieTwice,
    ForgetsVary,
    ForgetsNoStore,
    StoresOnServerErrors,
    DropsDestroyOnServerErrors,
    AdoptsClientIds,
    DecodesCookieNames,
    TrustsTheFirstCookie,
    RemovesWithoutAttributes,
    CommitsTwice,
    ReadsEagerly,
    GivesEveryoneASession,
    SwallowsFailures,
    ForgetsWhatWasSaved,
    ShowsTokens,
    AddsAHeader,
    OverlooksProxies,
    OutlivesTheClient,
}

/// A function around the handler, with one fault. It mounts one layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Broken(pub(crate) Wrong);

impl Adapter for Broken {
    type Server = Site;

    fn start(&self, site: Site) -> Site {
        site
    }

    async fn send(
        &self,
        site: &Site,
        request: Request<Vec<u8>>,
    ) -> std::result::Result<Response<Rest>, Closed> {
        let (wrong, site) = (self.0, site.clone());
        if wrong == Wrong::OutlivesTheClient {
            return tokio::spawn(serve(wrong, site, request)).await.map(boxed).map_err(|_| Closed);
        }
        Ok(boxed(serve(wrong, site, request).await))
    }
}

fn boxed(response: Response<Body>) -> Response<Rest> {
    response.map(|body| Box::pin(body) as Rest)
}

async fn serve(wrong: Wrong, site: Site, mut request: Request<Vec<u8>>) -> Response<Body> {
    let Some(layer) = site.layers().last() else { return Response::new(Body::text("")) };
    let shown = request.headers().get(COOKIE).cloned();
    tamper_request(wrong, request.headers_mut());
    let http =
        if wrong == Wrong::AdoptsClientIds { adopting(layer.http(), &request) } else { layer.http().clone() };
    let exchange = http.begin(request.headers());
    before(wrong, exchange.session()).await;
    let response = site.respond(request.uri(), Sessions::one(exchange.session().clone())).await;
    let mut response = finish(wrong, exchange, response).await;
    tamper_response(wrong, &mut response);
    match shown.filter(|_| wrong == Wrong::ShowsTokens) {
        Some(cookie) => response.map(|_| Body::text(cookie.as_bytes())),
        None => response,
    }
}

async fn before(wrong: Wrong, session: &Session) {
    // Where the engine is down it is the handler that will meet the failure.
    let _ = match wrong {
        Wrong::ReadsEagerly => session.load().await.map(drop),
        Wrong::GivesEveryoneASession => session.set("seen", true),
        _ => Ok(()),
    };
}

async fn finish(wrong: Wrong, exchange: Exchange, mut response: Response<Body>) -> Response<Body> {
    let status = response.status().as_u16();
    let status = match wrong {
        Wrong::CommitsAfterTheHead => return later(exchange, response),
        Wrong::DropsDestroyOnServerErrors if status >= 500 => return response,
        Wrong::StoresOnServerErrors => 200,
        _ => status,
    };
    if wrong == Wrong::CommitsTwice && exchange.session().was_used() {
        // Its own failure is left to the second one.
        let _ = exchange.session().save().await;
    }
    match exchange.finish(status, response.headers_mut()).await {
        Ok(()) => response,
        Err(_) if wrong == Wrong::SwallowsFailures => response,
        Err(error) => {
            let status = status_of(&error);
            response = Response::new(Body::text(""));
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
            if wrong != Wrong::ForgetsWhatWasSaved {
                exchange.fail(status, response.headers_mut());
            }
            response
        }
    }
}

fn later(exchange: Exchange, response: Response<Body>) -> Response<Body> {
    let status = response.status().as_u16();
    response.map(|body| {
        Body::later(async move {
            // The header lines go nowhere.
            let _ = exchange.finish(status, &mut HeaderMap::new()).await;
            body.await
        })
    })
}

fn tamper_request(wrong: Wrong, headers: &mut HeaderMap) {
    match wrong {
        Wrong::DecodesCookieNames => edit(headers, |line| line.replace("%5f", "_").replace("%5F", "_")),
        Wrong::TrustsTheFirstCookie => {
            edit(headers, |line| line.split("; ").next().unwrap_or_default().into())
        }
        Wrong::OverlooksProxies => {
            for name in ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via"] {
                headers.remove(name);
            }
        }
        _ => {}
    }
}

fn edit(headers: &mut HeaderMap, change: impl Fn(&str) -> String) {
    if let Some(line) = headers.get_mut(COOKIE) {
        let changed = change(&String::from_utf8_lossy(line.as_bytes()));
        *line = HeaderValue::try_from(changed).unwrap_or_else(|_| line.clone());
    }
}

fn tamper_response(wrong: Wrong, response: &mut Response<Body>) {
    let headers = response.headers_mut();
    match (wrong, headers.get(SET_COOKIE).cloned()) {
        (Wrong::SendsTheCookieTwice, Some(line)) => drop(headers.append(SET_COOKIE, line)),
        (Wrong::ForgetsVary, _) => drop(headers.remove(VARY)),
        (Wrong::ForgetsNoStore, Some(_)) => drop(headers.remove(CACHE_CONTROL)),
        (Wrong::RemovesWithoutAttributes, Some(line)) => {
            let line = String::from_utf8_lossy(line.as_bytes()).into_owned();
            if let Some((name, _)) = line.split_once("=;") {
                let bare = HeaderValue::try_from(format!("{name}=; Max-Age=0"));
                bare.into_iter().for_each(|bare| drop(headers.insert(SET_COOKIE, bare)));
            }
        }
        (Wrong::AddsAHeader, _) => drop(headers.insert("x-powered-by", HeaderValue::from_static("sessions"))),
        _ => {}
    }
}

/// A manager whose next id is the one that the client brought.
fn adopting(http: &SessionHttp, request: &Request<Vec<u8>>) -> SessionHttp {
    let cookie = request.headers().get(COOKIE).and_then(|line| line.to_str().ok()).unwrap_or_default();
    let token = cookie.split_once("__Host-session=").map(|(_, token)| token.as_bytes());
    match token.and_then(SessionId::parse) {
        Some(id) => SessionHttp::new(http.manager().clone().with_ids(Given(id))),
        None => http.clone(),
    }
}

#[derive(Debug)]
struct Given(SessionId);

impl IdGenerator for Given {
    fn generate(&self) -> Result<SessionId> {
        Ok(self.0.clone())
    }
}
