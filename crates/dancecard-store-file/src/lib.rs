#![doc = include_str!("../docs.md")]

mod backend;
mod bytes;
mod capabilities;
mod change;
mod config;
mod disk;
mod document;
mod error;
mod fault;
mod folder;
mod format;
mod index;
#[cfg(test)]
mod journal;
mod listing;
mod lock;
mod moment;
mod name;
mod node;
#[cfg(test)]
mod power;
mod readers;
mod spread;
mod stamp;
mod writers;

pub use backend::FileStore;
pub use config::{Config, Synchronous};
pub use format::Format;
