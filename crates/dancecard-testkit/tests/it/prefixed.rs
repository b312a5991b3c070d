//! Applications that share an engine live side by side.

use std::collections::BTreeMap;
use std::time::Duration;

use dancecard_core::{
    ErrorKind, ListQuery, ManualClock, MemoryStore, Meta, Policy, PrefixedStore, Principal, Record,
    RecordKey, Result, Session, SessionManager, SharedStore, Store, Support, Timestamp, Token, TokenAction,
    Version, WriteMode,
};
use dancecard_testkit::store::collect;
use dancecard_testkit::{Fault, FaultStore, Operation, Random};

fn engine() -> SharedStore {
    SharedStore::new(MemoryStore::new())
}

fn part(engine: &SharedStore, prefix: &str) -> PrefixedStore<SharedStore> {
    PrefixedStore::new(engine.clone(), prefix).expect("a usable prefix")
}

fn key(number: usize) -> RecordKey {
    RecordKey::new(&[number as u8; 32])
}

fn record(payload: &str) -> Record {
    Record::new(Meta::new(Timestamp::from_millis(0), Timestamp::MAX), payload.as_bytes().to_vec())
}

#[test]
fn what_is_no_prefix_is_refused() {
    let long = "x".repeat(32);
    for bad in ["", "a\u{1f}b", "\u{1f}", &long] {
        let error = PrefixedStore::new(MemoryStore::new(), bad).expect_err("no prefix");
        assert_eq!((error.kind(), error.engine()), (ErrorKind::Config, "memory"), "{bad:?}");
        assert!(error.to_string().contains("1 to 31 bytes"), "{error}");
    }
    for good in ["a", "shop", "ä:/ \0", &long[1..]] {
        assert!(PrefixedStore::new(MemoryStore::new(), good).is_ok(), "{good:?}");
    }
}

#[tokio::test]
async fn the_key_in_the_engine_is_the_prefix_a_separator_and_the_key() {
    let engine = engine();
    part(&engine, "shop").write(&key(7), record("a"), WriteMode::Create).await.unwrap();
    let entries = collect(engine.list(ListQuery::all())).await.unwrap();
    assert_eq!(entries[0].key.as_bytes(), [b"shop\x1f".as_slice(), &[7; 32]].concat());
}

/// What each of several applications on an engine should see: an engine of its own.
struct Neighbours {
    parts: Vec<(SharedStore, SharedStore)>,
    versions: BTreeMap<(usize, Vec<u8>), (Version, Version)>,
    random: Random,
}

impl Neighbours {
    fn new(seed: u64) -> Self {
        let shared = engine();
        // Beginnings of each other, and one within another.
        let mut parts: Vec<_> = ["a", "ab", "b"].map(|name| SharedStore::new(part(&shared, name))).into();
        parts.push(SharedStore::new(part(&SharedStore::new(part(&shared, "c")), "ab")));
        let parts = parts.into_iter().map(|part| (part, engine())).collect();
        Self { parts, versions: BTreeMap::new(), random: Random::named(seed, "neighbours") }
    }

    fn record(&mut self) -> Record {
        let who = [None, Some("ada"), Some("bob")][self.random.below(3)];
        let meta = record("").meta.with_principal(who.map(Principal::new));
        match self.random.below(4) {
            0 => Record::new(meta.into_retired(Some(key(self.random.below(4)))), Vec::new()),
            _ => Record::new(meta, self.random.bytes(20)),
        }
    }

    /// Does the same to a part and to the engine that it should be like.
    async fn step(&mut self) -> Result<()> {
        let (place, key, record) =
            (self.random.below(self.parts.len()), key(self.random.below(4)), self.record());
        let (part, alone) = self.parts[place].clone();
        let known = self.versions.get(&(place, key.as_bytes().to_vec())).cloned();
        let (mine, its) = known.unwrap_or((Version::from_u64(0), Version::from_u64(0)));
        let kind = |result: Result<Version>| result.map_err(|error| error.kind());
        let wrote = match self.random.below(6) {
            0 => {
                part.delete(&key).await?;
                alone.delete(&key).await?;
                return Ok(());
            }
            1 => {
                let later = Timestamp::from_millis(1);
                assert_eq!(part.touch(&key, later).await?, alone.touch(&key, later).await?);
                return Ok(());
            }
            2 => (
                kind(part.write(&key, record.clone(), WriteMode::Create).await),
                kind(alone.write(&key, record, WriteMode::Create).await),
            ),
            3 => {
                let (new, marker) =
                    (self::key(9), Record::new(record.meta.clone().into_retired(Some(self::key(9))), vec![]));
                (
                    kind(part.replace(&key, &mine, marker.clone(), &new, record.clone()).await),
                    kind(alone.replace(&key, &its, marker, &new, record).await),
                )
            }
            _ => (
                kind(part.write(&key, record.clone(), WriteMode::Update(mine)).await),
                kind(alone.write(&key, record, WriteMode::Update(its)).await),
            ),
        };
        assert_eq!(wrote.0.is_ok(), wrote.1.is_ok());
        assert_eq!(wrote.0.as_ref().err(), wrote.1.as_ref().err());
        self.note(place).await
    }

    /// The versions that there are now.
    async fn note(&mut self, place: usize) -> Result<()> {
        let (part, alone) = &self.parts[place];
        for entry in collect(alone.list(ListQuery::all())).await? {
            let found = part.load(&entry.key).await?.map(|found| found.version().clone());
            let name = (place, entry.key.as_bytes().to_vec());
            self.versions.insert(name, (found.unwrap_or(Version::from_u64(0)), entry.version));
        }
        Ok(())
    }

    async fn compare(&self) -> Result<()> {
        for (part, alone) in &self.parts {
            assert_eq!(listed(part, ListQuery::all()).await?, listed(alone, ListQuery::all()).await?);
            for who in ["ada", "bob"] {
                let query = || ListQuery::of(who.into());
                assert_eq!(listed(part, query()).await?, listed(alone, query()).await?);
            }
            for number in 0..10 {
                let (found, expected) = (part.load(&key(number)).await?, alone.load(&key(number)).await?);
                let seen = |found: Option<dancecard_core::Versioned>| {
                    found.map(|found| {
                        (found.meta(), found.payload().to_vec(), found.written_meta().successor().cloned())
                    })
                };
                assert_eq!(seen(found), seen(expected));
            }
        }
        Ok(())
    }
}

/// Everything but the versions, which the engine gives as it likes.
async fn listed(
    store: &SharedStore,
    query: ListQuery,
) -> Result<BTreeMap<RecordKey, (Meta, Option<RecordKey>)>> {
    let entries = collect(store.list(query)).await?;
    let count = entries.len();
    let listed: BTreeMap<_, _> = entries
        .into_iter()
        .map(|entry| (entry.key, (entry.meta.clone(), entry.meta.successor().cloned())))
        .collect();
    assert_eq!(listed.len(), count, "one was listed twice");
    Ok(listed)
}

#[tokio::test]
async fn each_application_sees_what_it_would_see_alone() -> Result<()> {
    for seed in 0..40 {
        let mut neighbours = Neighbours::new(seed);
        for step in 0..150 {
            neighbours.step().await?;
            if step % 10 == 0 {
                neighbours.compare().await?;
            }
        }
        neighbours.compare().await?;
    }
    Ok(())
}

/// The provided replace asks whether the old record has this successor, in the engine's keys.
#[tokio::test]
async fn a_replace_whose_answer_is_lost_is_recognised() -> Result<()> {
    let engine = FaultStore::new(MemoryStore::new());
    let faults = engine.faults();
    let store = PrefixedStore::new(Plain(engine), "shop")?;
    let version = store.write(&key(0), record("a"), WriteMode::Create).await?;
    let marker = Record::new(record("").meta.into_retired(Some(key(1))), Vec::new());
    faults.pass(Operation::Write);
    faults.next(Operation::Write, Fault::FailAfter);
    store.replace(&key(0), &version, marker, &key(1), record("a")).await?;
    assert_eq!(store.load(&key(1)).await?.expect("the successor").payload(), b"a");
    let old = store.load(&key(0)).await?.expect("the marker");
    assert_eq!(old.written_meta().successor(), Some(&key(1)));
    Ok(())
}

/// With the replace that the contract provides.
#[derive(Debug)]
struct Plain<S>(S);

impl<S: Store> Store for Plain<S> {
    dancecard_core::forward!(0: engine, capabilities, load, write, delete);
}

/// An application with people in it.
struct App {
    manager: SessionManager,
}

impl App {
    fn new(engine: &SharedStore, prefix: &str, policy: Policy, clock: &ManualClock) -> Self {
        let manager = SessionManager::new(part(engine, prefix)).with_policy(policy).with_clock(clock.clone());
        Self { manager }
    }

    async fn sign_in(&self, who: &str) -> Result<Token> {
        let session = self.manager.open([]);
        session.sign_in(who)?;
        match self.manager.commit(&session).await?.token {
            TokenAction::Set { token, .. } => Ok(token),
            other => panic!("{other:?}"),
        }
    }

    fn open(&self, token: &Token) -> Session {
        self.manager.open([token.as_str().as_bytes()])
    }

    async fn knows(&self, token: &Token) -> Result<bool> {
        Ok(self.open(token).principal().await?.is_some())
    }
}

#[tokio::test]
async fn the_end_of_all_sessions_is_of_one_application() -> Result<()> {
    let (engine, clock) = (engine(), ManualClock::default());
    let [shop, wiki] = ["shop", "wiki"].map(|name| App::new(&engine, name, Policy::default(), &clock));
    let (one, two, other) =
        (shop.sign_in("ada").await?, shop.sign_in("ada").await?, wiki.sign_in("ada").await?);
    assert!(!wiki.knows(&one).await?, "a token of the shop means something to the wiki");
    assert_eq!(shop.manager.sessions_of(&"ada".into()).await?.len(), 2);
    assert_eq!(wiki.manager.sessions_of(&"ada".into()).await?.len(), 1);

    // A sign-in to the wiki is under way, and is none of the shop's business.
    let session = wiki.manager.open([]);
    session.begin_sign_in("ada").await?;
    assert_eq!(shop.manager.end_all(&"ada".into()).await?, 2);
    session.sign_in("ada")?;
    let TokenAction::Set { token, .. } = wiki.manager.commit(&session).await?.token else { panic!() };
    assert!(!shop.knows(&one).await? && !shop.knows(&two).await?);
    assert!(wiki.knows(&other).await? && wiki.knows(&token).await?);
    Ok(())
}

#[tokio::test]
async fn a_limit_of_sessions_counts_those_of_one_application() -> Result<()> {
    let (engine, clock) = (engine(), ManualClock::default());
    let policy = Policy::default().with_max_sessions(2, dancecard_core::AtLimit::EndOldest);
    let [shop, wiki] = ["shop", "wiki"].map(|name| App::new(&engine, name, policy.clone(), &clock));
    let (first, other) = (shop.sign_in("ada").await?, wiki.sign_in("ada").await?);
    clock.advance(Duration::from_secs(1));
    shop.sign_in("ada").await?;
    assert!(shop.knows(&first).await?);
    clock.advance(Duration::from_secs(1));
    shop.sign_in("ada").await?;
    assert!(!shop.knows(&first).await? && wiki.knows(&other).await?);
    Ok(())
}

#[tokio::test]
async fn a_renewed_session_is_followed_to_its_successor() -> Result<()> {
    let (engine, clock) = (engine(), ManualClock::default());
    let policy = Policy::default().with_renewal(Duration::from_secs(600), Duration::from_secs(30));
    let shop = App::new(&engine, "shop", policy, &clock);
    let old = shop.sign_in("ada").await?;
    clock.advance(Duration::from_secs(601));
    let session = shop.open(&old);
    session.set("seen", 1)?;
    assert!(matches!(shop.manager.commit(&session).await?.token, TokenAction::Set { .. }));
    assert_eq!(shop.open(&old).get::<u8>("seen").await?, Some(1), "within the grace");
    Ok(())
}

#[tokio::test]
async fn one_purge_is_enough_for_all() -> Result<()> {
    let engine = engine();
    let over = || Record::new(Meta::new(Timestamp::from_millis(0), Timestamp::from_millis(10)), Vec::new());
    for prefix in ["shop", "wiki"] {
        part(&engine, prefix).write(&key(0), over(), WriteMode::Create).await?;
        part(&engine, prefix).write(&key(1), record("kept"), WriteMode::Create).await?;
    }
    assert_eq!(part(&engine, "shop").purge_expired(Timestamp::from_millis(10), 10).await?, 2);
    assert!(part(&engine, "wiki").load(&key(0)).await?.is_none());
    assert!(part(&engine, "wiki").load(&key(1)).await?.is_some());
    Ok(())
}

#[test]
fn it_claims_what_it_does() {
    let claims = part(&engine(), "shop").capabilities();
    assert_eq!(claims.list, Support::Emulated, "it reads the others' records too");
    assert_eq!(claims.principal_index, Support::Native);
}

#[test]
fn it_shows_its_prefix() {
    let told = format!("{:?}", part(&engine(), "shop"));
    assert!(told.contains("prefix: \"shop\""), "{told}");
}
