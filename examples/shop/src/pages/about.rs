//! A page that has nothing to do with the session.

use maud::{Markup, html};

use crate::pages::layout::plain;

/// `GET /about`: takes no session, so the layer around it asks the engine for nothing and sends no cookie.
pub(crate) async fn show() -> Markup {
    let main = html! {
        h1 { "About this shop" }
        p { "It shows what a session is for. " a href="/sign-up" { "Sign up" } ", open the shop in two tabs, and fill \
            the cart from both at once." }
        ul.tour {
            li { a href="/devices" { "Your devices" } ": every browser in which you are signed in." }
            li { a href="/slow" { "A slow request" } ": signing out wins, whatever is under way." }
            li { a href="/live" { "A live connection" } ": it learns that you have signed out." }
            li { a href="/password" { "Change your password" } ": everyone else is out." }
        }
        p { "This page itself reads no session and sends no cookie." }
    };
    plain("About", main)
}
