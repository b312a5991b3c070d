//! Counters for `metrics`.

use dancecard_core::{Event, Observer};
use metrics::counter;

/// The name of the counter; its labels are `event` and `engine`.
pub const METRIC: &str = "dancecard_events_total";

/// Counts each event in [`METRIC`]. No label tells one session from another, so the number of series is bounded.
#[derive(Debug, Clone, Copy, Default)]
pub struct MetricsObserver;

impl Observer for MetricsObserver {
    fn on(&self, event: &Event<'_>) {
        counter!(METRIC, "event" => event.kind.name(), "engine" => event.engine).increment(1);
    }
}

#[cfg(test)]
mod tests {
    use dancecard_core::{MemoryStore, SessionManager};
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use super::*;

    #[test]
    fn events_are_counted_by_kind_and_engine() {
        let recorder = DebuggingRecorder::new();
        let snapshots = recorder.snapshotter();
        let manager = SessionManager::new(MemoryStore::new()).with_observer(MetricsObserver);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        metrics::with_local_recorder(&recorder, || {
            runtime.block_on(async {
                for _ in 0..3 {
                    let session = manager.open([]);
                    session.set("a", 1).unwrap();
                    manager.commit(&session).await.unwrap();
                }
            });
        });
        let counted = snapshots.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
            let labels: Vec<_> = key.key().labels().map(|label| label.value().to_owned()).collect();
            (key.key().name().to_owned(), labels, value)
        });
        let expected = (METRIC.to_owned(), vec!["created".into(), "memory".into()], DebugValue::Counter(3));
        assert!(counted.collect::<Vec<_>>().contains(&expected));
    }
}
