//! The bars of this library in process, memory engine, added to the bare router. Allocations are exact; instructions
//! are callgrind's: those of one build are the same in each run, and those of two differ by a few hundred.

use dancecard_benches::beside::{Aims, missed};
use dancecard_benches::load::Row;
use dancecard_benches::measure::{allocations, driver, has_valgrind, instructions, runtime};
use dancecard_benches::routes::Route;

const COUNTER: &str = env!("CARGO_BIN_EXE_allocations");

/// Route, exact allocations, bar of allocations, bar of instructions. What each takes now is in `docs/benchmarks.md`.
const BARS: [(Route, u64, u64, u64); 5] = [
    (Route::Plain, 7, 7, 3_300),
    (Route::Read, 7, 9, 10_500),
    (Route::Count, 12, 15, 15_500),
    (Route::LoginAgain, 11, 18, 30_000),
    (Route::LoginNew, 14, 21, 33_500),
];

/// What `bin sqlite` and `bin postgres` fail by.
#[test]
fn a_comparison_that_falls_short_says_so() {
    let rows = |read: f64, count: f64, rate: f64, failed: u64| {
        let row = |path: &str, cpu| Row { name: "one".into(), path: path.into(), rate, cpu, failed };
        [row("/read", read), row("/count", count)]
    };
    let aims = Aims { writes: Some(10.0), cpu: 3.0 };
    let ours = rows(1.0, 1.0, 100.0, 0);
    for (peer, expected) in [
        (rows(3.0, 3.0, 10.0, 5), 0),
        (rows(2.9, 3.0, 10.0, 0), 1),
        (rows(3.0, 2.9, 10.0, 0), 1),
        (rows(3.0, 3.0, 10.1, 0), 1),
        (rows(f64::NAN, f64::NAN, 0.0, 0), 2),
    ] {
        assert_eq!(missed(&aims, &ours, &peer).len(), expected, "{peer:?}");
    }
    let free = Aims { writes: None, cpu: 3.0 };
    assert_eq!(missed(&free, &ours, &rows(3.0, 3.0, 99.0, 0)), [""; 0], "a server sets the pace");
    assert_eq!(missed(&aims, &ours, &[]), [""; 0], "nothing to compare with");
    assert_eq!(missed(&aims, &rows(1.0, 1.0, 100.0, 1), &[]).len(), 1, "a request of ours failed");
}

#[test]
fn the_routes_do_what_they_say() {
    runtime().block_on(async { driver("dancecard").await.check().await });
}

#[test]
fn allocations_are_as_stated() {
    for (route, exact, bar, _) in BARS {
        let added = allocations(COUNTER, "dancecard", route) - allocations(COUNTER, "bare", route.bare());
        println!("{route:?}: {added} allocations");
        assert_eq!(added, exact, "{route:?}");
        assert!(added <= bar, "{route:?}: {added}, where {bar} are allowed");
    }
}

/// The meter itself; on an engine that answers at once it costs no box either.
#[test]
fn metering_allocates_nothing() {
    for (route, ..) in BARS {
        let [plain, metered] = ["dancecard", "metered"].map(|name| allocations(COUNTER, name, route));
        assert_eq!(metered, plain, "{route:?}");
    }
}

/// A record that is kept is shared, not copied: the one allocation more is the call's, as with any engine but memory.
#[test]
fn a_cached_read_copies_nothing() {
    for route in [Route::Read, Route::ReadLarge] {
        let [plain, cached] = ["dancecard", "cached"].map(|name| allocations(COUNTER, name, route));
        assert_eq!(cached, plain + 1, "{route:?}");
    }
}

#[test]
fn a_large_session_is_read_with_as_many_allocations_as_a_small_one() {
    assert_eq!(
        allocations(COUNTER, "dancecard", Route::ReadLarge),
        allocations(COUNTER, "dancecard", Route::Read)
    );
}

#[test]
fn instructions_stay_below_their_bars() {
    let required = std::env::var("DANCECARD_TEST_REQUIRE").is_ok_and(|names| names.contains("valgrind"));
    if !has_valgrind() {
        assert!(!required, "valgrind is required here, and not installed");
        println!("skipped: valgrind is not installed");
        return;
    }
    if cfg!(debug_assertions) {
        assert!(!required, "run with --release");
        return;
    }
    let own = env!("CARGO_BIN_EXE_routes");
    let [plain, read_only] = [Route::Plain, Route::Read].map(|route| instructions(own, "bare", route));
    let bare = |route: Route| if route.bare() == Route::Plain { plain } else { read_only };
    let (mut read, mut too_many) = (0, Vec::new());
    for (route, _, _, bar) in BARS {
        let added = instructions(own, "dancecard", route) - bare(route);
        println!("{route:?}: {added} instructions, bar {bar}");
        too_many.extend((added > bar).then(|| format!("{route:?}: {added}, where {bar} are allowed")));
        read = if route == Route::Read { added } else { read };
    }
    for (name, route) in [("metered", Route::Read), ("metered", Route::Count), ("cached", Route::Read)] {
        let added = instructions(own, name, route) - bare(route);
        println!("{name} {route:?}: {added} instructions");
    }
    let large = instructions(own, "dancecard", Route::ReadLarge) - bare(Route::Read);
    println!("ReadLarge: {large} instructions");
    assert!(too_many.is_empty(), "{too_many:?}");
    assert!(large <= read + 1_000, "{large}, where {read} + 1000 are allowed");
}
