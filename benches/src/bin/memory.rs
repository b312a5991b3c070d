//! `memory`: bytes of resident memory per session of a kilobyte, memory engine, at three sizes of the table. Each size is
//! measured in a process of its own.

use std::process::Command;

use dancecard_benches::measure::runtime;
use dancecard_benches::profile::PROFILE;
use dancecard_core::{MemoryStore, SessionManager};

const SIZES: [usize; 3] = [115_500, 130_000, 200_000];

fn main() {
    match std::env::args().nth(1) {
        Some(size) => println!("{}", fill(size.parse().expect("a number"))),
        None => table(),
    }
}

fn table() {
    println!("| sessions | bytes per session |\n|---:|---:|");
    let own = std::env::current_exe().expect("a path");
    for size in SIZES {
        let output = Command::new(&own).arg(size.to_string()).output().expect("the program runs");
        println!("| {size} | {} |", String::from_utf8_lossy(&output.stdout).trim());
    }
}

/// Stores so many sessions through the session API, as sign-ins of visitors would.
fn fill(size: usize) -> u64 {
    let manager = SessionManager::new(MemoryStore::new());
    let before = resident();
    runtime().block_on(async {
        for _ in 0..size {
            let session = manager.open([]);
            session.set("user", "ada").expect("text");
            session.set("profile", &*PROFILE).expect("a profile");
            manager.commit(&session).await.expect("stored");
        }
    });
    (resident() - before) / size as u64
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim_end_matches("kB").trim().parse::<u64>().expect("a number") * 1024
}
