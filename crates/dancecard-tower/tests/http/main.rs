//! The HTTP suite of the testkit: on axum, on a tower service without a framework, and over sockets.

mod in_axum;
mod in_tower;
mod over_sockets;

use dancecard_testkit::http::trials;
use dancecard_testkit::store::run;

fn main() {
    let mut all = trials("axum", in_axum::Axum);
    all.extend(trials("tower", in_tower::Tower));
    all.extend(over_sockets::trials());
    run(all)
}
