//! tower alone: the layer around a service that is neither `Send` nor fallible nor part of a framework.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use dancecard_testkit::http::{Adapter, Body, Closed, Kind, Layer, Rest, Sessions, Site};
use dancecard_tower::{SessionLayer, Slot};
use http::{Request, Response};
use tower_layer::Layer as _;
use tower_service::Service;

use crate::in_axum::Second;

pub(crate) struct Tower;

impl Adapter for Tower {
    type Server = Local;

    fn start(&self, site: Site) -> Local {
        let handler = site.clone();
        let handled = Local(Rc::new(move |request| Box::pin(handle(handler.clone(), request))));
        site.layers().iter().rev().fold(handled, mount)
    }

    async fn send(&self, server: &Local, request: Request<Vec<u8>>) -> Result<Response<Rest>, Closed> {
        let response = server.clone().call(request).await.map_err(|never| match never {})?;
        Ok(response.map(|body| Box::pin(body) as Rest))
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>>>>;

/// Any service, on this thread.
#[derive(Clone)]
pub(crate) struct Local(Rc<dyn Fn(Request<Vec<u8>>) -> Answer>);

impl Service<Request<Vec<u8>>> for Local {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Vec<u8>>) -> Answer {
        (self.0)(request)
    }
}

fn mount(inner: Local, layer: &Layer) -> Local {
    let sessions = SessionLayer::over(layer.http().clone());
    match layer.kind() {
        Kind::Main => local(sessions.layer(inner)),
        Kind::Second => local(sessions.named::<Second>().layer(inner)),
    }
}

fn local<S>(service: S) -> Local
where
    S: Service<Request<Vec<u8>>, Response = Response<Body>, Error = Infallible> + Clone + 'static,
    S::Future: 'static,
{
    Local(Rc::new(move |request| Box::pin(service.clone().call(request))))
}

async fn handle(site: Site, request: Request<Vec<u8>>) -> Result<Response<Body>, Infallible> {
    let second = request.extensions().get::<Slot<Second>>().map(|slot| slot.session().clone());
    let Some(main) = request.extensions().get::<Slot>() else {
        return Ok(Response::new(Body::text("no session layer")));
    };
    Ok(site.respond(request.uri(), Sessions::new(main.session().clone(), second)).await)
}
