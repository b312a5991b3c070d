//! Signing in and out.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use dancecard::ErrorKind;
use dancecard::axum::Session;
use maud::{Markup, html};
use serde::Deserialize;

use crate::app::Shop;
use crate::flash;
use crate::pages::failure::PageError;
use crate::pages::form;
use crate::pages::layout::{page, plain};
use crate::sessions::REMEMBERED;
use crate::users::User;
use crate::visitor::{self, Visitor};

/// What the form sends. It has no `Debug`: a password must not get into a log.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    name: String,
    password: String,
    remember: Option<String>,
}

/// `GET /sign-in`
pub(crate) async fn show(session: Session) -> Result<Markup, PageError> {
    Ok(filled_in("", None, &Visitor::of(&session).await?))
}

/// `POST /sign-in`: binds the session to the user, under a new id. What was in the cart stays in it.
///
/// A shop that is open to the world also limits how often someone may try.
pub(crate) async fn sign_in(
    State(shop): State<Shop>,
    session: Session,
    Form(given): Form<Credentials>,
) -> Result<Response, PageError> {
    let Some(user) = checked(&shop, &session, given.name.trim(), given.password).await? else {
        return refused(&given.name, &session).await;
    };
    session.sign_in(user.id.as_str())?;
    if given.remember.is_some() {
        session.set_lifetime(REMEMBERED)?;
    }
    visitor::set_name(&session, &user.name)?;
    flash::leave(&session, format!("Good to see you, {}.", user.name))?;
    match session.save().await {
        Err(error) if error.kind() == ErrorKind::Ended => refused(&given.name, &session).await,
        saved => saved.map(|()| Redirect::to("/").into_response()).map_err(PageError::from),
    }
}

/// The user with this name and password.
///
/// The sign-in is announced before the password is looked up. A change of password ends all other sessions after it has
/// set the new one: so either the new password is seen here, or the sign-in with the old one is undone when it is stored.
async fn checked(
    shop: &Shop,
    session: &Session,
    name: &str,
    password: String,
) -> Result<Option<User>, PageError> {
    // An unknown name is announced as well, so that it takes as long.
    let id = shop.users.id_of(name.to_owned()).await?.unwrap_or_default();
    session.begin_sign_in(id).await?;
    Ok(shop.users.find(name.to_owned(), password).await?)
}

/// The same answer for a wrong name and for a wrong password.
async fn refused(name: &str, session: &Session) -> Result<Response, PageError> {
    let visitor = Visitor::of(session).await?;
    let page = filled_in(name, Some("Name and password don't go together."), &visitor);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// `POST /sign-out`: ends the session whatever other requests are doing to it, and removes the cookie.
pub(crate) async fn sign_out(session: Session) -> Result<Redirect, PageError> {
    session.destroy()?;
    Ok(Redirect::to("/signed-out"))
}

/// `GET /signed-out`: says so without a flash, which would take a session again.
pub(crate) async fn signed_out() -> Markup {
    let main = html! {
        h1 { "You are signed out" }
        p { "Your cart is empty again, and this browser holds no cookie of ours." }
        p { a href="/sign-in" { "Sign in again" } " or " a href="/" { "look around" } "." }
    };
    plain("Signed out", main)
}

fn filled_in(name: &str, fault: Option<&str>, visitor: &Visitor) -> Markup {
    let main = html! {
        h1 { "Sign in" }
        form.card method="post" action="/sign-in" {
            (form::fault(fault))
            (form::name(name))
            (form::password("password", "Password"))
            label.check {
                input type="checkbox" name="remember";
                span { "Stay signed in for 30 days, or until this browser is closed" }
            }
            button { "Sign in" }
        }
        p.aside { "New here? " a href="/sign-up" { "Sign up" } "." }
    };
    page("Sign in", visitor, main)
}
