//! Places where a handler waits until the script lets it go on.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

/// Named gates, closed until they are opened, open ever after.
#[derive(Clone)]
pub(super) struct Gates {
    named: Arc<Mutex<BTreeMap<String, Arc<Semaphore>>>>,
    arrivals: watch::Sender<usize>,
}

impl Default for Gates {
    fn default() -> Self {
        Self { named: Arc::default(), arrivals: watch::Sender::new(0) }
    }
}

impl Gates {
    fn gate(&self, name: &str) -> Arc<Semaphore> {
        self.named.lock().entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
    }

    /// Stands at a gate.
    pub(super) async fn pass(&self, name: &str) {
        let gate = self.gate(name);
        self.arrivals.send_modify(|arrivals| *arrivals += 1);
        // Opening closes the semaphore, which lets everyone through.
        let _ = gate.acquire().await;
    }

    /// Lets everyone through. `false` when nobody ever stood there, or it is open already.
    pub(super) fn open(&self, name: &str) -> bool {
        let known = self.named.lock().get(name).cloned();
        let opens = known.filter(|gate| !gate.is_closed());
        opens.inspect(|gate| gate.close()).is_some()
    }

    /// Told whenever somebody arrives at a gate.
    pub(super) fn arrivals(&self) -> watch::Receiver<usize> {
        self.arrivals.subscribe()
    }
}

impl fmt::Debug for Gates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gates(..)")
    }
}
