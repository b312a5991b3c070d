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

/// Observers for `tracing` and `metrics`.
#[cfg(any(feature = "tracing", feature = "metrics"))]
#[doc(inline)]
pub use dancecard_observe as observe;

/// The SQLite engine.
#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use dancecard_store_sqlite as sqlite;

pub mod guide;
