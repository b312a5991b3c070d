#![doc = include_str!("../docs.md")]

mod backend;
mod capabilities;
mod change;
mod config;
mod error;
mod listing;
mod migrate;
mod open;
#[cfg(test)]
mod query_plan;
mod readers;
mod row;
mod versions;
mod writer;

pub use backend::SqliteStore;
pub use config::{Config, Synchronous};
