#![doc = include_str!("../docs.md")]

mod backend;
mod capabilities;
mod config;
mod error;
mod held;
mod listing;
mod request;
mod sealing;

pub use backend::CookieStore;
pub use config::Config;
