//! The engine itself.

use std::fmt;
use std::sync::Arc;

use dancecard_core::{
    BoxStream, Capabilities, Entry, ErrorKind, ListQuery, Record, RecordKey, Result, Retry, Store, Timestamp,
    Version, Versioned, WriteMode,
};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::capabilities::capabilities;
use crate::client::{Client, Condition, Got};
use crate::conditions::Conditions;
use crate::config::Config;
use crate::dangling::{Sightings, Since};
use crate::error::{self, ENGINE, Step};
use crate::index::{self, Parting};
use crate::name::{Name, Owner, Paths};
use crate::object::{self, Fault, Nonce, Object};
use crate::opening;
use crate::service::{self, Traits};
use crate::task::outcome;
use crate::version::{State, Token};

/// How many records of a service in this process can be changed at the same time.
const LANES: usize = 64;

/// Sessions in an object store.
///
/// See the [crate's page](crate) for what it promises.
///
/// ```
/// use dancecard_core::{Meta, Record, RecordKey, Store, Timestamp, WriteMode};
/// use dancecard_store_object::{Config, ObjectStore};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// let store = ObjectStore::connect(Config::new("memory"))?;
/// let key = RecordKey::new(b"key");
/// let meta = Meta::new(Timestamp::from_millis(0), Timestamp::MAX);
/// store.write(&key, Record::new(meta, b"{}".to_vec()), WriteMode::Create).await?;
/// assert_eq!(store.load(&key).await?.expect("just written").payload(), b"{}");
/// # Ok(()) }
/// ```
pub struct ObjectStore {
    pub(crate) client: Arc<Client>,
    pub(crate) paths: Paths,
    pub(crate) config: Arc<Config>,
    traits: Traits,
    pub(crate) sightings: Sightings,
    opened: Arc<OnceCell<()>>,
    lanes: Box<[Mutex<()>]>,
}

/// A record that was read, and which state of it.
pub(crate) struct Found {
    pub(crate) record: Record,
    pub(crate) key: Option<RecordKey>,
    pub(crate) state: State,
}

/// A record to be written.
struct Draft {
    name: Name,
    nonce: Nonce,
    owner: Option<Owner>,
    bytes: Vec<u8>,
}

impl ObjectStore {
    /// An engine with settings from a URL; [`Config::from_url`] says how they are written.
    ///
    /// # Errors
    /// Those of [`Config::from_url`] and [`ObjectStore::connect`].
    pub fn from_url(url: &str) -> Result<Self> {
        Self::connect(Config::from_url(url)?)
    }

    /// An engine with these settings. Nothing is sent yet: the service is first asked when it is needed.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for settings out of bounds, a backend that is not there, that does not take its options, or
    /// that can't compare before it writes, unless [`Config::last_writer_wins`] is set.
    pub fn connect(config: Config) -> Result<Self> {
        config.validate()?;
        let (client, traits) = service::client(&config)?;
        let paths = Paths::new(&config.prefix);
        let lanes = (0..LANES).map(|_| Mutex::default()).collect();
        Ok(Self {
            client: Arc::new(client),
            paths,
            config: Arc::new(config),
            traits,
            sightings: Sightings::default(),
            opened: Arc::default(),
            lanes,
        })
    }

    /// Sees once that there are objects of ours, or none.
    ///
    /// It goes on by itself: one who comes first, and whom nobody polls any more, holds up no other.
    pub(crate) async fn ready(&self, operation: &'static str) -> Result<()> {
        if self.opened.initialized() {
            return Ok(());
        }
        let opening = self.opening(operation);
        if self.client.is_here() {
            return opening.await;
        }
        let opened = outcome(tokio::spawn(opening).await);
        opened.unwrap_or_else(|| Err(error::abandoned(operation, Step::Read)))
    }

    fn opening(&self, operation: &'static str) -> impl Future<Output = Result<()>> + Send + 'static {
        let (client, paths, config) =
            (Arc::clone(&self.client), self.paths.clone(), Arc::clone(&self.config));
        let opened = Arc::clone(&self.opened);
        async move {
            let open = async || {
                client.open(|| service::files(&config, operation))?;
                opening::open(&client, &paths, config.create, operation).await
            };
            opened.get_or_try_init(open).await.map(drop)
        }
    }

    /// The record of this name, if there is one.
    pub(crate) async fn find(&self, name: &Name, operation: &'static str) -> Result<Option<Found>> {
        find(&self.client, &self.paths, name, operation).await
    }

    /// Waits until nobody else of this engine changes the record, where the service does not see to that.
    pub(crate) async fn alone(&self, name: &Name) -> Option<MutexGuard<'_, ()>> {
        if self.client.conditions().is_remote() {
            return None;
        }
        let lane = self.lanes.get(name.lane() % self.lanes.len())?;
        Some(lane.lock().await)
    }

    fn draft(&self, key: &RecordKey, record: &Record, operation: &'static str) -> Result<Draft> {
        if record.payload.len() > self.config.max_payload {
            let sizes =
                format!("it has {} bytes; max_payload is {}", record.payload.len(), self.config.max_payload);
            return Err(error::new(ErrorKind::TooLarge, operation).with_detail(sizes));
        }
        let nonce = nonce(operation)?;
        let name = Name::of(key);
        let told = name.key().is_none().then_some(key);
        let bytes = object::encode(nonce, told, record);
        let bytes = bytes.ok_or_else(|| error::new(ErrorKind::TooLarge, operation))?;
        Ok(Draft { name, nonce, owner: record.meta.principal().map(Owner::of), bytes })
    }

    async fn create(&self, draft: Draft) -> Result<State> {
        let condition = match self.client.conditions() {
            Conditions::Nobody { creates: false } => {
                let found = self.client.get(&self.paths.record(&draft.name), "write").await?;
                if found.is_some() {
                    return Err(error::new(ErrorKind::Conflict, "write"));
                }
                Condition::Nothing
            }
            _ => Condition::Absent,
        };
        self.put(draft, condition).await
    }

    async fn update(&self, draft: Draft, expected: &Version) -> Result<State> {
        let conflict = || error::new(ErrorKind::Conflict, "write");
        let before = State::of(expected).ok_or_else(conflict)?;
        if self.client.conditions() == Conditions::Alone {
            let found = self.find(&draft.name, "write").await?;
            if found.is_none_or(|found| found.state != before) {
                return Err(conflict());
            }
            return self.succeed(draft, before.owner, Condition::Nothing).await;
        }
        self.succeed(draft, before.owner, Condition::At(&before.token)).await
    }

    async fn overwrite(&self, draft: Draft) -> Result<State> {
        let before = match self.client.conditions() {
            Conditions::Alone => self.find(&draft.name, "write").await.unwrap_or_default(),
            // Whose it was is not asked; whoever lists an entry looks at the record.
            _ => None,
        };
        self.succeed(draft, before.and_then(|found| found.state.owner), Condition::Nothing).await
    }

    /// Writes a record in place of one that was this owner's.
    async fn succeed(&self, draft: Draft, before: Option<Owner>, condition: Condition<'_>) -> Result<State> {
        let Some(left) = before.filter(|owner| draft.owner != Some(*owner)) else {
            return self.put_as(draft, before, condition).await;
        };
        let name = draft.name.clone();
        let parting = index::part(&self.client, &self.paths, left, &name, "write").await?;
        let state = self.put_as(draft, before, condition).await?;
        index::leave(&self.client, parting, "write").await;
        Ok(state)
    }

    async fn put(&self, draft: Draft, condition: Condition<'_>) -> Result<State> {
        self.put_as(draft, None, condition).await
    }

    /// Writes a record whose principal has its entry already if it is the one it had before.
    async fn put_as(&self, draft: Draft, before: Option<Owner>, condition: Condition<'_>) -> Result<State> {
        let Draft { name, nonce, owner, bytes } = draft;
        let (since, entered) = (Since::now(), owner.filter(|owner| before != Some(*owner)));
        if let Some(owner) = entered {
            index::enter(&self.client, &self.paths, owner, &name, nonce, "write").await?;
        }
        let token = self.client.put(&self.paths.record(&name), bytes, condition, "write").await?;
        if let Some(owner) = entered {
            // The record is written, whatever becomes of this.
            self.look_after(owner, &name, since).await.map_err(|error| error.with_retry(Retry::Unknown))?;
        }
        Ok(State { token: token.unwrap_or(Token::Nonce(nonce)), owner })
    }

    /// Looks whose record is about to go.
    pub(crate) async fn part(
        &self,
        found: Option<&Found>,
        name: &Name,
        operation: &'static str,
    ) -> Result<Parting> {
        match found.and_then(|found| found.state.owner) {
            Some(owner) => index::part(&self.client, &self.paths, owner, name, operation).await,
            None => Ok(Parting::Nothing),
        }
    }
}

/// A random number that no other object holds.
pub(crate) fn nonce(operation: &'static str) -> Result<Nonce> {
    let mut nonce = Nonce::default();
    getrandom::fill(&mut nonce)
        .map_err(|cause| error::new(ErrorKind::Random, operation).with_source(cause))?;
    Ok(nonce)
}

/// The record of this name, if there is one.
pub(crate) async fn find(
    client: &Client,
    paths: &Paths,
    name: &Name,
    operation: &'static str,
) -> Result<Option<Found>> {
    let got = client.get(&paths.record(name), operation).await?;
    got.map(|got| read(got).map_err(|fault| error::unreadable(operation, fault))).transpose()
}

fn read(got: Got) -> Result<Found, Fault> {
    let Object { nonce, key, record } = object::decode(&got.bytes)?;
    let owner = record.meta.principal().map(Owner::of);
    Ok(Found { record, key, state: State { token: got.token.unwrap_or(Token::Nonce(nonce)), owner } })
}

impl fmt::Debug for ObjectStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStore").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Store for ObjectStore {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(&self.client, self.traits, &self.config)
    }

    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>> {
        self.ready("load").await?;
        let found = self.find(&Name::of(key), "load").await?;
        Ok(found.map(|found| Versioned::new(found.record, found.state.to_version())))
    }

    async fn write(&self, key: &RecordKey, record: Record, mode: WriteMode) -> Result<Version> {
        self.ready("write").await?;
        let draft = self.draft(key, &record, "write")?;
        let name = draft.name.clone();
        let _alone = self.alone(&name).await;
        let state = match mode {
            WriteMode::Create => self.create(draft).await?,
            WriteMode::Overwrite => self.overwrite(draft).await?,
            WriteMode::Update(expected) if self.capabilities().conditional_write.is_supported() => {
                self.update(draft, &expected).await?
            }
            _ => return Err(self.unsupported("write")),
        };
        Ok(state.to_version())
    }

    async fn delete(&self, key: &RecordKey) -> Result<()> {
        self.ready("delete").await?;
        let name = Name::of(key);
        let _alone = self.alone(&name).await;
        let found = match self.find(&name, "delete").await {
            Ok(None) => return Ok(()),
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::Corrupt => None,
            Err(error) => return Err(error),
        };
        let parting = self.part(found.as_ref(), &name, "delete").await?;
        self.client.remove(&self.paths.record(&name), "delete").await?;
        index::leave(&self.client, parting, "delete").await;
        Ok(())
    }

    fn list(&self, query: ListQuery) -> BoxStream<'_, Result<Entry>> {
        Box::pin(self.entries(query))
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize> {
        self.ready("purge").await?;
        self.purge(now, limit).await
    }

    async fn health(&self) -> Result<()> {
        self.ready("health").await?;
        match self.client.exists(&self.paths.mark(), "health").await? {
            true => Ok(()),
            false => {
                Err(error::config("health", "the objects are gone; the bucket was emptied or exchanged"))
            }
        }
    }
}
