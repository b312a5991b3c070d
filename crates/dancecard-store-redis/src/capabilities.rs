//! What the engine can do, as data.

use dancecard_core::{Capabilities, Support};

use crate::config::Config;

pub(crate) fn capabilities(config: &Config) -> Capabilities {
    // The two records of a replacement are in two slots, and a script can't be in two places.
    let replace = if config.is_cluster() { Support::Emulated } else { Support::Native };
    Capabilities::new()
        .with_conditional_write(Support::Native)
        .with_replace(replace)
        .with_touch(Support::Native)
        .with_list(Support::Native)
        .with_principal_index(Support::Native)
        .with_native_expiry(true)
        .with_durable(config.durable)
        .with_shared(true)
        .with_max_payload(Some(config.max_payload))
}
