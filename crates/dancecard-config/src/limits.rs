//! How much a configuration can hold. Nobody writes more, and what is read must not cost more than it is worth.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The bytes of a file, and of the values in it.
pub(crate) const BYTES: usize = 1 << 20;
/// Values, lists and tables.
pub(crate) const NODES: usize = 1 << 16;
/// Levels of lists and tables.
pub(crate) const LEVELS: usize = 32;

/// A file's text.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] for one of more than [`BYTES`], of which no more is read; [`io::ErrorKind::InvalidData`] for what
/// is not UTF-8.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let most = u64::try_from(BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}
