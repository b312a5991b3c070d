//! The engine beside bare rusqlite: what a read and a write cost this process.
//!
//! The same columns of the same table in a file of its own, by prepared statements, with the same settings. An application
//! that must not block its runtime has rusqlite called on threads that may block (*threads*); one that doesn't care calls it
//! where it stands (*in place*), which no server should.

use std::path::Path;
use std::sync::{Arc, Mutex};

use dancecard_core::{Store, WriteMode};
use dancecard_store_sqlite::{Config, SqliteStore, Synchronous};
use dancecard_testkit::Beside;
use rusqlite::{Connection, params};

use crate::{PAYLOAD, TASKS, key, place, record};

const SELECT: &str = "SELECT version, expires_at, meta, payload FROM dancecard_session WHERE id = ?1";
const UPDATE: &str = "UPDATE dancecard_session SET version = ?2, expires_at = ?3, principal = ?4, meta = ?5, \
    payload = ?6 WHERE id = ?1 AND version = ?7";

/// Both, at one level of flushing: many sessions at once, and one at a time.
pub(crate) async fn compare(level: Synchronous, each: usize, beside: &mut Beside) {
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
        beside.set_tasks(tasks);
        let name = |what| format!("{what}, {level:?}, {tasks} at once, {way:?}");
        let own = |task| read(Arc::clone(&ours), task, each);
        let by_hand = |task| read_bare(Arc::clone(&bare), task, each, way);
        beside.in_turn(&name("read"), way.aim(Beside::READ), each, own, by_hand).await;
        let own = |task| write(Arc::clone(&ours), task, each);
        let by_hand = |task| write_bare(Arc::clone(&bare), task, each, way);
        beside.in_turn(&name("write"), way.aim(Beside::WRITE), each, own, by_hand).await;
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

impl Way {
    /// A call in place holds up all other tasks of its thread: what it saves is no measure for what doesn't.
    fn aim(self, aim: f64) -> Option<f64> {
        matches!(self, Self::Threads).then_some(aim)
    }
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
