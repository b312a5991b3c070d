//! The engine itself.

use std::fmt;
use std::sync::Arc;

use dancecard_core::{
    Capabilities, Clock, Error, ErrorKind, Record, RecordKey, Result, Store, SystemClock, Version, Versioned,
    WriteMode,
};

use tokio::runtime::Handle;

use crate::capabilities::capabilities;
use crate::command::{Command, Condition, Item};
use crate::config::Config;
use crate::connection::Answer;
use crate::error::{self, ENGINE, Failure, Operation};
use crate::greeting::Facts;
use crate::item;
use crate::reply::Status;
use crate::ring::Ring;
use crate::server::Server;

/// Sessions in memcached.
///
/// See the [crate's page](crate) for what it promises. It connects when it is first used, and again by itself; it has
/// one connection to each server, which all callers share. It works within a tokio runtime.
///
/// ```no_run
/// use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
/// use dancecard_store_memcached::MemcachedStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemcachedStore::from_url("memcached://127.0.0.1:11211")?;
/// let key = RecordKey::new(b"key");
/// let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX);
/// store.write(&key, Record::new(meta, b"{}".to_vec()), WriteMode::Create).await?;
/// assert_eq!(store.load(&key).await?.expect("not evicted yet").payload(), b"{}");
/// # Ok(()) }
/// ```
pub struct MemcachedStore {
    config: Arc<Config>,
    ring: Ring,
    servers: Vec<Arc<Server>>,
}

impl MemcachedStore {
    /// An engine with this configuration. It does no I/O.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for settings out of bounds.
    pub fn connect(config: Config) -> Result<Self> {
        let addresses = config.validate()?;
        let names: Vec<_> = addresses.iter().map(|address| address.ring_name()).collect();
        let config = Arc::new(config);
        let servers = addresses.into_iter().map(|address| Arc::new(Server::new(address, config.clone())));
        Ok(Self { ring: Ring::new(&names), servers: servers.collect(), config })
    }

    /// An engine as a URL describes it; see [`Config::from_url`].
    ///
    /// # Errors
    /// [`ErrorKind::Config`].
    pub fn from_url(url: &str) -> Result<Self> {
        Self::connect(Config::from_url(url)?)
    }

    /// Asks the server of a key, or, where that is allowed, the next one that can be reached.
    async fn ask<'c>(
        &self,
        key: &[u8],
        operation: Operation,
        prepare: impl Fn(Facts) -> Result<Command<'c>, Failure>,
    ) -> Result<(Answer, Facts)> {
        if !self.config.failover {
            let asked = self.server(self.ring.owner(key))?.ask(&prepare).await;
            return asked.map_err(|failure| failure.into_error(operation));
        }
        let mut first = None;
        for server in self.ring.order(key) {
            match self.server(server)?.ask(&prepare).await {
                Err(failure) if failure.allows_another_server() => first = first.or(Some(failure)),
                asked => return asked.map_err(|failure| failure.into_error(operation)),
            }
        }
        Err(first.unwrap_or_else(Failure::no_server).into_error(operation))
    }

    fn server(&self, number: usize) -> Result<&Arc<Server>> {
        self.servers.get(number).ok_or_else(|| Failure::no_server().into_error(Operation::HEALTH))
    }

    async fn store(&self, key: &RecordKey, record: &Record, wanted: Wanted) -> Result<Version> {
        let key = item::key(&self.config.prefix, key);
        let mut head = Vec::with_capacity(64);
        record.meta.encode(&mut head);
        let ttl = item::ttl(record.meta.expires_at(), SystemClock.now(), self.config.slack());
        let item = Item { head: &head, body: &record.payload, flags: item::flags(record), ttl };
        let prepare = |facts: Facts| {
            let condition = wanted.condition(facts).ok_or_else(Failure::conflict)?;
            match facts.excess(&key, item.head.len() + item.body.len()) {
                Some(bytes) => Err(Failure::too_large(bytes, facts.item_limit)),
                None => Ok(Command::Set { key: &key, item, condition }),
            }
        };
        let (answer, facts) = self.ask(&key, Operation::WRITE, prepare).await?;
        match (answer.status, answer.cas) {
            (Status::Done, Some(cas)) => Ok(item::version(facts.life, cas)),
            (Status::NotStored | Status::Changed | Status::Absent, _) => Err(conflict()),
            _ => Err(error::unexpected(Operation::WRITE)),
        }
    }

    fn check_size(&self, record: &Record) -> Result<()> {
        let (bytes, most) = (record.payload.len(), self.config.max_payload);
        if bytes > most { Err(above_the_limit(bytes, most)) } else { Ok(()) }
    }
}

fn above_the_limit(bytes: usize, most: usize) -> Error {
    let remedy = format!("the payload has {bytes} bytes, max_payload allows {most}");
    error::new(ErrorKind::TooLarge, "write").with_detail(remedy)
}

/// On which condition a record is stored.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    Absent,
    Unchanged { life: u64, cas: u64 },
    Anything,
}

impl Wanted {
    /// As a condition for a server in its present life; `None` if it can't hold there.
    fn condition(self, facts: Facts) -> Option<Condition> {
        match self {
            Self::Absent => Some(Condition::Absent),
            Self::Anything => Some(Condition::Always),
            Self::Unchanged { life, cas } => (life == facts.life).then_some(Condition::Unchanged(cas)),
        }
    }
}

fn conflict() -> Error {
    error::new(ErrorKind::Conflict, "write")
}

impl fmt::Debug for MemcachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemcachedStore").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Store for MemcachedStore {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(&self.config)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        let key = item::key(&self.config.prefix, key);
        let (answer, facts) = self.ask(&key, Operation::LOAD, |_| Ok(Command::Get(&key))).await?;
        match (answer.status, answer.cas) {
            (Status::Value, Some(cas)) => {
                item::versioned(answer.value, answer.flags, item::version(facts.life, cas)).map(Some)
            }
            (Status::Absent, _) => Ok(None),
            _ => Err(error::unexpected(Operation::LOAD)),
        }
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        self.check_size(&record)?;
        let wanted = match mode {
            WriteMode::Create => Wanted::Absent,
            WriteMode::Update(version) => {
                let (life, cas) = item::life_and_cas(&version).ok_or_else(conflict)?;
                Wanted::Unchanged { life, cas }
            }
            WriteMode::Overwrite => Wanted::Anything,
            _ => return Err(self.unsupported("write")),
        };
        self.store(key, &record, wanted).await
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        let key = item::key(&self.config.prefix, key);
        let (answer, _) = self.ask(&key, Operation::DELETE, |_| Ok(Command::Delete(&key))).await?;
        match answer.status {
            Status::Done | Status::Absent => Ok(()),
            _ => Err(error::unexpected(Operation::DELETE)),
        }
    }

    /// Asks every server, all at once.
    async fn health(&self) -> Result<()> {
        let runtime =
            Handle::try_current().map_err(|_| Failure::no_runtime().into_error(Operation::HEALTH))?;
        let asked: Vec<_> = self.servers.iter().map(|server| runtime.spawn(ping(server.clone()))).collect();
        let mut health = Ok(());
        for answer in asked {
            health = health.and(answer.await.unwrap_or_else(|_| Err(Failure::no_runtime())));
        }
        health.map_err(|failure| failure.into_error(Operation::HEALTH))
    }
}

async fn ping(server: Arc<Server>) -> Result<(), Failure> {
    server.ask(|_| Ok(Command::Ping)).await.map(drop)
}
