//! Events for `tracing`.

use dancecard_core::{Error, Event, EventKind, Observer};
use tracing::{Level, event};

/// Writes each event with target `dancecard`, the session as its fingerprint.
///
/// Levels follow what an operator would do about it: the ordinary life of a session is `DEBUG`; what changes who may do
/// what is `INFO`; a failing engine is `ERROR`. A stale or made-up cookie is not alarming by itself, so it is `DEBUG` too:
/// count it with metrics.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingObserver;

impl Observer for TracingObserver {
    fn on(&self, event: &Event<'_>) {
        match event.kind {
            EventKind::StoreError | EventKind::HookFailed => write_error(event),
            EventKind::Created | EventKind::Rotated | EventKind::Destroyed | EventKind::SignInUndone => {
                write_info(event)
            }
            _ => write_debug(event),
        }
    }
}

macro_rules! writer {
    ($name:ident, $level:expr) => {
        fn $name(event: &Event<'_>) {
            let session = event.session.map(tracing::field::display);
            let error = event.error.map(Error::to_string);
            event!(
                target: "dancecard",
                $level,
                event = event.kind.name(),
                engine = event.engine,
                session,
                error,
            );
        }
    };
}

writer!(write_error, Level::ERROR);
writer!(write_info, Level::INFO);
writer!(write_debug, Level::DEBUG);

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use dancecard_core::{MemoryStore, SessionManager, TokenAction};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    async fn life_of_a_session(manager: &SessionManager) -> Vec<String> {
        let session = manager.open([]);
        session.sign_in("ada@example.org").unwrap();
        session.set("secret-key", "secret-value").unwrap();
        let TokenAction::Set { token, .. } = manager.commit(&session).await.unwrap().token else { panic!() };
        let session = manager.open([token.as_str().as_bytes()]);
        session.destroy().unwrap();
        manager.commit(&session).await.unwrap();
        vec![token.as_str().into(), "ada@example.org".into(), "secret".into()]
    }

    #[test]
    fn events_are_written_and_secrets_are_not() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let manager = SessionManager::new(MemoryStore::new()).with_observer(TracingObserver);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let secrets =
            tracing::subscriber::with_default(subscriber, || runtime.block_on(life_of_a_session(&manager)));
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        for event in ["created", "loaded", "destroyed"] {
            assert!(text.contains(&format!("event=\"{event}\"")), "{event} is missing in {text}");
        }
        assert!(text.contains("engine=\"memory\"") && text.contains("session="), "{text}");
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    }
}
