#![doc = include_str!("../docs.md")]

mod backend;
mod capabilities;
mod client;
mod conditions;
mod config;
mod dangling;
mod error;
mod index;
mod listing;
mod name;
mod object;
mod opening;
mod options;
mod pages;
mod purging;
mod service;
mod task;
mod version;

pub use backend::ObjectStore;
pub use config::Config;
