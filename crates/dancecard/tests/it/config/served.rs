//! Dancer's keys lead to real servers: what is written through a file is there when the file is read anew.

use std::any::Any;
use std::path::Path;
use std::result::Result;

use dancecard::config::Config;
use dancecard::{Store as _, TokenAction};
use dancecard_servers as servers;
use dancecard_servers::{Absent, Running};
use libtest_mimic::Trial;

use super::load_in;

/// What clients of the databases have to know, so that the keys for it are used.
const PASSWORD: &str = "quickstep";
/// Time for a busy machine.
const PATIENT: &str = "timeout_ms: 60000";

/// Files whose keys lead to the same place, and whatever has to run for them.
struct Case {
    name: &'static str,
    engine: &'static str,
    check: fn() -> Result<(), Absent>,
    open: fn(&Path) -> Result<Opened, Absent>,
}

type Opened = (Box<dyn Any>, Vec<String>);

const CASES: &[Case] = &[
    Case { name: "files", engine: "file", check: || Ok(()), open: files },
    Case { name: "sqlite", engine: "sqlite", check: || Ok(()), open: sqlite },
    Case { name: "redis", engine: "redis", check: servers::redis::check, open: redis },
    Case { name: "memcached", engine: "memcached", check: servers::memcached::check, open: memcached },
    Case { name: "postgres", engine: "postgres", check: servers::postgres::check, open: postgres },
    Case { name: "mariadb", engine: "mysql", check: servers::mariadb::check, open: mariadb },
    #[cfg(feature = "mongodb")]
    Case { name: "mongodb", engine: "mongodb", check: servers::mongod::check, open: mongodb },
];

pub(crate) fn trials() -> Vec<Trial> {
    CASES.iter().map(trial).collect()
}

fn trial(case: &'static Case) -> Trial {
    match (case.check)() {
        Ok(()) => crate::trial(format!("config::served::{}", case.name), move || run(case)),
        Err(absent) => absent.trial(&format!("config::served::{}", case.name)),
    }
}

async fn run(case: &Case) {
    let folder = tempfile::tempdir().unwrap();
    let (_server, texts) = (case.open)(folder.path()).unwrap();
    let load = |text: &str| load_in(folder.path(), text).unwrap_or_else(|error| panic!("{text}{error}"));
    for text in &texts {
        assert_eq!(load(text).store().unwrap().engine(), case.engine, "{text}");
        let token = written(&load(text)).await;
        // Each file of a case leads there, and one that led elsewhere would find nothing.
        for other in &texts {
            assert_eq!(read(&load(other), &token).await.as_deref(), Some("waltz"), "{text}{other}");
        }
        destroyed(&load(text), &token).await;
        assert_eq!(read(&load(text), &token).await, None, "{text}");
    }
}

async fn written(config: &Config) -> Vec<u8> {
    let manager = config.manager().unwrap();
    let session = manager.open([]);
    session.set("dance", "waltz").unwrap();
    match manager.commit(&session).await.unwrap().token {
        TokenAction::Set { token, .. } => token.as_str().as_bytes().to_vec(),
        other => panic!("{other:?}"),
    }
}

async fn read(config: &Config, token: &[u8]) -> Option<String> {
    config.manager().unwrap().open([token]).get("dance").await.unwrap()
}

async fn destroyed(config: &Config, token: &[u8]) {
    let manager = config.manager().unwrap();
    let session = manager.open([token]);
    session.destroy().unwrap();
    manager.commit(&session).await.unwrap();
}

fn on(server: Running, texts: Vec<String>) -> Opened {
    (Box::new(server), texts)
}

fn files(folder: &Path) -> Result<Opened, Absent> {
    let path = folder.join("sessions");
    let path = path.display();
    let texts = vec![
        format!("session: JSON\nsession_dir: {path}\n"),
        format!(
            "session: KiokuDB\nkiokudb_backend: Files\nkiokudb_backend_opts: {{ dir: {path}, create: 1 }}\n"
        ),
        format!("session: JSON\nengines: {{ session: {{ JSON: {{ session_dir: {path} }} }} }}\n"),
    ];
    Ok((Box::new(()), texts))
}

fn sqlite(folder: &Path) -> Result<Opened, Absent> {
    let dsn = format!("dsn: 'dbi:SQLite:dbname={}'", folder.join("s.db").display());
    let texts = vec![
        format!("session: DBI\nsession_options: {{ {dsn}, user: '', password: '' }}\n"),
        format!("session: KiokuDB\nkiokudb_backend: DBI\nkiokudb_backend_opts: {{ {dsn}, create: 1 }}\n"),
    ];
    Ok((Box::new(()), texts))
}

fn redis(_: &Path) -> Result<Opened, Absent> {
    let options = servers::redis::Options { password: Some(PASSWORD.to_owned()), ..Default::default() };
    let server = servers::redis::start_with(options)?;
    let address = server.address();
    let texts = vec![
        format!(
            "session: Redis\nredis_session: {{ server: '{address}', password: {PASSWORD}, database: 2 }}\n\
             engines: {{ session: {{ Redis: {{ prefix: 'app:', {PATIENT} }} }} }}\n"
        ),
        format!(
            "session: Redis\nengines: {{ session: {{ Redis: {{ redis_server: '{address}', redis_password: {PASSWORD}, \
             database: 2, redis_key: 'app:%s', {PATIENT} }} }} }}\n"
        ),
    ];
    Ok(on(server, texts))
}

fn memcached(_: &Path) -> Result<Opened, Absent> {
    let server = servers::memcached::start()?;
    let address = server.address();
    let texts = vec![
        format!(
            "session: Memcached\nmemcached_servers: '{address}'\nengines: {{ session: {{ Memcached: {{ {PATIENT} }} }} }}\n"
        ),
        format!(
            "session: Memcached\nengines: {{ session: {{ Memcached: {{ memcached_servers: ['{address}'], {PATIENT} }} }} }}\n"
        ),
    ];
    Ok(on(server, texts))
}

fn postgres(_: &Path) -> Result<Opened, Absent> {
    let options = servers::postgres::Options { password: Some(PASSWORD.to_owned()), ..Default::default() };
    let server = servers::postgres::start_with(options)?;
    let texts = by_dsn(&format!("dbi:Pg:dbname=postgres;host=127.0.0.1;port={}", server.port()));
    Ok(on(server, texts))
}

fn mariadb(_: &Path) -> Result<Opened, Absent> {
    let options = servers::mariadb::Options { password: Some(PASSWORD.to_owned()), ..Default::default() };
    let server = servers::mariadb::start_with(options)?;
    let texts = by_dsn(&format!("dbi:mysql:database=dancecard;host=127.0.0.1;port={}", server.port()));
    Ok(on(server, texts))
}

/// In the keys of Dancer 1, of Dancer 2, and of KiokuDB.
fn by_dsn(dsn: &str) -> Vec<String> {
    vec![
        format!(
            "session: DBI\nsession_options: {{ dsn: '{dsn}', user: dancecard, password: {PASSWORD}, table: dances }}\n\
             engines: {{ session: {{ DBI: {{ {PATIENT} }} }} }}\n"
        ),
        format!(
            "session: DBI\nengines: {{ session: {{ DBI: {{ dsn: '{dsn}', dbuser: dancecard, dbpass: {PASSWORD}, \
             dbtable: dances, {PATIENT} }} }} }}\n"
        ),
        format!(
            "session: KiokuDB\nkiokudb_backend: DBI\nkiokudb_backend_opts: {{ dsn: '{dsn}', user: dancecard, \
             password: {PASSWORD}, table: dances }}\nengines: {{ session: {{ KiokuDB: {{ {PATIENT} }} }} }}\n"
        ),
    ]
}

#[cfg(feature = "mongodb")]
fn mongodb(_: &Path) -> Result<Opened, Absent> {
    let server = servers::mongod::start()?;
    let address = server.address();
    let texts = vec![
        format!(
            "session: MongoDB\nmongodb_host: '{address}'\nmongodb_session_db: shop\nmongodb_session_coll: dances\n\
             engines: {{ session: {{ MongoDB: {{ {PATIENT} }} }} }}\n"
        ),
        format!(
            "session: MongoDB\nengines: {{ session: {{ MongoDB: {{ database_name: shop, collection_name: dances, \
             client_options: {{ host: 'mongodb://{address}' }}, {PATIENT} }} }} }}\n"
        ),
    ];
    Ok(on(server, texts))
}
