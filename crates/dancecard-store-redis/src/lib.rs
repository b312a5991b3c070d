#![doc = include_str!("../docs.md")]

mod address;
mod backend;
mod capabilities;
mod cluster;
mod config;
mod dial;
mod error;
mod form;
mod keys;
mod link;
mod listing;
mod lives;
mod near;
mod scripts;
mod sentinel;
mod servers;
mod socket;
mod tls;
mod versions;
mod wire;
mod write;

pub use backend::RedisStore;
pub use config::{Config, Topology};
