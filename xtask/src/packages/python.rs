//! Packages of Python, in a virtual environment that nothing but the tests uses.

use std::fs;
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
    // Python makes no environment with an installer in it where Debian's package for that is only unpacked.
    let installer = wheel(&programs.join("python3-venv/usr/share/python-wheels"));
    if !environment.join("bin/python").exists() {
        let python = if Path::new(PYTHON).exists() { PYTHON } else { "python3" };
        let mut command = process::program(root, python);
        command.args(["-m", "venv"]).arg(&environment);
        command.args(installer.as_ref().map(|_| "--without-pip"));
        process::run(command)?;
    }
    let mut command = process::program(root, environment.join("bin/python"));
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(words);
    command.arg("-r").arg(file(root, requirements));
    if let Some(installer) = installer {
        command.env("PYTHONPATH", installer);
    }
    process::run(command)
}

/// The installer, which runs as it is packed.
fn wheel(folder: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(folder).ok()?.flatten();
    files.find(|file| file.file_name().to_string_lossy().starts_with("pip-")).map(|file| file.path())
}

/// Where the files of requirements are.
pub(super) fn file(root: &Path, requirements: &str) -> PathBuf {
    root.join("servers/python").join(requirements)
}
