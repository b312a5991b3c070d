//! Parts of forms.

use maud::{Markup, html};

/// A name, as browsers and password managers know it.
pub(crate) fn name(value: &str) -> Markup {
    html! {
        label for="name" { "Name" }
        input #name name="name" value=(value) required maxlength="40" autocomplete="username"
            autocapitalize="none" spellcheck="false";
    }
}

/// The password of someone who is known already.
pub(crate) fn password(field: &str, label: &str) -> Markup {
    html! {
        label for=(field) { (label) }
        input id=(field) name=(field) type="password" required autocomplete="current-password";
    }
}

/// A password that is being chosen.
pub(crate) fn new_password(field: &str, label: &str) -> Markup {
    html! {
        label for=(field) { (label) }
        input id=(field) name=(field) type="password" required minlength="8" autocomplete="new-password"
            aria-describedby="password-rule";
        p.hint #password-rule { "At least eight characters; a short sentence does well." }
    }
}

/// What was wrong with what was sent.
pub(crate) fn fault(sentence: Option<&str>) -> Markup {
    html! { @if let Some(sentence) = sentence { p.fault role="alert" { (sentence) } } }
}

/// What is wrong with a password that is being chosen, if anything is. Browsers check it too, but needn't.
pub(crate) fn password_fault(password: &str) -> Option<&'static str> {
    (password.chars().count() < 8).then_some("The password needs at least eight characters.")
}
