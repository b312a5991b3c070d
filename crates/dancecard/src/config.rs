//! Sessions chosen in a file: `session: redis`, swapped without touching code.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("config.yml");
//! # std::fs::write(&path, "session: memory")?;
//! let config = dancecard::config::load(&path)?;
//! let manager = config.manager()?;
//! # let _ = manager;
//! # Ok(()) }
//! ```
//!
//! The keys, files and variables are on the page of [`Config`] and in the
//! [crate that reads them](https://docs.rs/dancecard-config).
//!
//! # Engines
//!
//! [`engines()`] has those of dancecard. One whose feature this build does not have is named with the feature.
//!
//! | name | others | URL | feature |
//! |---|---|---|---|
//! | `memory` | Simple | | |
//! | `file` | | `file:` | `file` |
//! | YAML, JSON | | | `file`, in that format |
//! | `sqlite` | sqlite3 | `sqlite:` | `sqlite` |
//! | `postgres` | postgresql, pg | `postgres://` | `postgres` |
//! | `mysql` | mariadb | `mysql://` | `mysql` |
//! | DBI | | | by the driver in `dsn`: SQLite, Pg, mysql, MariaDB |
//! | `redis` | valkey | `redis://`, `rediss://`, … | `redis` |
//! | `memcached` | memcache | `memcached://` | `memcached` |
//! | `mongodb` | mongo | `mongodb://` | `mongodb` |
//! | `object` | opendal | `object:` | `object` |
//! | KiokuDB | | | by `kiokudb_backend`: Hash, Files, DBI, or a service's name for `object` |
//! | `cookie` | | `cookie:` | `cookie` |
//!
//! The keys in `engines.session.NAME` are the fields of the engine's `Config`, and those that Dancer's engine of that name
//! has. `cookie` has `registry` beside them: the engine that keeps the facts, any that is registered but itself, by name, by URL,
//! or as a table with `engine` and that engine's keys ([how](dancecard_config#an-engine-over-another)).
//!
//! # Dancer's engines
//!
//! What their keys come to:
//!
//! | engine | in its section | at the top | here |
//! |---|---|---|---|
//! | YAML, JSON | `session_dir` | `session_dir` | `path` |
//! | Memcached | `memcached_servers` | `memcached_servers` | `servers` |
//! | Redis | `redis_server`, `redis_sock`, `redis_password` | `redis_session`: `server`, `sock`, `password`, `database` | `nodes`, `password`, `database` |
//! | | `redis_key`, which ends in `%s` | | `prefix` |
//! | | | `redis_session`: `expire` | `session.idle` |
//! | MongoDB | `database_name`, `collection_name` | `mongodb_session_db`, `mongodb_session_coll` | `database`, `collection` |
//! | | `client_options`: `host` | `mongodb_host` | `uri` |
//! | DBI | `dsn`, `dbuser`, `dbpass`, `dbtable` | `session_options`: `dsn`, `user`, `password`, `table` | of the engine for the driver |
//! | Cookie | `secret_key` | `session_cookie_key` | `keys` |
//! | | `default_duration` | | `session.idle` |
//! | KiokuDB | `kiokudb_backend`, `kiokudb_backend_opts` | the same | see below |
//!
//! What is without meaning here is passed over: `fatal_cluster_unreachable`, `redis_name`, `redis_reconnect`, `redis_every`,
//! `redis_serialization`, `debug` in `redis_session`, `with_request_address: 0`. Whatever else has no counterpart is refused by name. A
//! key at the top gives way to the section, and to a URL that says where the engine is.
//!
//! **DBI.** `dbi:Pg:` takes pairs with semicolons between: `dbname`, `host`, `hostaddr`, `port`, `user`, `password`, `sslmode`
//! (`disable`, `require`, `verify-ca`, `verify-full`: encrypted is always verified), `sslrootcert`, `sslcert`, `sslkey`,
//! `connect_timeout`. `dbi:mysql:` and `dbi:MariaDB:` take pairs, or database, host and port in this order, with colons or semicolons
//! between (`dbi:mysql:app:localhost:3306`); and of their own options `socket`, `ssl`, `ssl_ca_file`, `ssl_client_cert`,
//! `ssl_client_key`, `connect_timeout`, each behind `mysql_` or `mariadb_`. `dbi:SQLite:` takes a path, or `dbname`.
//!
//! **KiokuDB.** `Hash` is `memory`, and has no options. `Files` is `file`: `dir` is `path`, `serializer` (json, yaml) is `format`.
//! `DBI` has the keys of the engine for its `dsn`; `serializer: json` is what is written anyway, another is `session.serializer`
//! here. Any other backend is a service of `object`, with its `options`. `create` is `create`. A name can begin with
//! `KiokuDB::Backend::`.

use std::path::PathBuf;

#[doc(inline)]
pub use dancecard_config::*;
use dancecard_core::Result;

mod builtin;
mod dancer;
mod dsn;
#[cfg(feature = "cookie")]
mod sealed;

/// The engines that this build contains, and the names of the others.
///
/// ```
/// let mut engines = dancecard::config::engines();
/// engines.missing("attic", &[], "attic");
/// ```
pub fn engines() -> Engines {
    let mut engines = Engines::new();
    builtin::add(&mut engines);
    engines
}

/// Reads a configuration for the engines of this build.
///
/// # Errors
/// Those of [`Loader::load`].
pub fn load(path: impl Into<PathBuf>) -> Result<Config> {
    Config::load(path, &engines())
}

/// The layer that a file describes.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("config.yml");
/// # std::fs::write(&path, "session: memory")?;
/// let layer = dancecard::config::layer(&path)?;
/// # let _ = layer;
/// # Ok(()) }
/// ```
///
/// # Errors
/// Those of [`Loader::load`] and [`Config::http`].
#[cfg(feature = "tower")]
pub fn layer(path: impl Into<PathBuf>) -> Result<dancecard_tower::SessionLayer> {
    Ok(dancecard_tower::SessionLayer::over(load(path)?.http()?))
}
