//! The calls of an engine, for `metrics`.

use std::fmt;
use std::sync::OnceLock;

use dancecard_core::{Call, CallEnd, Meter, Operation};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Tells `metrics` of each call of an engine: how many ([`MetricsMeter::CALLS`]), how they ended, how long they took ([`MetricsMeter::SECONDS`]), how
/// many bytes they moved ([`MetricsMeter::BYTES`]), how many run ([`MetricsMeter::IN_FLIGHT`]).
///
/// There is one series for each operation and outcome that occurred, some hundred at most. Each is looked up when it is
/// first needed, so install the recorder before the first call; after that a call allocates nothing.
///
/// ```
/// use dancecard_core::{MemoryStore, MeteredStore, SessionManager};
/// use dancecard_observe::MetricsMeter;
///
/// let store = MeteredStore::new(MemoryStore::new(), MetricsMeter::new("memory"));
/// let manager = SessionManager::new(store);
/// ```
pub struct MetricsMeter {
    engine: &'static str,
    operations: [Series; Operation::ALL.len()],
    in_flight: OnceLock<Gauge>,
}

/// What is told of one operation.
#[derive(Default)]
struct Series {
    calls: [OnceLock<Counter>; CallEnd::ALL.len()],
    seconds: OnceLock<Histogram>,
    bytes: OnceLock<Counter>,
}

impl MetricsMeter {
    /// The name of the counter of calls; its labels are `engine`, `operation` and `outcome`.
    pub const CALLS: &str = "dancecard_store_calls_total";
    /// The name of the histogram of how long calls take, in seconds; its labels are `engine` and `operation`.
    pub const SECONDS: &str = "dancecard_store_call_seconds";
    /// The name of the counter of bytes of payload; its labels are `engine` and `operation`.
    pub const BYTES: &str = "dancecard_store_payload_bytes_total";
    /// The name of the gauge of calls that run at the moment; its label is `engine`.
    pub const IN_FLIGHT: &str = "dancecard_store_calls_in_flight";

    /// A meter for one engine, by the name that the label `engine` is to have. Usually that is what the engine calls itself;
    /// where there are two of a kind, give each a name of its own.
    pub fn new(engine: &'static str) -> Self {
        Self { engine, operations: Default::default(), in_flight: OnceLock::new() }
    }

    fn in_flight(&self) -> &Gauge {
        self.in_flight.get_or_init(|| gauge!(MetricsMeter::IN_FLIGHT, "engine" => self.engine))
    }
}

impl Series {
    fn calls(&self, engine: &'static str, call: &Call) -> Option<&Counter> {
        let (operation, outcome) = (call.operation.name(), call.end.name());
        let cell = self.calls.get(call.end.index())?;
        Some(cell.get_or_init(
            || counter!(MetricsMeter::CALLS, "engine" => engine, "operation" => operation, "outcome" => outcome),
        ))
    }

    fn seconds(&self, engine: &'static str, call: &Call) -> &Histogram {
        let operation = call.operation.name();
        self.seconds
            .get_or_init(|| histogram!(MetricsMeter::SECONDS, "engine" => engine, "operation" => operation))
    }

    fn bytes(&self, engine: &'static str, call: &Call) -> &Counter {
        let operation = call.operation.name();
        self.bytes.get_or_init(|| counter!(MetricsMeter::BYTES, "engine" => engine, "operation" => operation))
    }
}

impl Meter for MetricsMeter {
    fn begin(&self, _: Operation) {
        self.in_flight().increment(1.0);
    }

    fn end(&self, call: &Call) {
        self.in_flight().decrement(1.0);
        let Some(series) = self.operations.get(call.operation as usize) else { return };
        if let Some(calls) = series.calls(self.engine, call) {
            calls.increment(1);
        }
        series.seconds(self.engine, call).record(call.took);
        if call.bytes > 0 {
            series.bytes(self.engine, call).increment(call.bytes as u64);
        }
    }
}

impl fmt::Debug for MetricsMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsMeter").field("engine", &self.engine).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dancecard_core::{
        MemoryStore, Meta, MeteredStore, Record, RecordKey, Store, Timestamp, Version, WriteMode,
    };
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use super::*;

    async fn use_it(store: &impl Store) {
        let key = RecordKey::new(b"key");
        let record = || Record::new(Meta::new(Timestamp::from_millis(0), Timestamp::MAX), vec![b'x'; 40]);
        store.write(&key, record(), WriteMode::Create).await.unwrap();
        store.load(&key).await.unwrap();
        store.load(&key).await.unwrap();
        store.write(&key, record(), WriteMode::Update(Version::from_u64(99))).await.unwrap_err();
    }

    #[test]
    fn calls_are_counted_by_operation_and_outcome() {
        let recorder = DebuggingRecorder::new();
        let snapshots = recorder.snapshotter();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        metrics::with_local_recorder(&recorder, || {
            let store = MeteredStore::new(MemoryStore::new(), MetricsMeter::new("memory"));
            runtime.block_on(use_it(&store));
        });
        let told = snapshots.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
            let labels: Vec<_> = key.key().labels().map(|label| label.value().to_owned()).collect();
            (format!("{} {}", key.key().name(), labels.join(" ")), value)
        });
        let told: BTreeMap<_, _> = told.collect();
        let count = |name: &str| match told.get(name) {
            Some(DebugValue::Counter(count)) => *count,
            other => panic!("{name}: {other:?} of {:?}", told.keys()),
        };
        assert_eq!(count("dancecard_store_calls_total memory load ok"), 2);
        assert_eq!(count("dancecard_store_calls_total memory write ok"), 1);
        assert_eq!(count("dancecard_store_calls_total memory write conflict"), 1);
        assert_eq!(count("dancecard_store_payload_bytes_total memory load"), 80);
        assert_eq!(count("dancecard_store_payload_bytes_total memory write"), 80);
        let Some(DebugValue::Histogram(times)) = told.get("dancecard_store_call_seconds memory load") else {
            panic!("{:?}", told.keys())
        };
        assert_eq!(times.len(), 2);
        assert!(times.iter().all(|seconds| seconds.0 >= 0.0 && seconds.0 < 60.0), "{times:?}");
        assert_eq!(told.get("dancecard_store_calls_in_flight memory"), Some(&DebugValue::Gauge(0.0.into())));
        assert_eq!(told.len(), 8, "{:?}", told.keys());
    }
}
