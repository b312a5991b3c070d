//! Where programs are.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Folders that hold servers and that an ordinary user's `PATH` lacks.
const MORE: &[&str] = &["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];

/// Names the folder for programs that no package of the system brings. Without it, `target/test-programs` is that.
pub const PROGRAMS: &str = "DANCECARD_TEST_PROGRAMS";

/// The folder for programs that no package of the system brings: `mongod`, the S3 server, Valkey, MySQL. Where packages
/// can't be installed, those of Debian are unpacked there, each into a folder of its own.
pub fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    env::var_os(PROGRAMS).map_or_else(|| root.join("target/test-programs"), PathBuf::from)
}

/// Finds a program in `PATH`, where Debian puts servers, or among what was unpacked.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(MORE.iter().map(PathBuf::from));
    let roots = roots().flat_map(|root| ["usr/sbin", "usr/bin"].map(|folder| root.join(folder)));
    folders.chain(roots).map(|folder| folder.join(name)).find(|path| is_program(path))
}

/// The folders of the packages that were unpacked.
pub(crate) fn roots() -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder()).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Where an unpacked program finds libraries that the system lacks, if there are any. Those that came with a C library
/// of their own fit no other.
pub(crate) fn libraries(program: &Path) -> Option<OsString> {
    let fits = |root: &PathBuf| !libraries_in(root).any(|libraries| loader_in(&libraries).is_some());
    let libraries: Vec<_> = roots().filter(fits).flat_map(|root| libraries_in(&root)).collect();
    if is_unpacked(program) && !libraries.is_empty() { env::join_paths(libraries).ok() } else { None }
}

/// Whether a program is not where its package would have it.
pub(crate) fn is_unpacked(program: &Path) -> bool {
    program.starts_with(folder())
}

/// What starts a program that was unpacked together with its own C library.
pub(crate) fn with_own_library(package: &str, program: &str) -> Option<Vec<OsString>> {
    let program = unpacked(&format!("{package}/{program}"))?;
    let found = |libraries: PathBuf| Some((loader_in(&libraries)?, libraries));
    let (loader, libraries) = libraries_in(&folder().join(package)).find_map(found)?;
    Some([loader.into(), "--library-path".into(), libraries.into(), program.into()].into())
}

fn libraries_in(root: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let folders = ["usr/lib", "lib"].map(|folder| fs::read_dir(root.join(folder)));
    let folders = folders.into_iter().flatten().flatten().flatten();
    folders
        .filter(|folder| folder.file_name().to_string_lossy().contains("-linux-gnu"))
        .map(|folder| folder.path())
}

fn loader_in(libraries: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(libraries).ok()?.flatten();
    let loader = files.find(|file| file.file_name().to_string_lossy().starts_with("ld-linux"));
    loader.map(|file| file.path()).filter(|path| is_program(path))
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
