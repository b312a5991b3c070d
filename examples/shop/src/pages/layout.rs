//! What all pages have in common.

use maud::{DOCTYPE, Markup, html};

use crate::visitor::Visitor;

const SHOP: &str = "Card & Slipper";

/// A page that knows its visitor.
pub(crate) fn page(title: &str, visitor: &Visitor, main: Markup) -> Markup {
    document(title, html! { (places(title, visitor)) (account(title, visitor)) }, main_with(visitor, main))
}

/// A page that is the same for everyone: it neither reads nor changes the session.
pub(crate) fn plain(title: &str, main: Markup) -> Markup {
    let ways = html! { ul { (entry("/", "Shop", title)) (entry("/about", "About", title)) } };
    document(title, ways, main)
}

fn document(title: &str, ways: Markup, main: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body {
                a.skip href="#main" { "Skip to the content" }
                header { a.brand href="/" { (SHOP) } nav aria-label="Main" { (ways) } }
                main #main { (main) }
                footer { p { "An example of dancecard. Nothing here is for sale." } }
            }
        }
    }
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · " (SHOP) }
            link rel="stylesheet" href="/assets/style.css";
            link rel="icon" type="image/svg+xml" href="/assets/icon.svg";
        }
    }
}

fn main_with(visitor: &Visitor, main: Markup) -> Markup {
    html! {
        @if let Some(sentence) = &visitor.flash { p.flash role="status" { (sentence) } }
        (main)
    }
}

fn places(title: &str, visitor: &Visitor) -> Markup {
    html! {
        ul {
            (entry("/", "Shop", title))
            li { a href="/cart" aria-current=[current("Cart", title)] { "Cart " (items(visitor.items)) } }
            (entry("/about", "About", title))
        }
    }
}

fn items(count: u32) -> Markup {
    let unit = if count == 1 { "item" } else { "items" };
    html! { @if count > 0 { span.count { span.unseen { "with " } (count) span.unseen { " " (unit) } } } }
}

fn account(title: &str, visitor: &Visitor) -> Markup {
    match &visitor.name {
        Some(name) => of_member(title, name),
        None => html! { ul { (entry("/sign-in", "Sign in", title)) (entry("/sign-up", "Sign up", title)) } },
    }
}

fn of_member(title: &str, name: &str) -> Markup {
    html! {
        ul {
            li { a href="/devices" aria-current=[current("Your devices", title)] { (name) } }
            li { form method="post" action="/sign-out" { button.quiet { "Sign out" } } }
        }
    }
}

fn entry(path: &str, label: &str, title: &str) -> Markup {
    html! { li { a href=(path) aria-current=[current(label, title)] { (label) } } }
}

fn current(label: &str, title: &str) -> Option<&'static str> {
    (label == title).then_some("page")
}
