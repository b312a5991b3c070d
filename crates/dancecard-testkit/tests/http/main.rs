//! The HTTP suite on no framework at all, and what the suite promises about itself.

mod broken;
mod mutation;
mod strictness;

use dancecard_testkit::http::{Plain, trials};
use dancecard_testkit::store::run;

fn main() {
    let mut all = trials("plain", Plain);
    all.extend(mutation::trials());
    all.extend(strictness::trials());
    run(all)
}
