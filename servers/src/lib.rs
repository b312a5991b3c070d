//! Real servers for tests and benchmarks.
//!
//! Each server runs on a free port of the loopback interface, in a folder of its own, and ends with the process that
//! started it, however that ends. A [`Proxy`] before it delays, cuts, swallows and counts.
//!
//! ```no_run
//! let server = dancecard_servers::redis::start()?;
//! println!("{}", server.url());
//! server.kill();
//! server.restart()?;
//! # Ok::<(), dancecard_servers::Absent>(())
//! ```

mod absent;
mod account;
mod certificates;
mod folder;
#[cfg(feature = "trials")]
mod harm;
mod keeper;
mod launch;
mod patience;
mod ping;
mod port;
mod processes;
mod program;
mod proxy;
mod resp;
mod server;

pub mod mariadb;
pub mod memcached;
pub mod mongod;
pub mod mongod_replica_set;
pub mod mysql;
pub mod postgres;
pub mod redis;
pub mod redis_cluster;
pub mod redis_sentinel;
pub mod s3;
pub mod services;
pub mod valkey;

pub use absent::Absent;
#[cfg(feature = "trials")]
pub use harm::{break_connections, harm};
pub use program::{PROGRAMS, folder as programs};
pub use proxy::{Counts, Mode, Proxy, Way};
pub use server::{Running, Server};
