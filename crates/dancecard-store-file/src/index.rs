//! Which records are a principal's: an empty file for each, on the disk before the record says so, and removed when the
//! record that says otherwise is on the disk.
//!
//! So an entry may be there without the record, after a process was ended between the two, and whoever lists looks at
//! the record; but a record is never there without its entry.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use crate::folder::Folder;
use crate::name::{Name, Owner};

/// The folders whose files were changed, and that are to be flushed before anybody is told.
pub(crate) type Dirty = BTreeSet<PathBuf>;

impl Folder {
    /// Sees that a principal's entry is there, on the disk as well. `true` when it was not.
    pub(crate) fn enter(&self, owner: &Owner, name: &Name) -> io::Result<bool> {
        let folder = self.principals().join(owner.folder());
        let entry = folder.join(owner.entry(name));
        let made = match self.disk.mark(&entry) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                self.disk.make_folder(&folder)?;
                self.disk.mark(&entry)?
            }
            made => made?,
        };
        if made {
            self.disk.flush_folder(&folder)?;
        }
        Ok(made)
    }

    /// Removes an entry. One that stays is harmless.
    pub(crate) fn leave(&self, owner: &Owner, name: &Name) {
        let _ = self.disk.remove(&self.principals().join(owner.folder()).join(owner.entry(name)));
    }
}
