//! Two handles on one engine: as it is, and without its short way.

use std::sync::Arc;

use dancecard_core::Store;

/// The engine as it is.
#[derive(Debug)]
pub(super) struct AtOnce<S>(pub(super) Arc<S>);

/// The engine by its futures only.
#[derive(Debug)]
pub(super) struct Waiting<S>(pub(super) Arc<S>);

impl<S: Store> Store for AtOnce<S> {
    dancecard_core::forward!(0: engine, capabilities, is_usable, unsupported, immediate);
    dancecard_core::forward!(0: load, write, delete, replace, touch, list, purge_expired, health);
}

impl<S: Store> Store for Waiting<S> {
    dancecard_core::forward!(0: engine, capabilities, is_usable, unsupported);
    dancecard_core::forward!(0: load, write, delete, replace, touch, list, purge_expired, health);
}
