//! Tells what runs for long that the shop is closing.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether the shop is closing. A clone is another handle on the same sign.
#[derive(Debug, Clone, Default)]
pub(crate) struct Closing(Arc<watch::Sender<bool>>);

impl Closing {
    /// Turns the sign on the door.
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Waits until someone does.
    pub(crate) async fn begun(&self) {
        // An error would mean that there is no sender any more, but this is one.
        let _ = self.0.subscribe().wait_for(|closing| *closing).await;
    }
}
