//! What the engine can do, as data.

use dancecard_core::{Capabilities, Store, Support};

/// With a registry, what the registry can do; without one, what can be done with a cookie alone.
pub(crate) fn capabilities(registry: Option<&impl Store>) -> Capabilities {
    match registry {
        Some(registry) => registry.capabilities(),
        None => Capabilities::new().with_touch(Support::Native).with_client_keeps(true),
    }
}
