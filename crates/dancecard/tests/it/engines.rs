//! What holds on every engine, each on its real server: one trial for an engine, since servers take a while to come up.

use std::any::Any;

use dancecard::config::{Engines, engines};
use dancecard::{MemoryStore, Result, SharedStore, Store};
use libtest_mimic::Trial;

use cases::Case;

mod browser;
mod cases;
mod changing;
mod earlier;
mod hostile;
mod registry;

pub(crate) fn trials() -> Vec<Trial> {
    cases::ALL.iter().map(trial).collect()
}

fn trial(case: &'static Case) -> Trial {
    match (case.check)() {
        Ok(()) => crate::trial(format!("engines::{}", case.name), move || run(case)),
        Err(absent) => absent.trial(case.name),
    }
}

async fn run(case: &'static Case) {
    let house = House::of(case);
    changing::from_form_to_form(&house).await;
    let store = house.store();
    // What a browser carries can't be planted in an engine, and its hooks are seen over HTTP.
    if store.client_side().is_none() {
        earlier::are_read_and_change_over(store.clone()).await;
        hostile::are_refused_and_left_alone(&store).await;
        registry::holds_ends(store.clone()).await;
        crate::hooks::hold(store).await;
    }
}

/// An engine, and what lies in it.
struct House {
    engines: Engines,
    engine: String,
    folder: tempfile::TempDir,
    _server: Box<dyn Any>,
}

impl House {
    fn of(case: &Case) -> Self {
        #[derive(Default, serde::Serialize, serde::Deserialize)]
        struct Nothing {}

        let folder = tempfile::tempdir().unwrap();
        let (server, engine) = (case.open)(folder.path()).unwrap();
        let mut engines = engines();
        // One for all managers, where each would have a memory of its own.
        let memory = SharedStore::new(MemoryStore::new());
        engines.register("memory", &[], move |_: Nothing| -> Result<SharedStore> { Ok(memory.clone()) });
        Self { engines, engine, folder, _server: server }
    }

    fn store(&self) -> SharedStore {
        self.engines.open(&self.engine).unwrap()
    }
}
