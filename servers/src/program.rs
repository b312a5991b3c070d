//! Where programs are.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Folders that hold servers and that an ordinary user's `PATH` lacks.
const MORE: &[&str] = &["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];

/// Names the folder for programs that no package of the system brings. Without it, `target/test-programs` is that.
pub const PROGRAMS: &str = "DANCECARD_TEST_PROGRAMS";

/// The folder for programs that no package of the system brings: `mongod`, the S3 server, Valkey.
pub fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    env::var_os(PROGRAMS).map_or_else(|| root.join("target/test-programs"), PathBuf::from)
}

/// Finds a program in `PATH`, or where Debian puts servers.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(MORE.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| is_program(path))
}

pub(crate) fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// A program at this place in [`folder`].
pub(crate) fn unpacked(path: &str) -> Option<PathBuf> {
    Some(folder().join(path)).filter(|path| is_program(path))
}

/// Finds a file among the packages of the virtual environment in [`folder`].
pub(crate) fn in_python(file: &str) -> Option<PathBuf> {
    let versions = fs::read_dir(folder().join("python/lib")).into_iter().flatten().flatten();
    let files = versions.map(|version| version.path().join("site-packages").join(file));
    files.into_iter().find(|path| path.is_file())
}

/// Whether every user can run this program: each folder on the way to it is open, also where it is but a link.
pub(crate) fn is_open(program: &Path) -> bool {
    let is_open = |path: &Path| fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o001 != 0);
    let real = fs::canonicalize(program);
    real.is_ok_and(|real| {
        program.ancestors().chain(real.ancestors()).filter(|path| path.has_root()).all(is_open)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_folder_on_the_way_closes_a_program() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "").unwrap();
        assert!(!is_program(&program));
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_program(&program));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!is_open(&program));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        assert!(is_open(&program));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/nowhere/at/all", &link).unwrap();
        assert!(!is_open(&link));
    }
}
