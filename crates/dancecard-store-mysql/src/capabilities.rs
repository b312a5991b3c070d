//! What the engine can do, as data.

use dancecard_core::{Capabilities, Support};

use crate::config::Config;

pub(crate) fn capabilities(config: &Config) -> Capabilities {
    Capabilities::new()
        .with_conditional_write(Support::Native)
        .with_replace(Support::Native)
        .with_touch(Support::Native)
        .with_list(Support::Native)
        .with_principal_index(Support::Native)
        .with_durable(true)
        .with_shared(true)
        .with_max_payload(Some(config.max_payload))
}
