//! Nothing that is printed gives away a token, a key, a payload, a principal or a device.

use std::error::Error as _;
use std::fmt::{Debug, Display};

use dancecard_core::{
    Capabilities, CodecTag, Entry, Error, ErrorKind, Event, EventKind, Facts, JsonCodec, Lifetime, ListQuery,
    Meta, Observer, Outcome, Policy, Principal, Record, Result, SessionId, SessionManager, SharedStore,
    Store, SystemIds, TokenAction, WriteMode,
};
use parking_lot::Mutex;
use std::sync::Arc;

use crate::house::{House, key_of};
use crate::probe::When;

const VALUE: &str = "pa55-w0rd-of-hers";
const NAME: &str = "ada@example.org";
const AGENT: &str = "Mosaic/2.7";
const ADDRESS: &str = "192.0.2.77";

/// Everything that was printed.
#[derive(Debug, Clone, Default)]
struct Paper(Arc<Mutex<Vec<String>>>);

impl Paper {
    fn debug(&self, thing: &impl Debug) {
        self.0.lock().extend([format!("{thing:?}"), format!("{thing:#?}")]);
    }

    fn display(&self, thing: &impl Display) {
        self.0.lock().push(thing.to_string());
    }

    fn error(&self, error: &Error) {
        self.debug(error);
        self.display(error);
        let mut cause = error.source();
        while let Some(source) = cause {
            self.0.lock().extend([format!("{source:?}"), source.to_string()]);
            cause = source.source();
        }
    }
}

impl Observer for Paper {
    fn on(&self, event: &Event<'_>) {
        self.debug(event);
        event.error.into_iter().for_each(|error| self.error(error));
    }
}

/// What must not be found: the secret in every form in which it could be printed.
fn secrets(token: &str, key: &dancecard_core::RecordKey) -> Vec<String> {
    let bytes = |bytes: &[u8]| {
        let list = format!("{bytes:?}");
        list.trim_matches(['[', ']']).to_owned()
    };
    let mut secrets: Vec<String> = [VALUE, NAME, "ada", AGENT, ADDRESS, token].map(str::to_owned).to_vec();
    secrets.extend([key.to_hex(), key.to_hex().to_uppercase(), bytes(key.as_bytes())]);
    secrets.extend([VALUE, NAME, token].map(|text| bytes(text.as_bytes())));
    secrets
}

fn print_plain_types(paper: &Paper) {
    paper.debug(&(
        Policy::default(),
        Lifetime::default(),
        Capabilities::new(),
        JsonCodec,
        SystemIds,
        CodecTag::JSON,
    ));
    paper.debug(&(Principal::from(NAME), ListQuery::of(NAME.into()), Outcome::Created));
    Facts::all().take(3).for_each(|facts| paper.debug(&facts));
    for kind in EventKind::ALL {
        paper.debug(&kind);
    }
}

async fn print_store(paper: &Paper, house: &House, key: &dancecard_core::RecordKey) -> Result<()> {
    let found = house.stored(key).await.expect("it is stored");
    let record = Record::new(found.meta(), found.payload().to_vec());
    paper.debug(&(&found, &record, found.version(), key, house.store.memory()));
    let meta: Meta = found.meta();
    paper.debug(&(meta, WriteMode::Update(found.version().clone()), SharedStore::new(house.store.clone())));
    let entries: Vec<Entry> = house.manager.sessions_of(&NAME.into()).await?;
    assert_eq!(entries.len(), 1);
    paper.debug(&entries);
    Ok(())
}

/// Errors of all kinds, with the secrets in play.
async fn print_errors(paper: &Paper, house: &House, token: &[u8]) -> Result<()> {
    let open = || house.manager.open([token]);
    paper.error(&open().get::<u64>("password").await.unwrap_err());
    paper.error(&open().get::<Vec<u8>>("password").await.unwrap_err());
    let session = open();
    session.update("password", |n: &mut u64| *n += 1)?;
    paper.error(&house.manager.commit(&session).await.unwrap_err());
    paper.error(&session.set(VALUE, 1).unwrap_err());
    let odd = std::collections::BTreeMap::from([((VALUE, NAME), VALUE)]);
    paper.error(&open().set(VALUE, odd).unwrap_err());

    let small: SessionManager = house.manager.clone().with_policy(Policy::default().with_max_payload(10));
    let session = small.open([token]);
    session.set(VALUE, VALUE)?;
    paper.error(&small.commit(&session).await.unwrap_err());
    for kind in [ErrorKind::Unavailable, ErrorKind::Corrupt, ErrorKind::Other] {
        house.store.calls();
        house.store.fail_with(0, When::Before, kind);
        paper.error(&open().get::<u64>("password").await.unwrap_err());
    }
    print_damage(paper, house, token).await
}

async fn print_damage(paper: &Paper, house: &House, token: &[u8]) -> Result<()> {
    let key = SessionId::parse(token).expect("it parses").key("");
    let meta = house.stored(&key).await.expect("it is stored").meta();
    for damage in [format!("{{\"password\":\"{VALUE}\""), format!("{VALUE} {NAME}"), format!("[\"{VALUE}\"]")]
    {
        let record = Record::new(meta.clone(), damage.into_bytes());
        house.store.memory().write(&key, record, WriteMode::Overwrite).await?;
        paper.error(&house.manager.open([token]).get::<String>("password").await.unwrap_err());
    }
    Ok(())
}

#[tokio::test]
async fn nothing_that_is_printed_gives_a_secret_away() -> Result<()> {
    let (mut house, paper) = (House::new(), Paper::default());
    house.manager = house.manager.with_observer(paper.clone());
    let session = house.manager.open([]);
    session.set_device(Some(AGENT), Some(ADDRESS));
    session.set("password", VALUE)?;
    session.sign_in(NAME)?;
    paper.debug(&session);
    let committed = house.manager.commit(&session).await?;
    paper.debug(&(committed, &session, session.status(), session.fingerprint(), session.live()?));
    let TokenAction::Set { token, .. } = committed.token else { panic!("no token") };
    let key = key_of(&token);
    paper.debug(&(token, SessionId::parse(token.as_str().as_bytes())));
    paper.debug(&(session.load().await?, session.typed::<String>("password"), &house.manager));
    session.fingerprint().iter().for_each(|fingerprint| paper.display(fingerprint));

    print_plain_types(&paper);
    print_store(&paper, &house, &key).await?;
    print_errors(&paper, &house, token.as_str().as_bytes()).await?;

    let printed = paper.0.lock().clone();
    assert!(printed.len() > 60, "{} texts are too few", printed.len());
    for secret in secrets(token.as_str(), &key) {
        for text in &printed {
            assert!(!text.contains(&secret), "{text} gives {secret} away");
        }
    }
    Ok(())
}
