//! The engine in the browser's cookie, with the engine that keeps its facts.

use dancecard_config::{Engines, Given};
use dancecard_core::{Error, ErrorKind, Result, SharedStore, Store};

use crate::cookie::{Config, CookieStore};

/// Chooses the engine that keeps the facts.
const REGISTRY: &str = "registry";
const DANCER: &[&str] = &["secret_key", "default_duration", "with_request_address"];

pub(super) fn add(engines: &mut Engines) {
    engines
        .register_over("cookie", &[], REGISTRY, open)
        .with_url(&["cookie"], Config::from_url)
        .with_foreign(DANCER, dancer);
}

fn open(config: Config, registry: Option<SharedStore>) -> Result<SharedStore> {
    let store = CookieStore::connect(&config)?;
    match registry {
        Some(registry) if registry.client_side().is_some() => Err(carried(&store)),
        Some(registry) => Ok(SharedStore::new(store.with_registry(registry))),
        None => Ok(SharedStore::new(store)),
    }
}

fn carried(store: &CookieStore) -> Error {
    let remedy =
        "registry must keep its records on a server: those that the client carries can't be held against it";
    Error::new(ErrorKind::Config, "configure").with_engine(store.engine()).with_detail(remedy)
}

/// Dancer's secrets were pass phrases; ours have to be random, or are refused. `default_duration` is a limit of the
/// session, and read with those.
fn dancer(given: &mut Given) -> Result<()> {
    given.take("default_duration");
    if let Some(entry) = given.take("with_request_address")
        && entry.switch()?
    {
        return Err(entry.refuse("has no counterpart: addresses change while people move; remove it"));
    }
    given.rename("secret_key", "keys")?;
    match given.flat("session_cookie_key") {
        Some(key) if given.get("keys").is_none() && given.is_by_name() => given.put("keys", key),
        _ => Ok(()),
    }
}
