//! Packages of Python, in a virtual environment that nothing but the tests uses.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process;

/// Debian's own, which every user can run; another is taken from the path.
const PYTHON: &str = "/usr/bin/python3";

/// Installs what a file of requirements names.
///
/// # Errors
/// When Python lacks what it takes to make an environment, or a package can't be had.
pub(super) fn install(root: &Path, programs: &Path, requirements: &str, words: &[&str]) -> Result<()> {
    let environment = programs.join("python");
    let pip = environment.join("bin/pip");
    if !pip.exists() {
        let python = if Path::new(PYTHON).exists() { PYTHON } else { "python3" };
        let mut command = process::program(root, python);
        command.args(["-m", "venv"]).arg(&environment);
        process::run(command)?;
    }
    let mut command = process::program(root, pip);
    command.args(["install", "--quiet", "--disable-pip-version-check"]).args(words);
    command.arg("-r").arg(file(root, requirements));
    process::run(command)
}

/// Where the files of requirements are.
pub(super) fn file(root: &Path, requirements: &str) -> PathBuf {
    root.join("servers/python").join(requirements)
}
