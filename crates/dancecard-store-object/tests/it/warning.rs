//! Who names no backend is warned, once.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use dancecard_core::{Store, WriteMode};
use dancecard_store_object::{Config, ObjectStore};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::world::*;

trials![memory_by_default_with_one_warning];

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Level, String)>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        about.target().starts_with("dancecard")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push((*event.metadata().level(), text.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

async fn memory_by_default_with_one_warning() {
    let log = Log::default();
    let stores: Vec<_> = tracing::subscriber::with_default(log.clone(), || {
        (0..3).map(|_| ObjectStore::connect(Config::default()).unwrap()).collect()
    });
    for store in &stores {
        store.write(&key("a"), bulk(1), WriteMode::Create).await.unwrap();
    }
    let said = log.0.lock().unwrap().clone();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].0 == Level::WARN && said[0].1.contains("no backend is named"), "{said:?}");
}
