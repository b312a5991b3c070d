//! What the engine can do, as data: what its service can, and what follows.

use dancecard_core::{Capabilities, Support};

use crate::client::Client;
use crate::conditions::Conditions;
use crate::config::Config;
use crate::service::Traits;

pub(crate) fn capabilities(client: &Client, traits: Traits, config: &Config) -> Capabilities {
    let conditional = match client.conditions() {
        Conditions::Tags | Conditions::Generations => Support::Native,
        Conditions::Alone => Support::Emulated,
        Conditions::Nobody { .. } => Support::None,
    };
    let replace = if conditional.is_supported() { Support::Emulated } else { Support::None };
    // A listing has only names: each object has to be read.
    let listing = if client.can_list() { Support::Emulated } else { Support::None };
    Capabilities::new()
        .with_conditional_write(conditional)
        .with_replace(replace)
        .with_list(listing)
        .with_principal_index(listing)
        .with_durable(traits.is_lasting)
        .with_shared(traits.is_lasting)
        .with_max_payload(Some(config.max_payload))
}
