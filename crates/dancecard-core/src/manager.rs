//! The factory: opens sessions, commits them, and ends them.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::codec::{Codec, JsonCodec};
use crate::error::{Error, ErrorKind, Result};
use crate::hooks::Hooks;
use crate::id::{IdGenerator, RecordKey, SessionId, SystemIds, TOKEN_LEN, Token};
use crate::observe::{Event, EventKind, Fingerprint, FingerprintKey, Observer};
use crate::policy::Policy;
use crate::record::CodecTag;
use crate::session::{Place, Present, Session};
use crate::store::{Capabilities, SharedStore, Store};

mod carrying;
mod committing;
mod ending;
mod hooked;
mod lanes;
mod locating;
mod principals;
mod record;
mod scope;
mod tokens;

pub use carrying::{CarriedAction, CarriedReply};
pub(crate) use committing::{Ending, commit};
pub(crate) use hooked::{commit as commit_hooked, locate as locate_hooked};
pub(crate) use tokens::Tokens;

use lanes::Lanes;

/// Opens sessions without asking the engine, and commits each once. A clone is another handle on the same manager.
///
/// It is complete and safe as made by [`SessionManager::new`]; the `with_` methods refine it.
///
/// ```
/// use dancecard_core::{MemoryStore, SessionManager, TokenAction};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dancecard_core::Error> {
/// let manager = SessionManager::new(MemoryStore::new());
///
/// // A visitor without a token signs in; the adapter sends the token that the commit returns.
/// let session = manager.open([]);
/// session.sign_in("ada")?;
/// let TokenAction::Set { token, .. } = manager.commit(&session).await?.token else { unreachable!() };
///
/// // The next request brings it.
/// let session = manager.open([token.as_str().as_bytes()]);
/// assert_eq!(session.principal().await?, Some("ada".into()));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SessionManager(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    store: SharedStore,
    capabilities: Capabilities,
    /// See [`Store::is_usable`].
    is_usable: bool,
    policy: Policy,
    /// The writer first. The tags are beside them since every read looks for one.
    codecs: Vec<(CodecTag, Arc<dyn Codec>)>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    observer: Option<Arc<dyn Observer>>,
    hooks: Option<Arc<Hooks>>,
    fingerprints: Option<FingerprintKey>,
    namespace: Arc<str>,
    /// What stays when a request is given a store of its own.
    identity: Arc<()>,
    lanes: Arc<Lanes>,
}

/// What a commit came to.
#[derive(Debug, Clone, Copy)]
pub struct Committed {
    /// What the client is to be told about its token.
    pub token: TokenAction,
    /// What was done.
    pub outcome: Outcome,
}

impl Committed {
    pub(crate) const UNTOUCHED: Self = Self { token: TokenAction::Keep, outcome: Outcome::Unchanged };

    pub(crate) const fn new(token: TokenAction, outcome: Outcome) -> Self {
        Self { token, outcome }
    }
}

/// What the client is to be told about its token.
#[derive(Debug, Clone, Copy)]
pub enum TokenAction {
    /// Nothing: it is as it should be.
    Keep,
    /// There is a new one, or another end for the one that it has. It is good until `expires_at` at the latest.
    Set {
        /// The secret.
        token: Token,
        /// The end of the session by its absolute limit.
        expires_at: Timestamp,
    },
    /// It stands for nothing any more.
    Forget,
}

/// What a commit did.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Nothing was stored, because nothing was changed.
    Unchanged,
    /// The expiry was moved.
    Touched,
    /// A session was created.
    Created,
    /// Changes were stored.
    Updated,
    /// The session got a new id, changes included.
    Rotated,
    /// The session was ended.
    Ended,
    /// The session had ended while the request ran; its changes were dropped.
    Dropped,
    /// The session was begun by a sign-in that was undone, since all sessions of the principal were ended meanwhile, or
    /// there were too many. The response must not claim that anybody is signed in.
    Undone,
}

impl SessionManager {
    /// A manager of the sessions in an engine, with the default policy.
    pub fn new(store: impl Store) -> Self {
        let (capabilities, is_usable) = (store.capabilities(), store.is_usable());
        Self(Arc::new(Inner {
            store: SharedStore::new(store),
            capabilities,
            is_usable,
            policy: Policy::default(),
            codecs: vec![(CodecTag::JSON, Arc::new(JsonCodec))],
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            observer: None,
            hooks: None,
            fingerprints: None,
            namespace: Arc::from(""),
            identity: Arc::default(),
            lanes: Arc::default(),
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.identity = Arc::default();
        change(inner);
        self
    }

    /// Sets the rules.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        self.with(|inner| inner.policy = policy)
    }

    /// Writes with this codec from now on. Records of the codecs that were set before stay readable, and change over
    /// when they are next written.
    #[must_use]
    pub fn with_codec(self, codec: impl Codec) -> Self {
        self.with(|inner| {
            let tag = codec.tag();
            inner.codecs.retain(|(other, _)| *other != tag);
            inner.codecs.insert(0, (tag, Arc::new(codec)));
        })
    }

    /// Takes the time from this clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.with(|inner| inner.clock = Arc::new(clock))
    }

    /// Takes new ids from this generator.
    #[must_use]
    pub fn with_ids(self, ids: impl IdGenerator) -> Self {
        self.with(|inner| inner.ids = Arc::new(ids))
    }

    /// Tells this observer what happens, in place of the one before.
    #[must_use]
    pub fn with_observer(self, observer: impl Observer) -> Self {
        self.with(|inner| inner.observer = Some(Arc::new(observer)))
    }

    /// Does this before and after the steps of each session's life, in place of what was set before.
    #[must_use]
    pub fn with_hooks(self, hooks: Hooks) -> Self {
        self.with(|inner| inner.hooks = (!hooks.is_empty()).then(|| Arc::new(hooks)))
    }

    /// Makes fingerprints with this key, so that the logs of several processes can be joined. It must be secret.
    #[must_use]
    pub fn with_fingerprint_key(self, key: [u8; 32]) -> Self {
        self.with(|inner| inner.fingerprints = Some(FingerprintKey::new(key)))
    }

    /// Keeps these sessions apart from those of other managers on the same engine: a token of one means nothing to the
    /// other, and who is signed in here has no sessions there.
    #[must_use]
    pub fn with_namespace(self, namespace: &str) -> Self {
        self.with(|inner| inner.namespace = scope::namespace(namespace))
    }

    /// Opens the session that a client's tokens stand for. Asks nothing of the engine.
    ///
    /// Several tokens are candidates of which the first living one counts: a browser may send several cookies of one
    /// name. Those beyond the fourth are ignored.
    pub fn open<'a>(&self, tokens: impl IntoIterator<Item = &'a [u8]>) -> Session {
        let tokens = Tokens::read(tokens);
        let is_known = tokens.is_empty() && self.0.is_usable;
        let place = if is_known { Place::NoToken } else { Place::Unloaded };
        Session::new(self.clone(), tokens, place)
    }

    /// Does what is due at the end of a request, and seals the session. A second call does nothing more.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when other writers kept getting in first, [`ErrorKind::TooLarge`],
    /// [`ErrorKind::Full`], [`ErrorKind::Unavailable`]. The response must then not claim that anything was stored.
    ///
    /// # Cancel safety
    /// A dropped future leaves the session as it was, or as it was to be.
    #[doc(alias("flush", "finalize"))]
    pub async fn commit(&self, session: &Session) -> Result<Committed> {
        match commit_hooked(&session.shared, Ending::Response) {
            None => commit(&session.shared, Ending::Response).await,
            Some(committing) => committing.await,
        }
    }

    /// Removes expired records, at most `limit`, and says how many. Run it from time to time on engines that don't
    /// expire by themselves.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    #[doc(alias("gc", "cleanup", "clear_expired", "sweep"))]
    pub async fn purge_expired(&self, limit: usize) -> Result<usize> {
        self.told(None, self.0.store.purge_expired(self.now(), limit).await)
    }

    /// The engine, behind its handle.
    pub fn store(&self) -> &SharedStore {
        &self.0.store
    }

    /// What sessions of this manager can do: the engine's abilities, with those that this layer makes up for.
    pub fn capabilities(&self) -> Capabilities {
        self.0.capabilities
    }

    /// Whether this is a handle on the same manager, or on what [`SessionManager::open_carried`] made of it.
    pub fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.identity, &other.0.identity)
    }

    /// The rules.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// The present moment, by this manager's clock.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// What stands for a record in logs.
    pub fn fingerprint(&self, key: &RecordKey) -> Fingerprint {
        self.0.fingerprints.as_ref().unwrap_or_else(|| process_fingerprints()).of(key)
    }

    fn key_of(&self, token: &[u8; TOKEN_LEN]) -> Option<RecordKey> {
        SessionId::parse(token).map(|id| id.key(&self.0.namespace))
    }

    /// The key of a client's token, if there is exactly one.
    pub(crate) fn only_key(&self, tokens: &Tokens) -> Option<RecordKey> {
        match tokens.candidates() {
            [token] => self.key_of(token),
            _ => None,
        }
    }

    /// The keys of a client's tokens.
    pub(crate) fn candidate_keys(&self, tokens: &Tokens) -> Vec<RecordKey> {
        tokens.candidates().iter().filter_map(|token| self.key_of(token)).collect()
    }

    /// Which of a client's tokens stands for a key.
    pub(crate) fn token_of(&self, tokens: &Tokens, key: &RecordKey) -> Option<Token> {
        let ids = tokens.candidates().iter().filter_map(|token| SessionId::parse(token));
        ids.into_iter().find(|id| id.key(&self.0.namespace) == *key).map(|id| id.token())
    }

    pub(crate) fn hooks(&self) -> Option<&Hooks> {
        self.0.hooks.as_deref()
    }

    fn new_id(&self) -> Result<(Token, RecordKey)> {
        let id = self.0.ids.generate()?;
        Ok((id.token(), id.key(&self.0.namespace)))
    }

    fn writer(&self) -> &dyn Codec {
        // There is always one: the list begins with one and none is ever taken out without another put in.
        self.0.codecs.first().map_or(&JsonCodec, |(_, codec)| codec.as_ref())
    }

    fn codec(&self, tag: CodecTag) -> Result<&dyn Codec> {
        let found = self.0.codecs.iter().find(|(other, _)| *other == tag);
        found.map(|(_, codec)| codec.as_ref()).ok_or_else(|| {
            let detail = format!(
                "it was written by codec {}, which is not configured: add that codec (5 is `session.encryption_keys` in a file)",
                tag.0
            );
            Error::new(ErrorKind::Corrupt, "load").with_engine(self.0.store.engine()).with_detail(detail)
        })
    }

    pub(crate) fn find<'a>(&self, present: &'a Present, key: &str) -> Result<Option<Cow<'a, [u8]>>> {
        let found = self.codec(present.versioned.written_meta().codec())?.find(present.payload(), key);
        found.map_err(|error| self.placed(error))
    }

    pub(crate) fn keys(&self, present: &Present) -> Result<Vec<String>> {
        let keys = self.codec(present.versioned.written_meta().codec())?.keys(present.payload());
        keys.map_err(|error| self.placed(error))
    }

    fn tell(&self, kind: EventKind, key: Option<&RecordKey>) {
        self.tell_with(kind, key, None);
    }

    fn tell_failure(&self, key: Option<&RecordKey>, error: &Error) {
        self.tell_with(EventKind::StoreError, key, Some(error));
    }

    /// Tells of a failure. That another writer got in first is not one.
    fn told<T>(&self, key: Option<&RecordKey>, result: Result<T>) -> Result<T> {
        result.inspect_err(|error| {
            if !error.is_conflict() {
                self.tell_failure(key, error)
            }
        })
    }

    fn tell_with(&self, kind: EventKind, key: Option<&RecordKey>, error: Option<&Error>) {
        if self.0.observer.is_some() {
            self.tell_about(kind, key.map(|key| self.fingerprint(key)), error);
        }
    }

    fn tell_about(&self, kind: EventKind, session: Option<Fingerprint>, error: Option<&Error>) {
        if let Some(observer) = &self.0.observer {
            let event = Event { kind, session, engine: self.0.store.engine(), error };
            // An observer that breaks must not keep a session alive that was to end. The panic was reported already.
            let _ = catch_unwind(AssertUnwindSafe(|| observer.on(&event)));
        }
    }
}

fn process_fingerprints() -> &'static FingerprintKey {
    static KEY: std::sync::OnceLock<FingerprintKey> = std::sync::OnceLock::new();
    // Without randomness there are no sessions either; fingerprints then only lose their use for joining logs.
    KEY.get_or_init(|| FingerprintKey::random().unwrap_or_else(|_| FingerprintKey::new([0; 32])))
}

impl fmt::Debug for SessionManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionManager")
            .field("store", &self.0.store)
            .field("policy", &self.0.policy)
            .field("codecs", &self.0.codecs)
            .finish_non_exhaustive()
    }
}
