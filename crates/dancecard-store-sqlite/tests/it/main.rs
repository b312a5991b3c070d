//! The engine as its users meet it: what it keeps, what it refuses, and what survives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod concurrency;
mod config;
mod contract;
mod crash;
mod faults;
mod files;
mod fixture;
mod interleave;
mod layout;
mod listing;
mod migration;
