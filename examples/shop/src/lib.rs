//! A shop in which people sign in, fill a cart from several tabs at once, and see and end their sessions.
//!
//! The `README.md` beside it says which file shows what. Start with `sessions.rs`, then `pages/sign_in.rs`.

mod app;
mod arguments;
mod cart;
mod closing;
mod config;
mod flash;
mod forgery;
mod gate;
mod headers;
mod limits;
mod pages;
mod passwords;
mod products;
mod server;
mod sessions;
mod users;
mod visitor;

pub use app::Shop;
pub use arguments::{Arguments, USAGE};
pub use config::Config;
pub use gate::Gate;
pub use limits::Limits;
pub use server::Server;
