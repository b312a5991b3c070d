//! The program, as it is started with `--config`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result};

/// The samples, which are what is tested.
pub(crate) const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config");

/// A running shop, which ends with this, at once.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts it in a folder, where it keeps what it keeps in files, and waits until it is open.
    pub(crate) fn start(folder: &Path, sample: &str, variables: &[(&str, String)]) -> Result<Self> {
        let log = folder.join("log");
        let mut command = command(folder, sample, variables);
        let mut child = command.stdout(Stdio::piped()).stderr(File::create(&log)?).spawn()?;
        let output = child.stdout.take().context("its output is read")?;
        let mut program = Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), child, log };
        let first = BufReader::new(output).lines().next().transpose()?.unwrap_or_default();
        let address = first.strip_prefix("The shop is open: http://");
        program.address = address.with_context(|| program.log())?.parse()?;
        Ok(program)
    }

    /// What it has logged, for a test that fails.
    pub(crate) fn log(&self) -> String {
        format!("the shop's log:\n{}", fs::read_to_string(&self.log).unwrap_or_default())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs one that is expected to end by itself.
pub(crate) fn ended(folder: &Path, sample: &str, variables: &[(&str, String)]) -> Result<Output> {
    Ok(command(folder, sample, variables).output()?)
}

/// It sees these variables and no others: what the tests are told by variables is nothing to the shop.
fn command(folder: &Path, sample: &str, variables: &[(&str, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
    command.arg("--config").arg(Path::new(SAMPLES).join(sample)).current_dir(folder);
    command.env_clear().env("PORT", "0").envs(variables.iter().map(|(name, value)| (name, value)));
    command
}
