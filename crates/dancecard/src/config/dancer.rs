//! What Dancer's engines call their settings, and what ours call them.

use dancecard_config::{Entry, Given};
use dancecard_core::Result;

pub(super) const FILE: &[&str] = &["session_dir"];
/// The engines that KiokuDB's backends are here.
pub(super) const KIOKUDB_ENGINES: &[&str] = &["memory", "file", "sqlite", "postgres", "mysql", "object"];
pub(super) const KIOKUDB: &[&str] = &["kiokudb_backend", "kiokudb_backend_opts"];
#[cfg(feature = "memcached")]
pub(super) const MEMCACHED: &[&str] = &["memcached_servers", "fatal_cluster_unreachable"];
#[cfg(feature = "redis")]
pub(super) const REDIS: &[&str] = &[
    "redis_server",
    "redis_sock",
    "redis_password",
    "redis_key",
    "redis_name",
    "redis_reconnect",
    "redis_every",
    "redis_serialization",
];

/// `session_dir`, in the section or at the top.
pub(super) fn file(given: &mut Given) -> Result<()> {
    given.rename("session_dir", "path")?;
    unless_said(given, "session_dir", "path")
}

/// A key at the top, unless the section or a URL says the same.
fn unless_said(given: &mut Given, flat: &str, ours: &str) -> Result<()> {
    match given.flat(flat) {
        Some(entry) if given.get(ours).is_none() && given.is_by_name() => given.put(ours, entry),
        _ => Ok(()),
    }
}

pub(super) fn yaml(given: &mut Given) -> Result<&'static str> {
    in_format(given, "yaml")
}

pub(super) fn json(given: &mut Given) -> Result<&'static str> {
    in_format(given, "json")
}

fn in_format(given: &mut Given, format: &str) -> Result<&'static str> {
    file(given)?;
    let chosen = given.chosen().clone();
    given.put_text("format", format, &chosen)?;
    Ok("file")
}

#[cfg(feature = "memcached")]
pub(super) fn memcached(given: &mut Given) -> Result<()> {
    // Ours always says so when it can't reach a server.
    given.take("fatal_cluster_unreachable");
    given.rename("memcached_servers", "servers")?;
    unless_said(given, "memcached_servers", "servers")
}

/// Dancer 2's keys, in the section; and Dancer 1's table `redis_session`, whose `expire` is an idle limit.
#[cfg(feature = "redis")]
pub(super) fn redis(given: &mut Given) -> Result<()> {
    // Ours reconnects by itself, and core serializes.
    for key in ["redis_name", "redis_reconnect", "redis_every", "redis_serialization"] {
        given.take(key);
    }
    given.rename("redis_server", "nodes")?;
    given.rename("redis_sock", "nodes")?;
    given.rename("redis_password", "password")?;
    if let Some(key) = given.take("redis_key") {
        let text = key.text()?;
        let prefix =
            text.strip_suffix("%s").ok_or_else(|| key.refuse("must end in `%s`, where the key is put"))?;
        given.put_text("prefix", prefix, &key)?;
    }
    // A URL says where the server is, and leaves nothing of that to the table.
    let table = if given.is_by_name() { given.flat_table("redis_session")? } else { Vec::new() };
    table.into_iter().try_for_each(|entry| redis_1(given, entry))
}

#[cfg(feature = "redis")]
fn redis_1(given: &mut Given, entry: Entry) -> Result<()> {
    let ours = match entry.name() {
        "server" | "sock" => "nodes",
        "password" => "password",
        "database" => "database",
        // A limit of the session, and nothing; others were refused.
        _ => return Ok(()),
    };
    if given.get(ours).is_some() { Ok(()) } else { given.put(ours, entry) }
}

/// KiokuDB is a front for many backends: those that we have an engine for are that engine.
pub(super) fn kiokudb(given: &mut Given) -> Result<&'static str> {
    let backend = given.take("kiokudb_backend").or_else(|| given.flat("kiokudb_backend"));
    let options = options(given)?;
    // The one for objects says in the log that nothing will be left.
    let Some(backend) = backend else {
        return Ok(if cfg!(feature = "object") { "object" } else { "memory" });
    };
    let name = backend.text()?;
    let name = name.strip_prefix("KiokuDB::Backend::").unwrap_or(&name);
    match name.to_ascii_lowercase().as_str() {
        "hash" | "memory" => memory(&options),
        "dbi" => dbi(given, options),
        "files" => files(given, options),
        _ => object(given, &backend, name, options),
    }
}

fn options(given: &mut Given) -> Result<Vec<Entry>> {
    given.take("kiokudb_backend_opts");
    let in_section = given.table_in_section("kiokudb_backend_opts")?;
    if in_section.is_empty() { given.flat_table("kiokudb_backend_opts") } else { Ok(in_section) }
}

/// Nothing of it was ever kept, so that it does not matter in which form.
fn memory(options: &[Entry]) -> Result<&'static str> {
    match options.iter().find(|entry| !["create", "serializer"].contains(&entry.name())) {
        Some(entry) => Err(entry.refuse("has no counterpart in the engine `memory`; remove it")),
        None => Ok("memory"),
    }
}

fn dbi(given: &mut Given, options: Vec<Entry>) -> Result<&'static str> {
    options.into_iter().try_for_each(|entry| match entry.name() {
        "serializer" => json_alone(&entry),
        _ => put(given, entry),
    })?;
    super::dsn::engine(given)
}

/// Under its own name.
pub(super) fn put(given: &mut Given, entry: Entry) -> Result<()> {
    let name = entry.name().to_owned();
    given.put(&name, entry)
}

/// What it writes by default, and what we do.
fn json_alone(entry: &Entry) -> Result<()> {
    match entry.text()?.eq_ignore_ascii_case("json") {
        true => Ok(()),
        false => {
            Err(entry
                .refuse("is `session.serializer` here, one of json, yaml and messagepack: set that instead"))
        }
    }
}

fn files(given: &mut Given, options: Vec<Entry>) -> Result<&'static str> {
    for entry in options {
        match entry.name() {
            "dir" => given.put("path", entry)?,
            "create" => given.put("create", entry)?,
            "serializer" => given.put_text("format", format(&entry)?, &entry)?,
            // How its own files were laid out, which ours are not.
            "trie" | "trie_nibbles" | "trie_levels" | "global_lock" => {}
            _ => return Err(entry.refuse("has no counterpart in the engine `file`; remove it")),
        }
    }
    Ok("file")
}

fn format(serializer: &Entry) -> Result<String> {
    let name = serializer.text()?.to_ascii_lowercase();
    match name.as_str() {
        "json" | "yaml" => Ok(name),
        _ => Err(serializer.refuse("is the form of the files: json, yaml, or none, which is json here")),
    }
}

fn object(given: &mut Given, backend: &Entry, name: &str, options: Vec<Entry>) -> Result<&'static str> {
    given.put_text("backend", name.to_ascii_lowercase(), backend)?;
    let (create, rest): (Vec<_>, Vec<_>) = options.into_iter().partition(|entry| entry.name() == "create");
    create.into_iter().try_for_each(|entry| given.put("create", entry))?;
    given.put_table("options", rest, backend)?;
    Ok("object")
}

#[cfg(feature = "mongodb")]
pub(super) const MONGODB: &[&str] = &["database_name", "collection_name", "client_options"];

/// Dancer 2's keys, in the section; and Dancer 1's at the top.
#[cfg(feature = "mongodb")]
pub(super) fn mongodb(given: &mut Given) -> Result<()> {
    given.rename("database_name", "database")?;
    given.rename("collection_name", "collection")?;
    given.take("client_options");
    let options = given.table_in_section("client_options")?;
    options.into_iter().try_for_each(|entry| mongodb_client(given, entry))?;
    if let Some(host) =
        given.flat("mongodb_host").filter(|_| given.is_by_name() && given.get("uri").is_none())
    {
        put_host(given, &host)?;
    }
    if given.is_by_name() {
        mongodb_1(given)?;
    }
    unless_said(given, "mongodb_session_db", "database")?;
    unless_said(given, "mongodb_session_coll", "collection")
}

/// What Dancer 1 hands to its client: not passed over, since a password that is left out would be missed at night.
#[cfg(feature = "mongodb")]
fn mongodb_1(given: &Given) -> Result<()> {
    let known = ["mongodb_host", "mongodb_session_db", "mongodb_session_coll"];
    let unknown = |entry: &Entry| entry.name().starts_with("mongodb_") && !known.contains(&entry.name());
    match given.flat_table("")?.into_iter().find(unknown) {
        Some(entry) => {
            Err(entry.refuse("has no counterpart: put it into `mongodb_host`, as a connection string"))
        }
        None => Ok(()),
    }
}

#[cfg(feature = "mongodb")]
fn mongodb_client(given: &mut Given, entry: Entry) -> Result<()> {
    match entry.name() {
        "host" => put_host(given, &entry),
        _ => Err(entry.refuse("has no counterpart: put it into `uri`, MongoDB's connection string")),
    }
}

#[cfg(feature = "mongodb")]
fn put_host(given: &mut Given, entry: &Entry) -> Result<()> {
    let host = entry.text()?;
    let uri = if host.contains("://") { host } else { format!("mongodb://{host}") };
    given.put_text("uri", uri, entry)
}
