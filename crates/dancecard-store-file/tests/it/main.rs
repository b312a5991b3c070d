//! The engine as its users meet it: what it keeps, what it refuses, and what survives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod clients;
mod config;
mod crash;
mod editing;
mod faults;
mod files;
mod fixture;
mod interleave;
mod listing;
mod processes;
