//! What the documents say, compared with the code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(all(
    feature = "config",
    feature = "cookie",
    feature = "file",
    feature = "memcached",
    feature = "mysql",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
mod config;
mod enveloped;
mod hooks;
mod randomness;
#[cfg(feature = "sqlite")]
mod rotation;
mod spec;
#[cfg(feature = "sqlite")]
mod stolen;
#[cfg(all(
    feature = "cookie",
    feature = "file",
    feature = "memcached",
    feature = "mongodb",
    feature = "mysql",
    feature = "object",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
mod tables;
