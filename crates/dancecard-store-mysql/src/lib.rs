#![doc = include_str!("../docs.md")]

mod address;
mod backend;
mod capabilities;
mod config;
mod connect;
mod connections;
mod error;
mod lent;
mod link;
mod listing;
mod readiness;
mod row;
mod schema;
mod server;
mod statements;
mod tls;
mod versions;

pub use backend::MysqlStore;
pub use config::Config;
