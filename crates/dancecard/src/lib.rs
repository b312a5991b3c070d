#![cfg_attr(feature = "axum", doc = include_str!("../../../README.md"))]
#![cfg_attr(
    not(feature = "axum"),
    doc = "Web sessions for Rust. The front page is compiled with the feature `axum`."
)]

#[doc(inline)]
pub use dancecard_core::*;

/// Sessions over HTTP, without a framework.
#[doc(inline)]
pub use dancecard_http as http;

/// The tower layer, for every framework built on tower.
#[cfg(feature = "tower")]
#[doc(inline)]
pub use dancecard_tower as tower;

/// The layer and the extractors for axum.
#[cfg(feature = "axum")]
pub mod axum {
    pub use dancecard_http::{CookieConfig, CookieLifetime, HeaderConfig, SameSite, Security, Transport};
    pub use dancecard_tower::*;
}

/// Other forms of the data than JSON: MessagePack, YAML, compressed, encrypted.
#[cfg(feature = "codec")]
#[doc(inline)]
pub use dancecard_codec as codec;

#[cfg(feature = "config")]
pub mod config;

/// Observers for `tracing` and `metrics`.
#[cfg(any(feature = "tracing", feature = "metrics"))]
#[doc(inline)]
pub use dancecard_observe as observe;

/// The engine whose sessions lie sealed in the browser's cookie.
#[cfg(feature = "cookie")]
#[doc(inline)]
pub use dancecard_store_cookie as cookie;

/// The engine on a folder of files.
#[cfg(feature = "file")]
#[doc(inline)]
pub use dancecard_store_file as file;

/// The Memcached engine.
#[cfg(feature = "memcached")]
#[doc(inline)]
pub use dancecard_store_memcached as memcached;

/// The MongoDB engine.
#[cfg(feature = "mongodb")]
#[doc(inline)]
pub use dancecard_store_mongodb as mongodb;

/// The MySQL and MariaDB engine.
#[cfg(feature = "mysql")]
#[doc(inline)]
pub use dancecard_store_mysql as mysql;

/// The engine on object stores: S3, Azure, Google Cloud Storage, and what else OpenDAL speaks to.
#[cfg(feature = "object")]
#[doc(inline)]
pub use dancecard_store_object as object;

/// The PostgreSQL engine.
#[cfg(feature = "postgres")]
#[doc(inline)]
pub use dancecard_store_postgres as postgres;

/// The Redis engine.
#[cfg(feature = "redis")]
#[doc(inline)]
pub use dancecard_store_redis as redis;

/// Keys, and authenticated encryption under them.
#[cfg(any(feature = "codec", feature = "cookie"))]
#[doc(inline)]
pub use dancecard_seal as seal;

/// The SQLite engine.
#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use dancecard_store_sqlite as sqlite;

pub mod guide;
