//! The cart: a page to look at it, and the two ways to change it.

use axum::Form;
use axum::response::Redirect;
use dancecard::axum::Session;
use maud::{Markup, html};
use serde::Deserialize;

use crate::cart::{self, Cart};
use crate::flash;
use crate::pages::failure::PageError;
use crate::pages::layout::page;
use crate::products::{self, Product, price};
use crate::visitor::Visitor;

/// Which product is meant.
#[derive(Deserialize)]
pub(crate) struct Choice {
    product: String,
}

/// `POST /cart/add`: nothing is read here. The change is recorded, and made on what is stored when the response is
/// ready; if another tab stores something in between, it is made again on top of that.
pub(crate) async fn add(session: Session, Form(choice): Form<Choice>) -> Result<Redirect, PageError> {
    if let Some(product) = products::find(&choice.product) {
        cart::of(&session).update(|cart| cart.add(product.id))?;
        flash::leave(&session, format!("{}: in your cart.", product.name))?;
    }
    Ok(Redirect::to("/"))
}

/// `POST /cart/remove`
pub(crate) async fn remove(session: Session, Form(choice): Form<Choice>) -> Result<Redirect, PageError> {
    if let Some(product) = products::find(&choice.product) {
        cart::of(&session).update(|cart| cart.remove(product.id))?;
        flash::leave(&session, format!("{}: taken out.", product.name))?;
    }
    Ok(Redirect::to("/cart"))
}

/// `GET /cart`
pub(crate) async fn show(session: Session) -> Result<Markup, PageError> {
    let visitor = Visitor::of(&session).await?;
    let cart = cart::of(&session).get().await?;
    let main = html! {
        h1 { "Your cart" }
        @if cart.count() == 0 { p { "There is nothing in it yet. " a href="/" { "Look around" } "." } }
        @else { (lines(&cart)) }
    };
    Ok(page("Cart", &visitor, main))
}

fn lines(cart: &Cart) -> Markup {
    html! {
        table.cart {
            thead { tr { th scope="col" { "Product" } th.number scope="col" { "Number" }
                th.number scope="col" { "Price" } td {} } }
            tbody { @for (product, quantity) in cart.lines() { (line(product, quantity)) } }
            tfoot { tr { th scope="row" colspan="2" { "Together" } td.number { (price(cart.total())) } td {} } }
        }
    }
}

fn line(product: &Product, quantity: u32) -> Markup {
    html! {
        tr {
            th scope="row" { (product.name) }
            td.number { (quantity) }
            td.number { (price(product.cents * quantity)) }
            td.action {
                form method="post" action="/cart/remove" {
                    button.quiet name="product" value=(product.id) {
                        "Remove" span.unseen { " " (product.name) }
                    }
                }
            }
        }
    }
}
