//! Allocations, instructions, processor time.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use axum::Router;

use crate::routes::{Driver, Route};

/// What can be driven, by name.
pub async fn subject(name: &str) -> Router {
    match name {
        "bare" => crate::ours::bare(),
        "dancecard" => crate::ours::dancecard(),
        "metered" => crate::ours::metered(),
        "cached" => crate::ours::cached(),
        #[cfg(feature = "peers")]
        "tower-sessions" => crate::peers::tower_sessions(),
        #[cfg(feature = "peers")]
        "axum_session" => crate::peers::axum_session().await,
        other => panic!("there is no {other}"),
    }
}

/// A runtime on this thread alone.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// An application with its sessions filled; the bare one has none.
pub async fn driver(name: &str) -> Driver {
    match name {
        "bare" => Driver::bare(subject(name).await),
        _ => Driver::new(subject(name).await).await,
    }
}

/// Instructions of one request, by callgrind: the difference of a long and a short run of `binary`. The same in each run,
/// for what this library serves (see [`repeatable`](crate::repeatable)).
pub fn instructions(binary: &str, name: &str, route: Route) -> u64 {
    let (short, long) = (1_000, 3_000);
    let run = |requests: u64| {
        let valgrind = ["--tool=callgrind", "--callgrind-out-file=/dev/null", binary, "drive", name];
        let mut command = Command::new("valgrind");
        let output = printed(command.args(valgrind).args([format!("{route:?}"), requests.to_string()]));
        collected(&String::from_utf8_lossy(&output.stderr))
    };
    run(long).saturating_sub(run(short)) / (long - short)
}

/// The middle of five [`instructions`], for libraries whose ids and hash tables are other ones in each run.
pub fn median_instructions(binary: &str, name: &str, route: Route) -> u64 {
    let mut counts = [(); 5].map(|()| instructions(binary, name, route));
    counts.sort_unstable();
    counts[2]
}

/// Allocations of one request, as the program `allocations` counts them: it has an allocator of its own, which would
/// cost every other measurement something.
pub fn allocations(binary: &str, name: &str, route: Route) -> u64 {
    let output = printed(Command::new(binary).args([name, &format!("{route:?}")]));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

fn printed(command: &mut Command) -> Output {
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn collected(report: &str) -> u64 {
    let line = report.lines().find_map(|line| line.split("Collected :").nth(1));
    line.and_then(|count| count.trim().parse().ok()).expect("callgrind's count")
}

/// Sends so many requests.
pub fn drive(name: &str, route: Route, requests: usize) {
    let runtime = runtime();
    runtime.block_on(async {
        let mut driver = driver(name).await;
        for number in 0..requests {
            driver.request(route, number).await;
        }
    });
}

/// Time of one request in nanoseconds, on a thread that does nothing else: the smallest of the rounds.
pub fn nanoseconds(name: &str, route: Route, rounds: usize) -> u128 {
    let runtime = runtime();
    let mut driver = runtime.block_on(driver(name));
    let requests = 20_000;
    let mut round = || -> Duration {
        let start = Instant::now();
        runtime.block_on(async {
            for number in 0..requests {
                driver.request(route, number).await
            }
        });
        start.elapsed()
    };
    (0..rounds).map(|_| round()).min().expect("some rounds").as_nanos() / requests as u128
}

/// Whether callgrind can be asked here.
pub fn has_valgrind() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}
