//! A slow request, to try what happens to it when the visitor signs out meanwhile.

use axum::extract::State;
use axum::response::Redirect;
use dancecard::axum::{Session, SignedIn};
use maud::{Markup, html};

use crate::app::Shop;
use crate::flash;
use crate::pages::failure::PageError;
use crate::pages::layout::page;
use crate::visitor::Visitor;

/// `GET /slow`
pub(crate) async fn show(State(shop): State<Shop>, session: Session) -> Result<Markup, PageError> {
    let visitor = Visitor::of(&session).await?;
    let main = html! {
        h1 { "A slow request" }
        p { "It reads your session, waits, and then writes to it. Whoever signs out meanwhile stays signed out: what \
            it writes is dropped." }
        ol.steps {
            li { "Let this tab wait." form method="post" action="/slow" { button { "Begin a slow request" } } }
            li { "Sign out, or don't, in another tab." }
            li {
                "There, on this page, let it go on."
                form method="post" action="/slow/finish" { button.quiet { "Let all of them finish" } }
            }
        }
        p { "Waiting now: " output { (shop.gate.waiting()) } }
    };
    Ok(page("A slow request", &visitor, main))
}

/// `POST /slow`: reads (the extractor does), waits, writes.
pub(crate) async fn wait(State(shop): State<Shop>, signed_in: SignedIn) -> Result<Redirect, PageError> {
    tokio::select! {
        () = shop.gate.pass() => {}
        () = shop.closing.begun() => {}
    }
    flash::leave(&signed_in.session, "The slow request is done, and you are still signed in.")?;
    Ok(Redirect::to("/slow"))
}

/// `POST /slow/finish`: lets all of them go on. It doesn't use the session, so that it works after signing out too.
pub(crate) async fn finish(State(shop): State<Shop>) -> Redirect {
    shop.gate.open();
    Redirect::to("/slow")
}
