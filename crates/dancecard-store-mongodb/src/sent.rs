//! Whether something went out, which is what a failure means: the driver's error alone does not tell.
//!
//! The driver says when it has a connection for an operation. Before that nothing was sent, and after it perhaps.

use std::cell::Cell;
use std::future::Future;

use mongodb::event::EventHandler;
use mongodb::event::cmap::CmapEvent;
use tokio::time::{Instant, timeout_at};

tokio::task_local! {
    static SENT: Cell<bool>;
}

/// What came of an attempt.
pub(crate) struct Attempt<T> {
    /// `None` when the time was up.
    pub(crate) outcome: Option<T>,
    /// Whether anything may have reached a server.
    pub(crate) was_sent: bool,
}

/// Waits for one command of the driver until the deadline.
pub(crate) async fn attempt<F: Future>(deadline: Instant, command: F) -> Attempt<F::Output> {
    let watched = async {
        let outcome = timeout_at(deadline, command).await.ok();
        Attempt { outcome, was_sent: SENT.with(Cell::get) }
    };
    SENT.scope(Cell::new(false), watched).await
}

/// Tells the attempt that is polled at this moment. The driver calls it in the task of the operation.
pub(crate) fn listener() -> EventHandler<CmapEvent> {
    EventHandler::callback(|event| {
        if matches!(event, CmapEvent::ConnectionCheckedOut(_)) {
            let _ = SENT.try_with(|sent| sent.set(true));
        }
    })
}
