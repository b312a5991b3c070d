//! Where slow requests wait until someone lets them through: a slow database, without its clock.

use std::sync::Arc;

use tokio::sync::watch;

/// Holds requests back. A clone is another handle on the same gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<watch::Sender<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    waiting: usize,
    opened: u64,
}

impl Gate {
    /// Waits until the gate is next opened.
    pub(crate) async fn pass(&self) {
        let place = Place::take(self);
        // An error would mean that there is no sender any more, but this is one.
        let _ = self.0.subscribe().wait_for(|queue| queue.opened > place.opened_before).await;
    }

    /// Lets everyone through who waits now, and says how many that are.
    pub fn open(&self) -> usize {
        self.0.send_modify(|queue| queue.opened += 1);
        self.waiting()
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.0.borrow().waiting
    }

    /// Waits until so many wait.
    pub async fn until_waiting(&self, requests: usize) {
        let _ = self.0.subscribe().wait_for(|queue| queue.waiting == requests).await;
    }
}

/// A place in the queue. It is given up in `drop`, since a browser may leave at any time.
struct Place<'a> {
    gate: &'a Gate,
    opened_before: u64,
}

impl<'a> Place<'a> {
    fn take(gate: &'a Gate) -> Self {
        let mut opened_before = 0;
        gate.0.send_modify(|queue| {
            queue.waiting += 1;
            opened_before = queue.opened;
        });
        Self { gate, opened_before }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gate.0.send_modify(|queue| queue.waiting -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_wait_until_the_gate_opens_after_they_came() {
        let gate = Gate::default();
        gate.open();
        let request = tokio::spawn({
            let gate = gate.clone();
            async move { gate.pass().await }
        });
        gate.until_waiting(1).await;
        assert!(!request.is_finished());
        assert_eq!(gate.open(), 1);
        request.await.unwrap();
        assert_eq!(gate.waiting(), 0);
    }

    #[tokio::test]
    async fn who_leaves_gives_up_the_place() {
        let gate = Gate::default();
        let request = tokio::spawn({
            let gate = gate.clone();
            async move { gate.pass().await }
        });
        gate.until_waiting(1).await;
        request.abort();
        gate.until_waiting(0).await;
    }
}
