//! Changing the password.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use dancecard::Session;
use dancecard::axum::SignedIn;
use maud::{Markup, html};
use serde::Deserialize;

use crate::app::Shop;
use crate::flash;
use crate::limits::Limits;
use crate::pages::failure::PageError;
use crate::pages::form;
use crate::pages::layout::page;
use crate::visitor::Visitor;

/// What the form sends. It has no `Debug`: a password must not get into a log.
#[derive(Deserialize)]
pub(crate) struct Change {
    old: String,
    new: String,
}

/// `GET /password`
pub(crate) async fn show(State(shop): State<Shop>, signed_in: SignedIn) -> Result<Markup, PageError> {
    Ok(filled_in(None, &Visitor::of(&signed_in.session).await?, &shop.limits))
}

/// `POST /password`: once the new one holds, whoever got in with the old one is signed out, where the engine finds them,
/// and this session gets a new id.
pub(crate) async fn change(
    State(shop): State<Shop>,
    signed_in: SignedIn,
    Form(change): Form<Change>,
) -> Result<Response, PageError> {
    let SignedIn { principal, session, .. } = signed_in;
    if let Some(fault) = form::password_fault(&change.new) {
        return refused(fault, &session, &shop.limits).await;
    }
    let id = principal.as_str().to_owned();
    if !shop.users.change_password(id, change.old, change.new).await? {
        return refused("That is not your present password.", &session, &shop.limits).await;
    }
    let others = match shop.limits.no_list() {
        Some(limit) => limit,
        None => session.sign_out_others().await.map(|_| "All other devices are signed out.".to_owned())?,
    };
    session.cycle_id()?;
    flash::leave(&session, format!("Your password is changed. {others}"))?;
    Ok(Redirect::to("/devices").into_response())
}

async fn refused(fault: &str, session: &Session, limits: &Limits) -> Result<Response, PageError> {
    let visitor = Visitor::of(session).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, filled_in(Some(fault), &visitor, limits)).into_response())
}

fn filled_in(fault: Option<&str>, visitor: &Visitor, limits: &Limits) -> Markup {
    let others = limits.no_list().unwrap_or_else(|| "All other devices will be signed out.".to_owned());
    let main = html! {
        h1 { "Change your password" }
        form.card method="post" action="/password" {
            (form::fault(fault))
            (form::password("old", "Present password"))
            (form::new_password("new", "New password"))
            button { "Change it" }
        }
        p.aside { (others) }
    };
    page("Change your password", visitor, main)
}
