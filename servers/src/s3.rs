//! A server of the S3 interface: moto, in the memory of one process, one request at a time.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;

use crate::folder::Ground;
use crate::launch::{Kind, Site, Software};
use crate::{Absent, Running, ping, program};

/// The bucket that is there from the start.
pub const BUCKET: &str = "dancecard";
/// The region it says it is in. Any pair of keys is accepted.
pub const REGION: &str = "us-east-1";

/// moto alone compares and writes in two steps, between which another request may come.
const SCRIPT: &str = include_str!("../python/s3.py");
const OK: &[u8] = b"HTTP/1.1 200";

/// Whether the program is there.
///
/// # Errors
/// When it is missing.
pub fn check() -> Result<(), Absent> {
    S3.command(&Site::nowhere()).map(|_| ())
}

/// A server with an empty bucket. It keeps nothing over a restart.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start() -> Result<Running, Absent> {
    start_on(&Ground::Temporary)
}

pub(crate) fn start_on(ground: &Ground) -> Result<Running, Absent> {
    Running::start(ground, Arc::new(S3))
}

/// The server, which has no options.
#[derive(Debug)]
pub(crate) struct S3;

impl Software for S3 {
    fn kind(&self) -> Kind {
        Kind { name: "s3", requirement: "s3" }
    }

    fn command(&self, site: &Site) -> Result<Vec<OsString>, Absent> {
        let reason = "the Python package moto is not installed (`cargo xtask test environment` does it)";
        let missing = || Absent::missing("s3", reason);
        let python = program::unpacked("python/bin/python3").ok_or_else(missing)?;
        program::in_python("moto/server.py").ok_or_else(missing)?;
        let port = site.port.to_string();
        let words = ["-c", SCRIPT, "127.0.0.1", &port];
        Ok(std::iter::once(python.into_os_string()).chain(words.map(OsString::from)).collect())
    }

    /// Makes the bucket, each time anew: a server that comes up has none.
    fn ask(&self, site: &Site) -> io::Result<()> {
        let question = format!("PUT /{BUCKET} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n");
        let answer = ping::exchange(&mut ping::connect(site.port)?, question.as_bytes(), OK.len())?;
        if answer == OK { Ok(()) } else { Err(ping::unexpected(&answer)) }
    }

    fn url(&self, site: &Site) -> String {
        format!("http://127.0.0.1:{}", site.port)
    }
}
