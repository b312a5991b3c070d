//! The keys of the Dancer frameworks that are about sessions, whatever the engine.

use dancecard_core::{Result, nearest};

use crate::entry::Entry;
use crate::merged::Merged;

/// Those of Dancer 2, in the section of every engine.
pub(crate) const GENERAL: &[&str] = &[
    "cookie_name",
    "cookie_domain",
    "cookie_path",
    "cookie_duration",
    "session_duration",
    "cookie_same_site",
    "is_secure",
    "is_http_only",
];

/// Those of Dancer 1, at the top. All begin alike.
const FLAT: &[&str] = &[
    "name",
    "expires",
    "domain",
    "secure",
    "is_http_only",
    "same_site",
    "dir",
    "cookie_key",
    "cookie_path",
    "options",
];
const FLAT_PREFIX: &str = "session_";
/// Those of Dancer 1's engines.
const ENGINES: &[&str] = &[
    "memcached_servers",
    "mongodb_host",
    "mongodb_session_db",
    "mongodb_session_coll",
    "kiokudb_backend",
    "kiokudb_backend_opts",
    "redis_session",
];

/// All that stand at the top.
pub(crate) fn flat() -> impl Iterator<Item = String> {
    let engines = ENGINES.iter().map(|name| (*name).to_owned());
    FLAT.iter().map(|name| format!("{FLAT_PREFIX}{name}")).chain(engines)
}

pub(crate) fn is_flat(name: &str) -> bool {
    flat().any(|known| known == name)
}

/// Refuses what is nearly one of the keys at the top. Everything else there is the application's.
pub(crate) fn check_flat(merged: &Merged) -> Result<()> {
    merged.within("").iter().try_for_each(check)
}

fn check(entry: &Entry) -> Result<()> {
    let Some(rest) = entry.name().strip_prefix(FLAT_PREFIX) else { return Ok(()) };
    match nearest(rest, FLAT) {
        Some(near) if near != rest => {
            Err(entry.refuse(&format!("there is no such key; did you mean `{FLAT_PREFIX}{near}`?")))
        }
        _ => Ok(()),
    }
}
