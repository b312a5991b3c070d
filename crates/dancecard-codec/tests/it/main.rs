//! What the codecs promise, through the public interface.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

mod fixtures;
mod hostile;
mod hostile_json;
mod layers;
mod migration;
mod values;
