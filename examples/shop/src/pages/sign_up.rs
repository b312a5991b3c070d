//! Signing up.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use dancecard::axum::Session;
use maud::{Markup, html};
use serde::Deserialize;

use crate::app::Shop;
use crate::flash;
use crate::pages::failure::PageError;
use crate::pages::form;
use crate::pages::layout::page;
use crate::visitor::{self, Visitor};

/// What the form sends. It has no `Debug`: a password must not get into a log.
#[derive(Deserialize)]
pub(crate) struct Wish {
    name: String,
    password: String,
}

/// `GET /sign-up`
pub(crate) async fn show(session: Session) -> Result<Markup, PageError> {
    Ok(filled_in("", None, &Visitor::of(&session).await?))
}

/// `POST /sign-up`: a new user is signed in at once.
pub(crate) async fn sign_up(
    State(shop): State<Shop>,
    session: Session,
    Form(wish): Form<Wish>,
) -> Result<Response, PageError> {
    let name = wish.name.trim();
    if let Some(fault) = fault(name, &wish.password) {
        return refused(name, fault, &session).await;
    }
    let Some(user) = shop.users.add(name.to_owned(), wish.password).await? else {
        return refused(name, "That name is taken.", &session).await;
    };
    session.sign_in(user.id)?;
    visitor::set_name(&session, &user.name)?;
    flash::leave(&session, format!("Welcome, {}.", user.name))?;
    Ok(Redirect::to("/").into_response())
}

fn fault(name: &str, password: &str) -> Option<&'static str> {
    match name.chars().count() {
        1..=40 => form::password_fault(password),
        _ => Some("The name needs one to forty characters."),
    }
}

async fn refused(name: &str, fault: &str, session: &Session) -> Result<Response, PageError> {
    let visitor = Visitor::of(session).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, filled_in(name, Some(fault), &visitor)).into_response())
}

fn filled_in(name: &str, fault: Option<&str>, visitor: &Visitor) -> Markup {
    let main = html! {
        h1 { "Sign up" }
        form.card method="post" action="/sign-up" {
            (form::fault(fault))
            (form::name(name))
            (form::new_password("password", "Password"))
            button { "Sign up" }
        }
        p.aside { "Known here already? " a href="/sign-in" { "Sign in" } "." }
    };
    page("Sign up", visitor, main)
}
