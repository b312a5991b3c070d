//! What the documents say, compared with the code; and what holds on every engine.
//!
//! Tests are named in a list, so that those whose server is not there show as ignored.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::future::Future;

use libtest_mimic::Trial;

/// The trials of a module: its test functions, named one by one.
macro_rules! trials {
    ($($(#[$condition:meta])* $name:ident),* $(,)?) => {
        pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
            vec![$($(#[$condition])* crate::trial(concat!(module_path!(), "::", stringify!($name)), $name)),*]
        }
    };
}

#[cfg(all(
    feature = "codec",
    feature = "config",
    feature = "cookie",
    feature = "file",
    feature = "memcached",
    feature = "mongodb",
    feature = "mysql",
    feature = "object-fs",
    feature = "object-s3",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
mod engines;

#[cfg(all(
    feature = "config",
    feature = "cookie",
    feature = "file",
    feature = "memcached",
    feature = "mysql",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
mod config;
mod enveloped;
#[cfg(all(
    feature = "codec",
    feature = "config",
    feature = "cookie",
    feature = "file",
    feature = "memcached",
    feature = "redis"
))]
mod fuzzed;
mod hooks;
#[cfg(feature = "config")]
mod lacking;
mod randomness;
#[cfg(feature = "sqlite")]
mod rotation;
mod spec;
#[cfg(feature = "sqlite")]
mod stolen;
#[cfg(all(feature = "codec", feature = "config", feature = "redis"))]
mod stored;
#[cfg(all(
    feature = "cookie",
    feature = "file",
    feature = "memcached",
    feature = "mongodb",
    feature = "mysql",
    feature = "object",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
mod tables;

fn main() {
    let modules = [
        #[cfg(all(
            feature = "codec",
            feature = "config",
            feature = "cookie",
            feature = "file",
            feature = "memcached",
            feature = "mongodb",
            feature = "mysql",
            feature = "object-fs",
            feature = "object-s3",
            feature = "postgres",
            feature = "redis",
            feature = "sqlite"
        ))]
        engines::trials(),
        #[cfg(all(
            feature = "config",
            feature = "cookie",
            feature = "file",
            feature = "memcached",
            feature = "mysql",
            feature = "postgres",
            feature = "redis",
            feature = "sqlite"
        ))]
        config::trials(),
        enveloped::trials(),
        #[cfg(all(
            feature = "codec",
            feature = "config",
            feature = "cookie",
            feature = "file",
            feature = "memcached",
            feature = "redis"
        ))]
        fuzzed::trials(),
        hooks::trials(),
        #[cfg(feature = "config")]
        lacking::trials(),
        randomness::trials(),
        #[cfg(feature = "sqlite")]
        rotation::trials(),
        spec::trials(),
        #[cfg(feature = "sqlite")]
        stolen::trials(),
        #[cfg(all(feature = "codec", feature = "config", feature = "redis"))]
        stored::trials(),
        #[cfg(all(
            feature = "cookie",
            feature = "file",
            feature = "memcached",
            feature = "mongodb",
            feature = "mysql",
            feature = "object",
            feature = "postgres",
            feature = "redis",
            feature = "sqlite"
        ))]
        tables::trials(),
    ];
    dancecard_testkit::store::run(modules.into_iter().flatten().collect());
}

/// A test without a runtime, within which what runs tasks of its own makes no progress.
fn plain(name: &'static str, body: fn()) -> Trial {
    Trial::test(name, move || {
        body();
        Ok(())
    })
}

/// A test on a runtime of its own.
fn trial<F: Future<Output = ()>>(
    name: impl Into<String>,
    body: impl FnOnce() -> F + Send + 'static,
) -> Trial {
    let name: String = name.into();
    Trial::test(name.strip_prefix("it::").unwrap_or(&name).to_owned(), move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(body());
        Ok(())
    })
}
