//! `allocations SUBJECT ROUTE`: allocations of one request, when everything is warm. The smallest of several, since
//! tables grow now and then.

use dancecard_benches::measure::{driver, runtime};
use dancecard_benches::routes::Route;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, route] = &words[..] else { panic!("say what to measure: SUBJECT ROUTE") };
    let route = Route::parse(route).expect("a route");
    let runtime = runtime();
    let mut driver = runtime.block_on(driver(name));
    let mut one =
        |number| allocation_counter::measure(|| runtime.block_on(driver.request(route, number))).count_total;
    (0..100).map(&mut one).max();
    println!("{}", (0..32).map(&mut one).min().expect("some requests"));
}
