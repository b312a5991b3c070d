//! When an engine tries to reach a server that is away: by a listener that notes each attempt, on a clock that stands still
//! while anybody has something to do.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{ErrorKind, Retry, Store};
use dancecard_servers::redis;
use dancecard_store_redis::{Config, RedisStore};
use libtest_mimic::Trial;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{self, Instant};

use crate::world::*;

/// Of an operation.
const DEADLINE: Duration = Duration::from_secs(10);
/// Timers have a resolution of a millisecond.
const TICK: Duration = Duration::from_millis(2);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        paused("backoff::attempts_keep_growing_distances", attempts_keep_growing_distances),
        paused("backoff::a_silent_server_takes_the_deadline", a_silent_server_takes_the_deadline),
        paused(
            "backoff::a_long_outage_costs_two_attempts_a_second",
            a_long_outage_costs_two_attempts_a_second,
        ),
        paused("backoff::an_outage_after_another_begins_anew", an_outage_after_another_begins_anew),
    ]
}

/// A test on one thread, whose clock goes on to the next timer when there is nothing else to do.
fn paused<F: Future<Output = ()>>(name: &str, body: impl FnOnce() -> F + Send + 'static) -> Trial {
    Trial::test(name, move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(true).build()?.block_on(body());
        Ok(())
    })
}

/// What becomes of a connection.
#[derive(Clone)]
enum Fate {
    Closed,
    Unanswered,
    /// It leads to the server with this socket.
    Through(PathBuf),
}

/// Where the engine takes the server to be.
struct Door {
    folder: TempDir,
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    fate: Fate,
    attempts: Vec<Instant>,
    open: Vec<AbortHandle>,
}

impl Door {
    fn new(fate: Fate) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let seen = Arc::new(Mutex::new(Seen { fate, attempts: Vec::new(), open: Vec::new() }));
        tokio::spawn(answer(listener, seen.clone()));
        Self { folder, seen }
    }

    fn config(&self) -> Config {
        config(&format!("unix:{}", self.folder.path().join("s").display())).with_timeout(DEADLINE)
    }

    /// From now on; open connections break.
    fn set(&self, fate: Fate) {
        let mut seen = self.seen.lock();
        seen.fate = fate;
        seen.open.drain(..).for_each(|task| task.abort());
        seen.attempts.clear();
    }

    fn attempts(&self) -> usize {
        self.seen.lock().attempts.len()
    }

    /// The time from each attempt to the next, in milliseconds that they are late at most by [`TICK`].
    fn distances(&self) -> Vec<Duration> {
        self.seen.lock().attempts.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

async fn answer(listener: UnixListener, seen: Arc<Mutex<Seen>>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let fate = {
            let mut seen = seen.lock();
            seen.attempts.push(Instant::now());
            seen.fate.clone()
        };
        let task = match fate {
            Fate::Closed => continue,
            Fate::Unanswered => tokio::spawn(async move {
                let _held = client;
                std::future::pending::<()>().await;
            }),
            Fate::Through(path) => tokio::spawn(forward(client, path)),
        };
        seen.lock().open.push(task.abort_handle());
    }
}

async fn forward(mut client: UnixStream, path: PathBuf) {
    let mut server = UnixStream::connect(path).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

/// So many loads at once, all of which fail. Returns how long that takes.
async fn loads_fail(store: &RedisStore, count: usize) -> Duration {
    let begun = Instant::now();
    let mut loads = JoinSet::new();
    for number in 0..count {
        let store = store.clone();
        loads.spawn(async move { store.load(&key(number)).await });
    }
    while let Some(loaded) = loads.join_next().await {
        assert_is(&loaded.unwrap().unwrap_err(), ErrorKind::Unavailable, Retry::Safe);
    }
    begun.elapsed()
}

#[track_caller]
fn assert_distances(found: &[Duration], wanted: impl IntoIterator<Item = u64>) {
    let wanted: Vec<_> = wanted.into_iter().map(Duration::from_millis).collect();
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    let fits = |(found, wanted): (&Duration, &Duration)| (*wanted..*wanted + TICK).contains(found);
    assert!(found.iter().zip(&wanted).all(fits), "{found:?}");
}

/// A hundred who wait together knock no more often than one.
async fn attempts_keep_growing_distances() {
    for callers in [1, 100] {
        let door = Door::new(Fate::Closed);
        let taken = loads_fail(&connect(&door.config()), callers).await;
        assert!(taken <= DEADLINE + TICK, "{taken:?}");
        // The next one would come after the deadline.
        let growing = [10, 20, 40, 80, 160, 320].into_iter().chain([500; 18]);
        assert_distances(&door.distances(), growing);
    }
}

/// Each attempt has its own limit, and all together have the operation's.
async fn a_silent_server_takes_the_deadline() {
    let door = Door::new(Fate::Unanswered);
    let store = connect(&door.config().with_connect_timeout(Duration::from_secs(2)));
    let taken = loads_fail(&store, 100).await;
    assert!((DEADLINE..DEADLINE + TICK).contains(&taken), "{taken:?}");
    assert_distances(&door.distances(), [2010, 2020, 2040, 2080]);
}

async fn a_long_outage_costs_two_attempts_a_second() {
    let door = Door::new(Fate::Closed);
    let store = connect(&door.config());
    loads_fail(&store, 1).await;
    time::sleep(Duration::from_secs(1)).await;
    door.set(Fate::Closed);
    for _ in 0..5000 {
        assert_eq!(loads_fail(&store, 2).await, Duration::ZERO, "nobody waits");
        time::sleep(Duration::from_millis(1)).await;
    }
    let attempts = door.attempts();
    assert!((10..=11).contains(&attempts), "{attempts} in five seconds");
}

/// The server itself keeps its own time, so the clock goes as usual while it is asked.
async fn an_outage_after_another_begins_anew() {
    let server = redis::start().unwrap();
    let door = Door::new(Fate::Closed);
    let store = connect(&door.config());
    loads_fail(&store, 1).await;
    time::resume();
    door.set(Fate::Through(server.folder().join("redis.sock")));
    until(async || store.health().await.is_ok()).await;
    create(&store, "a").await;
    assert_eq!(door.attempts(), 1, "one connection for all");
    time::pause();
    door.set(Fate::Closed);
    loads_fail(&store, 1).await;
    assert_distances(&door.distances()[..3], [10, 20, 40]);
}
