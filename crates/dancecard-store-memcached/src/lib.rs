#![doc = include_str!("../docs.md")]

mod address;
mod backend;
mod capabilities;
mod command;
mod config;
mod connection;
mod driver;
mod error;
mod greeting;
mod incoming;
mod item;
mod reply;
mod ring;
mod server;
mod stream;

pub use backend::MemcachedStore;
pub use config::Config;
