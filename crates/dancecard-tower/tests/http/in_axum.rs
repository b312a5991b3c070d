//! axum, with the layer and its extractors, without a socket.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use dancecard_testkit::http::{Adapter, Closed, Kind, Layer, Rest, Sessions, Site};
use dancecard_tower::{Session, SessionLayer};
use tower_service::Service;

/// Names the second kind of session.
pub(crate) struct Second;

pub(crate) struct Axum;

impl Adapter for Axum {
    type Server = Router;

    fn start(&self, site: Site) -> Router {
        router(site)
    }

    async fn send(
        &self,
        router: &Router,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Rest>, Closed> {
        let response = router.clone().call(request.map(Body::from)).await.map_err(|never| match never {})?;
        Ok(response.map(|body| Box::pin(whole(body)) as Rest))
    }
}

pub(crate) fn router(site: Site) -> Router {
    let handled = Router::new().fallback(handle).with_state(site.clone());
    site.layers().iter().rev().fold(handled, mount)
}

fn mount(router: Router, layer: &Layer) -> Router {
    let sessions = SessionLayer::over(layer.http().clone());
    match layer.kind() {
        Kind::Main => router.layer(sessions),
        Kind::Second => router.layer(sessions.named::<Second>()),
    }
}

async fn handle(
    State(site): State<Site>,
    main: Session,
    second: Option<Session<Second>>,
    request: Request,
) -> Response {
    let sessions = Sessions::new(main.into_inner(), second.map(Session::into_inner));
    site.respond(request.uri(), sessions).await.map(Body::from_stream)
}

async fn whole(body: Body) -> Vec<u8> {
    to_bytes(body, usize::MAX).await.map(Vec::from).unwrap_or_default()
}
