//! Sessions as a [tower] layer, for every framework built on it; with the feature `axum`, extractors too.
//!
//! ```
//! use axum::{Router, routing::get};
//! use dancecard_core::{MemoryStore, SessionManager};
//! use dancecard_tower::{Session, SessionError, SessionLayer};
//!
//! async fn count(session: Session) -> Result<String, SessionError> {
//!     session.update("visits", |count: &mut u32| *count += 1)?;
//!     Ok(format!("visit {}", session.get::<u32>("visits").await?.unwrap_or_default()))
//! }
//!
//! let layer = SessionLayer::new(SessionManager::new(MemoryStore::new()));
//! let app: Router = Router::new().route("/", get(count)).layer(layer);
//! ```
//!
//! The session is stored after the handler returned and before the head of the response is sent. What runs later, a
//! streaming body or an upgraded connection, holds a [`LiveSession`](dancecard_core::LiveSession); see the guide on
//! streaming.
//!
//! [tower]: https://docs.rs/tower

mod failure;
mod future;
mod layer;
mod service;

#[cfg(feature = "axum")]
mod extract;
#[cfg(feature = "tokio")]
mod live;

#[cfg(feature = "axum")]
pub use extract::{Loaded, MissingLayer, Session, SessionError, SignedIn};
pub use failure::{EmptyResponse, FailureResponse, SessionFailure};
pub use future::ResponseFuture;
pub use layer::SessionLayer;
#[cfg(feature = "tokio")]
pub use live::{Sweeper, ended};
pub use service::{SessionService, Slot};
