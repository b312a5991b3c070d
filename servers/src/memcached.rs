//! Memcached.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::folder::Ground;
use crate::launch::{Kind, Site, Software};
use crate::{Absent, Running, ping, program};

const GREETING: &[u8] = b"VERSION ";

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Megabytes of items, before old ones have to go.
    pub memory: u32,
    /// More words for the command line. They come last and win.
    pub arguments: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory: 64, arguments: Vec::new() }
    }
}

/// Whether the program is there.
///
/// # Errors
/// When it is missing.
pub fn check() -> Result<(), Absent> {
    find().map(|_| ())
}

/// A server with 64 MB.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start() -> Result<Running, Absent> {
    start_with(Options::default())
}

/// A server with these options.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start_with(options: Options) -> Result<Running, Absent> {
    start_on(&Ground::Temporary, options)
}

pub(crate) fn start_on(ground: &Ground, options: Options) -> Result<Running, Absent> {
    Running::start(ground, Arc::new(Memcached { options }))
}

/// Memcached with its options.
#[derive(Debug)]
pub(crate) struct Memcached {
    pub(crate) options: Options,
}

impl Software for Memcached {
    fn kind(&self) -> Kind {
        Kind { name: "memcached", requirement: "memcached" }
    }

    fn command(&self, site: &Site) -> Result<Vec<OsString>, Absent> {
        let mut words = vec![find()?.into_os_string()];
        let (port, memory) = (site.port.to_string(), self.options.memory.to_string());
        let own = ["-l", "127.0.0.1", "-p", &port, "-U", "0", "-m", &memory];
        words.extend(own.into_iter().map(OsString::from));
        words.extend(self.options.arguments.iter().map(OsString::from));
        Ok(words)
    }

    fn ask(&self, site: &Site) -> io::Result<()> {
        let answer = ping::exchange(&mut ping::connect(site.port)?, b"version\r\n", GREETING.len())?;
        if answer == GREETING { Ok(()) } else { Err(ping::unexpected(&answer)) }
    }

    fn url(&self, site: &Site) -> String {
        format!("memcached://127.0.0.1:{}", site.port)
    }
}

fn find() -> Result<PathBuf, Absent> {
    let missing = || Absent::missing("memcached", "the Debian package memcached is not installed");
    program::find("memcached").ok_or_else(missing)
}
