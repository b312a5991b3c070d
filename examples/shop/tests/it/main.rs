//! The shop without a browser: its pages called in process, its server and its program over real sockets.

mod accounts;
mod cart;
mod client;
mod devices;
mod failure;
mod forgery;
mod lasting;
mod opened;
mod pages;
mod program;
mod server;
