//! Everything that is done to files. Whatever is changed goes through [`Disk`], which flushes where it is told to.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::SystemTime;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) bytes: Vec<u8>,
    pub(crate) modified: SystemTime,
}

impl Found {
    /// Whether it is what a loss of power may leave of a file that was not flushed.
    pub(crate) fn is_blank(&self) -> bool {
        self.bytes.iter().all(|byte| *byte == 0)
    }
}

/// Reads a whole file, if there is one. A link, a folder or a pipe of that name, and what is larger than `most`, is
/// invalid data.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Option<Found>> {
    let Some((mut file, about)) = open(path)? else { return Ok(None) };
    if about.len() > most {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; usize::try_from(about.len()).unwrap_or(usize::MAX)];
    let mut length = 0;
    while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    bytes.truncate(length);
    Ok(Some(Found { bytes, modified: about.modified()? }))
}

/// Opens a file to read it or to change its time.
pub(crate) fn open(path: &Path) -> io::Result<Option<(File, fs::Metadata)>> {
    let mut options = OpenOptions::new();
    options.read(true);
    careful(&mut options);
    let file = match options.open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) if is_link(&cause) => return Err(io::ErrorKind::InvalidData.into()),
        Err(cause) => return Err(cause),
    };
    let about = file.metadata()?;
    if about.is_file() { Ok(Some((file, about))) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Opens the file of a lock, and makes it if there is none.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = private();
    careful(&mut options);
    options.create(true).truncate(false).open(path)
}

/// The names in a folder; none when there is no folder.
pub(crate) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(cause),
    };
    let mut names = Vec::new();
    for entry in entries {
        // What is not text is none of our names.
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

/// Whether there is a folder of that name, and not a link to one.
pub(crate) fn is_folder(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(about) => Ok(about.is_dir()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Changes files and folders.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    flush: bool,
    #[cfg(test)]
    pub(crate) journal: crate::journal::Journal,
}

impl Disk {
    pub(crate) fn new(flush: bool) -> Self {
        Self {
            flush,
            #[cfg(test)]
            journal: Default::default(),
        }
    }

    /// Makes a file with these bytes and this time, and sees it to the disk. When that fails there is no file.
    pub(crate) fn create(&self, path: &Path, bytes: &[u8], modified: SystemTime) -> io::Result<()> {
        let mut file = private().create_new(true).open(path)?;
        let filled = file.write_all(bytes).and_then(|()| file.set_modified(modified));
        let made = filled.and_then(|()| self.flush_file(&file));
        if made.is_err() {
            let _ = fs::remove_file(path);
        }
        #[cfg(test)]
        self.journal.created(path, bytes, modified, made.is_ok() && self.flush);
        made
    }

    /// Makes an empty file. `false` when it was there.
    pub(crate) fn mark(&self, path: &Path) -> io::Result<bool> {
        match private().create_new(true).open(path) {
            Ok(_) => {
                #[cfg(test)]
                self.journal.created(path, b"", SystemTime::UNIX_EPOCH, false);
                Ok(true)
            }
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(cause) => Err(cause),
        }
    }

    /// Gives a file its name, in place of what had that name before.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        #[cfg(test)]
        self.journal.renamed(from, to);
        Ok(())
    }

    /// Gives a file its name, if nothing has that name.
    pub(crate) fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        match fs::hard_link(from, to) {
            Ok(()) => {
                #[cfg(test)]
                self.journal.renamed(from, to);
                // One that stays is swept up with the next purge.
                let _ = fs::remove_file(from);
                Ok(())
            }
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(cause),
            // Not every file system has links. The caller's lock must do.
            Err(_) => self.rename(from, to),
        }
    }

    /// Removes a file. `false` when there was none.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<bool> {
        match fs::remove_file(path) {
            Ok(()) => {
                #[cfg(test)]
                self.journal.removed(path);
                Ok(true)
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(cause),
        }
    }

    /// Sets the time of a file.
    pub(crate) fn set_modified(&self, path: &Path, file: &File, modified: SystemTime) -> io::Result<()> {
        file.set_modified(modified)?;
        self.flush_file(file)?;
        #[cfg(test)]
        self.journal.stamped(path, modified, self.flush);
        #[cfg(not(test))]
        let _ = path;
        Ok(())
    }

    /// Makes a folder that nobody else may look into, if there is none.
    pub(crate) fn make_folder(&self, path: &Path) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(path) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(cause) => return Err(cause),
            Ok(()) => {}
        }
        #[cfg(test)]
        self.journal.made_folder(path);
        path.parent().map_or(Ok(()), |parent| self.flush_folder(parent))
    }

    /// Sees to the disk which files a folder has.
    pub(crate) fn flush_folder(&self, path: &Path) -> io::Result<()> {
        if !self.flush {
            return Ok(());
        }
        #[cfg(unix)]
        File::open(if path.as_os_str().is_empty() { Path::new(".") } else { path })?.sync_all()?;
        #[cfg(test)]
        self.journal.flushed_folder(path);
        Ok(())
    }

    fn flush_file(&self, file: &File) -> io::Result<()> {
        if self.flush { file.sync_all() } else { Ok(()) }
    }
}

/// For writing; readable by nobody else.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Follows no link, and waits for no other end of a pipe.
#[cfg(unix)]
fn careful(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.cast_signed());
}

#[cfg(not(unix))]
fn careful(_: &mut OpenOptions) {}

#[cfg(unix)]
fn is_link(cause: &io::Error) -> bool {
    use rustix::io::Errno;
    // FreeBSD and NetBSD have answers of their own.
    [Errno::LOOP, Errno::MLINK].iter().any(|errno| cause.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(not(unix))]
fn is_link(_: &io::Error) -> bool {
    false
}
