#![doc = include_str!("../docs.md")]

mod codec;
mod configuration;
mod cookie;
mod dancer;
mod de;
mod duration;
mod engines;
mod entry;
mod fault;
mod fields;
mod given;
mod lifetime;
mod limits;
mod line;
mod loader;
mod mask;
mod merged;
mod misspelt;
mod node;
mod opener;
mod place;
mod places;
mod reader;
mod settings;
mod toml;
mod unconfigured;
mod variables;
mod yaml;

pub use configuration::Config;
pub use duration::parse_duration;
pub use engines::{Engines, Registration};
pub use entry::Entry;
pub use given::Given;
pub use loader::Loader;
pub use place::Place;
