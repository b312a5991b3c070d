//! The keys of the Dancer frameworks that are about sessions, whatever the engine.

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
