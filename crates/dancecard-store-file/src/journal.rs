//! What was done to files, for the test that cuts the power.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// Something that was done.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Created { path: PathBuf, bytes: Vec<u8>, modified: SystemTime, flushed: bool },
    Renamed { from: PathBuf, to: PathBuf },
    Removed { path: PathBuf },
    Stamped { path: PathBuf, modified: SystemTime, flushed: bool },
    MadeFolder { path: PathBuf },
    FlushedFolder { path: PathBuf },
}

/// Notes what is done, once it is told to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal(Option<Arc<Mutex<Vec<Event>>>>);

impl Journal {
    /// One that notes.
    pub(crate) fn begun() -> Self {
        Self(Some(Arc::default()))
    }

    /// What was noted so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.as_ref().map(|events| events.lock().unwrap().clone()).unwrap_or_default()
    }

    fn note(&self, event: impl FnOnce() -> Event) {
        if let Some(events) = &self.0 {
            events.lock().unwrap().push(event());
        }
    }

    pub(crate) fn created(&self, path: &Path, bytes: &[u8], modified: SystemTime, flushed: bool) {
        self.note(|| Event::Created { path: path.into(), bytes: bytes.into(), modified, flushed });
    }

    pub(crate) fn renamed(&self, from: &Path, to: &Path) {
        self.note(|| Event::Renamed { from: from.into(), to: to.into() });
    }

    pub(crate) fn removed(&self, path: &Path) {
        self.note(|| Event::Removed { path: path.into() });
    }

    pub(crate) fn stamped(&self, path: &Path, modified: SystemTime, flushed: bool) {
        self.note(|| Event::Stamped { path: path.into(), modified, flushed });
    }

    pub(crate) fn made_folder(&self, path: &Path) {
        self.note(|| Event::MadeFolder { path: path.into() });
    }

    pub(crate) fn flushed_folder(&self, path: &Path) {
        self.note(|| Event::FlushedFolder { path: path.into() });
    }
}
