//! A disk with little room, for engines that keep files.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Outcome};

/// A file system of a few kilobytes or megabytes, mounted over a folder until this is dropped.
///
/// It is Linux's `tmpfs`, which only root may mount: where [`is_possible`](Self::is_possible) says no, a test shows as
/// ignored.
///
/// ```
/// use dancecard_testkit::SmallDisk;
///
/// let folder = tempfile::tempdir()?;
/// if SmallDisk::is_possible(folder.path()) {
///     let disk = SmallDisk::mount(folder.path(), 1 << 20)?;
///     let refused = std::fs::write(disk.path().join("large"), vec![0; 2 << 20]).unwrap_err();
///     assert_eq!(refused.kind(), std::io::ErrorKind::StorageFull);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of so many bytes, rounded up to whole pages, over a folder that exists.
    ///
    /// # Errors
    ///
    /// What the program `mount` says.
    pub fn mount(folder: impl Into<PathBuf>, bytes: u64) -> Outcome<Self> {
        let folder = folder.into();
        let options = format!("size={bytes},mode=700");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&folder).output();
        let refused = |why: String| Err(Failure::new("a small disk", why.trim()));
        match mounted {
            Ok(output) if output.status.success() => Ok(Self(folder)),
            Ok(output) => refused(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => refused(error.to_string()),
        }
    }

    /// Whether one can be mounted over this folder.
    pub fn is_possible(folder: &Path) -> bool {
        Self::mount(folder, 1 << 16).is_ok()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: an engine that is still open must not keep it there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}
