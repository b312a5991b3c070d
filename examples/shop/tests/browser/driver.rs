//! The program that moves the browser.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use anyhow::{Context, Result};
use tempfile::TempDir;

const DRIVER: &str = "chromedriver";
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Which program is missing, if one is.
pub(crate) fn missing() -> Option<&'static str> {
    match (find(DRIVER), browser()) {
        (None, _) => Some("chromedriver is not installed"),
        (_, None) => Some("chromium is not installed"),
        _ => None,
    }
}

/// Where the browser is.
pub(crate) fn browser() -> Option<PathBuf> {
    BROWSERS.into_iter().find_map(find)
}

fn find(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The driver as a running program. It ends when this is dropped, also after a panic.
pub(crate) struct Driver {
    program: Child,
    port: u16,
    /// What it and its browsers write beside their profiles.
    _home: TempDir,
}

impl Driver {
    /// Starts it on a port that it picks itself.
    pub(crate) fn start() -> Result<Self> {
        let home = tempfile::tempdir()?;
        let mut program = Command::new(DRIVER)
            .arg("--port=0")
            .env("HOME", home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("chromedriver does not start")?;
        let port = program.stdout.take().and_then(port_told);
        // From here on it is ended by `drop`.
        let mut driver = Self { program, port: 0, _home: home };
        driver.port = port.context("chromedriver did not tell its port")?;
        Ok(driver)
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Reads up to the line with the port, and leaves a thread to read the rest, for which nobody waits.
fn port_told(output: ChildStdout) -> Option<u16> {
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let port =
        lines.find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
    thread::spawn(move || lines.for_each(drop));
    port
}
