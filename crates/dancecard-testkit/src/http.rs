//! The HTTP suite: the definition of an adapter, as scripts of requests and responses.
//!
//! An adapter connects [`SessionHttp`](dancecard_http::SessionHttp) to one framework. Its author implements
//! [`Adapter`]: an application with one catch-all route, whose handler the suite brings along ([`Site::respond`]), and
//! a way to send it a request. [`trials`] then runs every script of the suite against it, each as a test of its own
//! named `adapter::area::script`.
//!
//! ```
//! use dancecard_testkit::http::{self, Adapter, Closed, Rest, Sessions, Site};
//! use ::http::{Request, Response};
//!
//! /// "The framework": a function around the handler.
//! struct Mine;
//!
//! impl Adapter for Mine {
//!     type Server = Site;
//!
//!     fn start(&self, site: Site) -> Site {
//!         site
//!     }
//!
//!     async fn send(&self, site: &Site, request: Request<Vec<u8>>) -> Result<Response<Rest>, Closed> {
//!         let Some(layer) = site.layers().last() else { return Err(Closed) };
//!         let exchange = layer.http().begin(request.headers());
//!         let sessions = Sessions::one(exchange.session().clone());
//!         let mut response = site.respond(request.uri(), sessions).await;
//!         let status = response.status().as_u16();
//!         if let Err(error) = exchange.finish(status, response.headers_mut()).await {
//!             let status = dancecard_http::status_of(&error);
//!             response = Response::new(http::Body::text(""));
//!             *response.status_mut() = status.try_into().map_err(|_| Closed)?;
//!             exchange.fail(status, response.headers_mut());
//!         }
//!         Ok(response.map(|body| Box::pin(body) as Rest))
//!     }
//! }
//!
//! // A test binary with `harness = false` in Cargo.toml has this as its `main`:
//! let trials = http::trials("mine", Mine);
//! assert!(trials.iter().any(|trial| trial.name() == "mine::visitor::nothing_stored"));
//! # // dancecard_testkit::store::run(trials)
//! ```
//!
//! # What a script looks like
//!
//! ```text
//! # A visitor who stores something gets one cookie; the next request reads it.
//! A: POST /theme?set=theme:dark
//! < 200
//! < Set-Cookie: __Host-session={T}; Path=/; HttpOnly; Secure; SameSite=Lax
//! < Vary: Cookie
//! < Cache-Control: no-store
//! = 1 write
//!
//! A: GET /theme?get=theme
//! < 200 dark
//! < private
//! = 1 load
//! ```
//!
//! `A` is a browser, with a cookie jar that follows RFC 6265bis. The query says what the handler does, in order; `>`
//! lines add to the request, `<` lines say what comes back: status and body, then *every* header line, except those
//! that frameworks send with any response. `=` lines count what was asked of the engine until the head was there, `+`
//! lines what was asked while the body was sent. [`check`] runs a script of your own; all that a script may hold is
//! listed below.
//!
//! On every response of every script hold, besides: one `Set-Cookie` per name at most, none that a browser would
//! refuse, each with `no-store`, and no token anywhere else.
//!
#![doc = include_str!("http/language.md")]

mod answer;
mod body;
mod browser;
mod cookie;
mod expect;
mod gates;
mod harness;
mod parse;
mod plain;
mod rules;
mod runner;
mod script;
mod scripts;
mod setup;
mod site;
mod tokens;
mod visit;
mod watched;
mod world;

use std::future::Future;
use std::pin::Pin;

use http::{Request, Response};

pub use body::Body;
pub use harness::{check, scripts, trials};
pub use plain::Plain;
pub use site::{Kind, Layer, Sessions, Site};

/// What is left of a response after its head: resolves to the whole body.
pub type Rest = Pin<Box<dyn Future<Output = Vec<u8>>>>;

/// The connection ended without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// A framework with sessions, as the suite sees it.
pub trait Adapter: Send + Sync + 'static {
    /// The application that [`Adapter::start`] makes.
    type Server;

    /// Makes an application in which every path and method leads to [`Site::respond`], with the [`Site::layers`]
    /// mounted around it, the first one outermost. Called within a tokio runtime of one thread.
    fn start(&self, site: Site) -> Self::Server;

    /// Sends a request. Resolves when the head of the response is there; the body is to be asked for its first byte
    /// only when [`Rest`] is polled.
    ///
    /// Dropping the future stands for a client that hangs up. A handler that panics may panic here, or be
    /// [`Closed`], or be answered with 500.
    ///
    /// # Errors
    /// [`Closed`] when there is no response.
    fn send(
        &self,
        server: &Self::Server,
        request: Request<Vec<u8>>,
    ) -> impl Future<Output = Result<Response<Rest>, Closed>>;

    /// Header fields, in lower case, that the framework adds to responses by itself, beyond `content-type`,
    /// `content-length`, `transfer-encoding`, `connection` and `date`.
    fn own_headers(&self) -> &'static [&'static str] {
        &[]
    }
}
