//! `routes drive SUBJECT ROUTE REQUESTS` is what callgrind watches; `routes` alone prints the table.

use dancecard_benches::measure::{allocations, drive, has_valgrind, median_instructions, nanoseconds};
use dancecard_benches::routes::Route;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "drive", name, route, requests] => {
            drive(name, Route::parse(route).expect("a route"), requests.parse().expect("a number"));
        }
        [own, ..] => table(own),
        [] => unreachable!("a program has a name"),
    }
}

fn table(own: &str) {
    let subjects: &[&str] = if cfg!(feature = "peers") {
        &["dancecard", "tower-sessions", "axum_session"]
    } else {
        &["dancecard"]
    };
    println!("| route | library | allocations | instructions | ns |\n|---|---|---:|---:|---:|");
    for route in Route::ALL {
        let base = cost(own, "bare", route.bare());
        println!("| {:?} | bare {:?} | {} | {} | {} |", route, route.bare(), base[0], base[1], base[2]);
        for name in subjects {
            let [a, i, n] = cost(own, name, route);
            println!("| {route:?} | {name} | +{} | +{} | +{} |", a - base[0], i - base[1], n - base[2]);
        }
    }
}

fn cost(own: &str, name: &str, route: Route) -> [i64; 3] {
    let counter = std::path::Path::new(own).with_file_name("allocations");
    let allocations = allocations(&counter.to_string_lossy(), name, route);
    let instructions = if has_valgrind() { median_instructions(own, name, route) } else { 0 };
    [allocations as i64, instructions as i64, nanoseconds(name, route, 5) as i64]
}
