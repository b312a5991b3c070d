#![doc = include_str!("../docs.md")]

mod backend;
mod capabilities;
mod commands;
mod concern;
mod config;
mod document;
mod driver;
mod error;
mod listing;
mod purge;
mod replace;
mod sent;
mod server;
mod uri;
mod versions;

pub use backend::MongodbStore;
pub use concern::{ParseConcernError, ReadConcern, WriteConcern};
pub use config::Config;
