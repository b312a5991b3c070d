//! The shop in a real browser: headless Chromium, moved through its driver.
//!
//! Each flow has a shop of its own on a free port, with files of its own, and browsers with profiles of their own.
//! Nothing sleeps: flows wait until the page shows something, or until the shop in this process has reached some point.
//! Without the browser each flow shows as ignored, with the reason, unless `DANCECARD_TEST_REQUIRE` names `browser`.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use dancecard_testkit::require;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::house::House;
use crate::stage::{Flow, Stage};

mod accounts;
mod browser;
mod cart;
mod cookies;
mod devices;
mod driver;
mod forgery;
mod house;
mod lasting;
mod stage;

fn main() -> io::Result<ExitCode> {
    // The driver's client has none of its own when the engine on object stores is built with it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let house = Arc::new(House::new()?);
    let trials = flows().into_iter().map(|(name, flow)| trial(&house, name, flow)).collect();
    // It waits for all flows; the house closes afterwards, and its driver ends with it.
    Ok(libtest_mimic::run(&Arguments::from_args(), trials).exit_code())
}

macro_rules! flows {
    ($($module:ident::$name:ident,)*) => {
        vec![$((concat!(stringify!($module), "::", stringify!($name)), flow($module::$name)),)*]
    };
}

fn flows() -> Vec<(&'static str, Flow)> {
    flows![
        accounts::signing_up_and_in,
        accounts::a_flash_is_shown_once,
        accounts::signing_out,
        accounts::going_back_after_signing_out_shows_nothing_private,
        accounts::a_new_password_ends_the_other_browser,
        cart::two_tabs_at_once_lose_nothing,
        cart::many_requests_at_once_lose_nothing,
        cookies::by_default_on_loopback,
        cookies::strict_on_loopback,
        cookies::a_visitor_who_stores_nothing_gets_none,
        cookies::a_page_without_session_asks_for_nothing,
        devices::ending_the_other_one,
        devices::ending_all_others,
        forgery::a_form_of_another_origin_is_refused,
        lasting::signing_out_during_a_slow_request,
        lasting::a_live_page_learns_of_the_end,
    ]
}

fn flow<F>(run: fn(Stage) -> F) -> Flow
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    Box::new(move |stage| Box::pin(run(stage)))
}

fn trial(house: &Arc<House>, name: &'static str, flow: Flow) -> Trial {
    let house = house.clone();
    Trial::ignorable_test(name, move || match house.missing() {
        Some(missing) if require::is_required("browser") => Err(Failed::from(missing)),
        Some(missing) => Ok(Completion::ignored_with(missing)),
        None => house.play(flow).map(|()| Completion::Completed).map_err(|error| format!("{error:?}").into()),
    })
}
