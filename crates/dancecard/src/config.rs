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
//! has. `cookie` has `registry` beside them: the name or the URL of the engine that keeps the facts.

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
