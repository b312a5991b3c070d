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
            (stop("/devices", "Your devices", "Every browser in which you are signed in, and a way to end each."))
            (stop("/password", "A new password", "Everyone who got in with the old one is out."))
            (stop("/slow", "A slow request", "Signing out wins, whatever is still under way."))
            (stop("/live", "A live connection", "It learns that its session has ended."))
        }
        p { "This page itself reads no session and sends no cookie." }
    };
    plain("About", main)
}

fn stop(path: &str, name: &str, about: &str) -> Markup {
    html! { li { a href=(path) { (name) } (about) } }
}
