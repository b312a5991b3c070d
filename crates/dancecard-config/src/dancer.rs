//! The keys of the Dancer frameworks that are about sessions, whatever the engine.

use dancecard_core::Result;

use crate::fault::unknown;
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

/// The keys of Dancer 1's Redis.
const REDIS: &[&str] = &["server", "sock", "password", "database", "expire", "debug"];

/// Refuses what its Redis would not know in its table at the top, whichever engine is chosen.
pub(crate) fn check_redis(merged: &Merged) -> Result<()> {
    match merged.table("redis_session")?.iter().find(|entry| !REDIS.contains(&entry.name())) {
        Some(entry) => Err(entry.refuse(&unknown(entry.name(), REDIS))),
        None => Ok(()),
    }
}

/// All that stand at the top.
pub(crate) fn flat() -> impl Iterator<Item = String> {
    let engines = ENGINES.iter().map(|name| (*name).to_owned());
    FLAT.iter().map(|name| format!("{FLAT_PREFIX}{name}")).chain(engines)
}

pub(crate) fn is_flat(name: &str) -> bool {
    flat().any(|known| known == name)
}
