//! The engine beside bare rusqlite: what a read and a write cost this process.
//!
//! The same columns of the same table in a file of its own, by prepared statements, with the same settings. An application
//! that must not block its runtime has rusqlite called on threads that may block (*threads*); one that doesn't care calls it
//! where it stands (*in place*), which no server should. Each line is processor time of this process, user and system, per
//! operation: the median of the rounds, and of the ratios of neighbours.

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dancecard_core::{Store, WriteMode};
use dancecard_store_sqlite::{Config, SqliteStore, Synchronous};
use rusqlite::{Connection, params};
use rustix::time::{ClockId, clock_gettime};

use crate::{PAYLOAD, TASKS, key, place, record};

const SELECT: &str = "SELECT version, expires_at, meta, payload FROM dancecard_session WHERE id = ?1";
const UPDATE: &str = "UPDATE dancecard_session SET version = ?2, expires_at = ?3, principal = ?4, meta = ?5, \
    payload = ?6 WHERE id = ?1 AND version = ?7";

/// Both, at one level of flushing: many sessions at once, and one at a time.
pub(crate) async fn compare(level: Synchronous, rounds: usize, each: usize) {
    let directory = tempfile::tempdir_in(place()).unwrap();
    let ours = Arc::new(open(&directory.path().join("ours.db"), level));
    fill(&ours).await;
    let path = directory.path().join("bare.db");
    let other = open(&path, level);
    fill(&other).await;
    other.close().await;
    let bare = Arc::new(Bare::open(&path, level));
    for (tasks, way) in [(TASKS, Way::Threads), (TASKS, Way::InPlace), (1, Way::Threads), (1, Way::InPlace)] {
        // Alone, a task has to work longer for its time to be seen.
        let each = if tasks == 1 { each * 10 } else { each };
        let run = Run { rounds, each, tasks };
        run.beside(
            &format!("read, {level:?}, {tasks} at once, {way:?}"),
            |task| read(Arc::clone(&ours), task, each),
            |task| read_bare(Arc::clone(&bare), task, each, way),
        )
        .await;
        run.beside(
            &format!("write, {level:?}, {tasks} at once, {way:?}"),
            |task| write(Arc::clone(&ours), task, each),
            |task| write_bare(Arc::clone(&bare), task, each, way),
        )
        .await;
    }
}

fn open(path: &Path, level: Synchronous) -> SqliteStore {
    SqliteStore::connect(Config::new(path).with_synchronous(level)).unwrap()
}

async fn fill(store: &SqliteStore) {
    for task in 0..TASKS {
        store.write(&key(task), record(task), WriteMode::Create).await.unwrap();
    }
}

struct Run {
    rounds: usize,
    each: usize,
    tasks: usize,
}

impl Run {
    async fn beside<A, B>(&self, name: &str, ours: impl Fn(usize) -> A, bare: impl Fn(usize) -> B)
    where
        A: Future<Output = ()> + Send + 'static,
        B: Future<Output = ()> + Send + 'static,
    {
        let mut rounds = Vec::new();
        for _ in 0..self.rounds {
            let own = self.cost(&ours).await;
            rounds.push((own, self.cost(&bare).await));
        }
        let median = |of: fn(&(f64, f64)) -> f64| {
            let mut all: Vec<f64> = rounds.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        let (own, bare, ratio) = (median(|round| round.0), median(|round| round.1), median(|(a, b)| a / b));
        println!("{name:<36} {own:>9.2} {bare:>9.2} {ratio:>7.2}");
    }

    /// Microseconds of processor time per operation.
    async fn cost<F: Future<Output = ()> + Send + 'static>(&self, work: &impl Fn(usize) -> F) -> f64 {
        let begun = processor_time();
        let tasks: Vec<_> = (0..self.tasks).map(|task| tokio::spawn(work(task))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        (processor_time() - begun).as_secs_f64() * 1e6 / (self.tasks * self.each) as f64
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

async fn read(store: Arc<SqliteStore>, task: usize, each: usize) {
    let key = key(task);
    for _ in 0..each {
        assert_eq!(store.load(&key).await.unwrap().unwrap().payload().len(), PAYLOAD);
    }
}

async fn write(store: Arc<SqliteStore>, task: usize, each: usize) {
    let key = key(task);
    let mut version = store.load(&key).await.unwrap().unwrap().version().clone();
    for number in 0..each {
        version = store.write(&key, record(number), WriteMode::Update(version)).await.unwrap();
    }
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Threads,
    InPlace,
}

/// As many connections as the engine has, and where each session is.
struct Bare {
    readers: [Mutex<Connection>; 2],
    writer: Mutex<Connection>,
    ids: Vec<i64>,
}

impl Bare {
    fn open(path: &Path, level: Synchronous) -> Self {
        let connect = || {
            let connection = Connection::open(path).unwrap();
            connection.pragma_update(None, "synchronous", format!("{level:?}")).unwrap();
            Mutex::new(connection)
        };
        let find = |task| {
            let (connection, key) = (connect(), key(task));
            let row = connection.lock().unwrap().query_row(
                "SELECT id FROM dancecard_session WHERE key = ?1",
                [key.as_bytes()],
                |row| row.get(0),
            );
            row.unwrap()
        };
        Self { readers: [connect(), connect()], writer: connect(), ids: (0..TASKS).map(find).collect() }
    }

    fn select(&self, task: usize) -> (i64, Vec<u8>) {
        let connection = self.readers[task % 2].lock().unwrap();
        let mut statement = connection.prepare_cached(SELECT).unwrap();
        let row = statement.query_row([self.ids[task]], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?, row.get::<_, Vec<u8>>(3)?))
        });
        let (version, _, meta, payload) = row.unwrap();
        assert_eq!(payload.len(), PAYLOAD);
        (version, meta)
    }

    fn update(&self, task: usize, number: usize, version: i64, meta: &[u8]) -> i64 {
        let (id, next, expires_at) = (self.ids[task], version + 1, 1_767_229_200_000 + number as i64);
        let connection = self.writer.lock().unwrap();
        let mut statement = connection.prepare_cached(UPDATE).unwrap();
        let values = params![id, next, expires_at, "somebody", meta, vec![b'x'; PAYLOAD], version];
        assert_eq!(statement.execute(values).unwrap(), 1);
        next
    }
}

async fn by<T: Send + 'static>(way: Way, work: impl FnOnce() -> T + Send + 'static) -> T {
    match way {
        Way::Threads => tokio::task::spawn_blocking(work).await.unwrap(),
        Way::InPlace => work(),
    }
}

async fn read_bare(bare: Arc<Bare>, task: usize, each: usize, way: Way) {
    for _ in 0..each {
        let bare = Arc::clone(&bare);
        by(way, move || bare.select(task)).await;
    }
}

async fn write_bare(bare: Arc<Bare>, task: usize, each: usize, way: Way) {
    let (mut version, meta) = bare.select(task);
    for number in 0..each {
        let (bare, meta) = (Arc::clone(&bare), meta.clone());
        version = by(way, move || bare.update(task, number, version, &meta)).await;
    }
}
