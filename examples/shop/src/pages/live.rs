//! A connection that lasts, and learns when its session has ended.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use dancecard::LiveSession;
use dancecard::axum::{SignedIn, ended};
use futures_util::{Stream, StreamExt, stream};
use maud::{Markup, html};

use crate::app::Shop;
use crate::pages::failure::PageError;
use crate::pages::layout::page;
use crate::visitor::Visitor;

/// `GET /live`: the page around the connection. Its script is in `assets/live.js`.
pub(crate) async fn show(signed_in: SignedIn) -> Result<Markup, PageError> {
    let visitor = Visitor::of(&signed_in.session).await?;
    let main = html! {
        h1 { "A live connection" }
        p { "This page holds a connection open. Sign out in another tab, or end this device from another browser, \
            and it will tell." }
        p.state #state role="status" data-state="connecting" { "Connecting" }
        noscript { p { "It takes a script of twenty lines, which this browser doesn't run." } }
        script src="/assets/live.js" defer {}
    };
    Ok(page("A live connection", &visitor, main))
}

/// `GET /live/events`: server-sent events. The response outlives the request's session, so it holds on to a
/// [`LiveSession`], which asks the engine from time to time.
pub(crate) async fn events(
    State(shop): State<Shop>,
    signed_in: SignedIn,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, PageError> {
    let live = signed_in.session.live()?;
    let hello = Event::default().event("hello").data("Connected, and signed in.");
    let events = stream::iter([hello]).chain(stream::once(goodbye(shop, live))).map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

async fn goodbye(shop: Shop, live: LiveSession) -> Event {
    tokio::select! {
        () = ended(&live, shop.live_every) => {
            Event::default().event("ended").data("Your session has ended. The connection is closed.")
        }
        () = shop.closing.begun() => Event::default().event("closing").data("The shop is closing."),
    }
}
