//! Valkey, as one server.

use crate::folder::Ground;
use crate::redis::{Make, Options, start_on};
use crate::{Absent, Running};

/// Whether the program is there.
///
/// # Errors
/// When it is missing.
pub fn check() -> Result<(), Absent> {
    Make::Valkey.program().map(|_| ())
}

/// A server that keeps nothing over a restart. Its URL begins with `redis:`, as for Redis.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start() -> Result<Running, Absent> {
    start_with(Options::default())
}

/// A server with these options, which are those of Redis.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start_with(options: Options) -> Result<Running, Absent> {
    start_on(&Ground::Temporary, Make::Valkey, options)
}
