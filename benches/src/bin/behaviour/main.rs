//! `behaviour`: what this library and others do where sessions go wrong: the same questions in process, stores in memory, with
//! the moments of two requests held fast by a gate. Fails when an answer of this library is not the one that it promises.

mod axum_session;
mod dancecard;
mod gate;
mod questions;
mod tower_sessions;

use std::process::ExitCode;

use dancecard_benches::measure::runtime;

use crate::questions::{Answers, QUESTIONS, Subject, ask};

fn main() -> ExitCode {
    let (ours, tower, axum) = runtime().block_on(async {
        let axum =
            ask(Subject { made_up: axum_session::MADE_UP, router: axum_session::router().await }).await;
        let tower = ask(Subject { made_up: tower_sessions::MADE_UP, router: tower_sessions::router() }).await;
        (ask(Subject { made_up: dancecard::MADE_UP, router: dancecard::router() }).await, tower, axum)
    });
    print(&ours, &tower, &axum);
    ExitCode::from(u8::from(ours != Answers::PROMISED))
}

fn print(ours: &Answers, tower: &Answers, axum: &Answers) {
    println!("| | dancecard | tower-sessions 0.15 | axum_session 0.22 |\n|---|---|---|---|");
    for (question, of) in QUESTIONS {
        let [ours, tower, axum] = [ours, tower, axum].map(|answers| if of(answers) { "yes" } else { "no" });
        println!("| {question} | {ours} | {tower} | {axum} |");
    }
}
