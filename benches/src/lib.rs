//! What a session costs: the same routes around every library, called in process.
//!
//! - `cargo test --release` checks this library against its bars (allocations exactly, instructions by callgrind).
//! - `cargo run --release --features peers --bin routes` prints the table with the peers beside it.
//! - `cargo run --release --features peers --bin behaviour` asks all of them what they do where sessions go wrong.
//! - `cargo run --release --features sqlite --bin sqlite` compares the SQLite engines.
//! - `cargo run --release --features postgres --bin postgres` compares the PostgreSQL engines.
//! - `cargo run --release --features memory --bin memory` prints the memory per session.

pub mod beside;
pub mod load;
pub mod measure;
pub mod ours;
#[cfg(feature = "peers")]
pub mod peers;
pub mod profile;
pub mod repeatable;
pub mod routes;
