//! The HTTP suite on no framework at all.

use dancecard_testkit::http::{Plain, trials};
use dancecard_testkit::store::run;

fn main() {
    run(trials("plain", Plain))
}
