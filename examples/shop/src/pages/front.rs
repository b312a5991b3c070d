//! The shop front.

use dancecard::axum::Session;
use maud::{Markup, html};

use crate::pages::failure::PageError;
use crate::pages::layout::page;
use crate::products::{self, Product, price};
use crate::visitor::Visitor;

/// `GET /`: reads the session, if there is one. A visitor who has stored nothing gets no cookie from it.
pub(crate) async fn show(session: Session) -> Result<Markup, PageError> {
    let visitor = Visitor::of(&session).await?;
    let main = html! {
        div.opening {
            h1 { "For an evening of dancing" }
            p { "Six things to bring to a ball, and not one more." }
        }
        ul.products { @for product in &products::ALL { li { (card(product)) } } }
    };
    Ok(page("Shop", &visitor, main))
}

fn card(product: &Product) -> Markup {
    let title = format!("product-{}", product.id);
    html! {
        article aria-labelledby=(title) {
            svg.art aria-hidden="true" viewBox="0 0 96 96" { use href={ "/assets/art.svg#" (product.id) } {} }
            h2 id=(title) { (product.name) }
            p { (product.about) }
            form.buy method="post" action="/cart/add" {
                span.price { (price(product.cents)) }
                button name="product" value=(product.id) {
                    "Add" span.unseen { " " (product.name) } " to cart"
                }
            }
        }
    }
}
