#![doc = include_str!("../docs.md")]

mod backend;
mod capabilities;
mod change;
mod config;
mod connect;
mod error;
mod listing;
mod moving;
mod place;
#[cfg(test)]
mod query_plan;
mod readers;
mod readiness;
mod row;
mod schema;
mod versions;
mod writer;

pub use backend::SqliteStore;
pub use config::{Config, Synchronous};
