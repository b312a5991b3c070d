//! What the engine can do, as data.

use dancecard_core::{Capabilities, Support};

use crate::config::Config;
use crate::driver::Deployment;

/// Before the servers were asked, what the configuration says about them counts.
pub(crate) fn capabilities(config: &Config, deployment: Option<Deployment>) -> Capabilities {
    let transactions = deployment.map_or(config.names_a_replica_set(), |deployment| deployment.transactions);
    let replace = if config.transactions && transactions { Support::Native } else { Support::Emulated };
    Capabilities::new()
        .with_conditional_write(Support::Native)
        .with_replace(replace)
        .with_touch(Support::Native)
        .with_list(Support::Native)
        .with_principal_index(Support::Native)
        .with_native_expiry(true)
        .with_durable(true)
        .with_shared(true)
        .with_max_payload(Some(config.max_payload))
}
