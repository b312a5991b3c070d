//! The least that is an adapter: a function.

use dancecard_http::{Exchange, status_of};
use http::{Request, Response, StatusCode};

use super::body::Body;
use super::site::{Kind, Layer, Sessions, Site};
use super::{Adapter, Closed, Rest};

/// No framework at all: `begin` and `finish` around the handler. The suite runs on it in this crate's own tests, and
/// it is the shortest example of an adapter that mounts several layers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Adapter for Plain {
    type Server = Site;

    fn start(&self, site: Site) -> Site {
        site
    }

    async fn send(&self, site: &Site, request: Request<Vec<u8>>) -> Result<Response<Rest>, Closed> {
        let exchanges = begin(site.layers(), &request);
        let main = session(&exchanges, Kind::Main).ok_or(Closed)?;
        let sessions = Sessions::new(main, session(&exchanges, Kind::Second));
        let mut response = site.respond(request.uri(), sessions).await;
        for (_, exchange) in exchanges.iter().rev() {
            response = finish(exchange, response).await;
        }
        Ok(response.map(|body| Box::pin(body) as Rest))
    }
}

/// A layer that is mounted twice leaves everything to the outer one.
fn begin(layers: &[Layer], request: &Request<Vec<u8>>) -> Vec<(Kind, Exchange)> {
    let mut exchanges: Vec<(Kind, Exchange)> = Vec::new();
    for layer in layers {
        let mounted = |(kind, exchange): &(Kind, Exchange)| {
            *kind == layer.kind() && exchange.session().manager().is_same_as(layer.http().manager())
        };
        if !exchanges.iter().any(mounted) {
            exchanges.push((layer.kind(), layer.http().begin(request.headers())));
        }
    }
    exchanges
}

fn session(exchanges: &[(Kind, Exchange)], kind: Kind) -> Option<dancecard_core::Session> {
    let innermost = exchanges.iter().rev().find(|(other, _)| *other == kind);
    innermost.map(|(_, exchange)| exchange.session().clone())
}

async fn finish(exchange: &Exchange, mut response: Response<Body>) -> Response<Body> {
    let status = response.status().as_u16();
    match exchange.finish(status, response.headers_mut()).await {
        Ok(()) => response,
        Err(error) => {
            let mut replacement = Response::new(Body::text(""));
            let status = status_of(&error);
            *replacement.status_mut() =
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            exchange.fail(status, replacement.headers_mut());
            replacement
        }
    }
}
