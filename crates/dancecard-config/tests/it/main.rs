//! Configurations as people write them, and what comes of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod dancer;
mod durations;
mod elsewhere;
mod engines;
mod faults;
mod files;
mod hostile;
mod layout;
mod over;
#[cfg(feature = "codec")]
mod plain;
mod printed;
mod sections;
mod toy;
mod used;
