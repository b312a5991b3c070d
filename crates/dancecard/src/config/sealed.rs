//! The engine in the browser's cookie, with the engine that keeps its facts.

use dancecard_config::{Engines, Given};
use dancecard_core::{EngineUrl, Result, SharedStore};
use serde::{Deserialize, Serialize};

use crate::cookie::{Config, CookieStore};

const DANCER: &[&str] = &["secret_key", "default_duration", "with_request_address"];

/// What the section can hold.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sealed {
    #[serde(skip_serializing)]
    keys: Vec<String>,
    application: String,
    registry: Option<String>,
}

pub(super) fn add(engines: &mut Engines) {
    engines.register("cookie", &[], open).with_url(&["cookie"], from_url).with_foreign(DANCER, dancer);
}

fn open(sealed: Sealed) -> Result<SharedStore> {
    let store = CookieStore::connect(&Config::new(sealed.keys).with_application(&sealed.application))?;
    Ok(match sealed.registry {
        Some(registry) => SharedStore::new(store.with_registry(super::engines().open(&registry)?)),
        None => SharedStore::new(store),
    })
}

fn from_url(url: &str) -> Result<Sealed> {
    let parsed = EngineUrl::parse("cookie", url)?;
    let mut sealed = Sealed::default();
    let mut config = Config::default();
    for setting in parsed.settings() {
        match setting.name() {
            "registry" => sealed.registry = Some(setting.text().to_owned()),
            _ => config.set(&setting)?,
        }
    }
    Ok(Sealed { keys: config.keys, application: config.application, ..sealed })
}

/// Dancer's secrets were pass phrases; ours have to be random, or are refused.
fn dancer(given: &mut Given) -> Result<()> {
    if let Some(entry) = given.take("default_duration") {
        return Err(entry.refuse("is `session.absolute` here: set that instead"));
    }
    if let Some(entry) = given.take("with_request_address").filter(|entry| entry.switch().unwrap_or(true)) {
        return Err(entry.refuse("has no counterpart: addresses change while people move; remove it"));
    }
    given.rename("secret_key", "keys")?;
    match given.flat("session_cookie_key") {
        Some(key) if given.get("keys").is_none() => given.put("keys", key),
        _ => Ok(()),
    }
}
