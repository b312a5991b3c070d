//! The conformance suite of the engine contract, on real servers: on one, and on three that share the keys.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dancecard_servers::memcached::{self, Options};
use dancecard_servers::{Absent, Running};
use dancecard_store_memcached::{Config, MemcachedStore};
use dancecard_testkit::store::{self, Expiring, Opened, Subject};
use dancecard_testkit::{Failure, Outcome};
use libtest_mimic::Trial;
use parking_lot::Mutex;

fn main() {
    let trials = one().and_then(|mut trials| {
        trials.extend(three()?);
        Ok(trials)
    });
    store::run(trials.unwrap_or_else(|absent| vec![absent.trial("memcached")]));
}

fn one() -> Result<Vec<Trial>, Absent> {
    let servers = Arc::new(vec![memcached::start()?]);
    Ok(store::trials("memcached", move || open(servers.clone())))
}

fn three() -> Result<Vec<Trial>, Absent> {
    let servers = (0..3).map(|_| memcached::start()).collect::<Result<Vec<_>, _>>()?;
    let servers = Arc::new(servers);
    Ok(store::trials("memcached-ring", move || open(servers.clone())))
}

/// A prefix of its own for each case.
async fn open(servers: Arc<Vec<Running>>) -> Opened {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let prefix = format!("case-{}:", COUNT.fetch_add(1, Ordering::Relaxed));
    let config = config(&servers).with_prefix(prefix);
    let (other, small) = (config.clone(), Arc::new(Mutex::new(Vec::new())));
    let brief = config.clone().with_expiry_slack(Duration::from_secs(2));
    let servers_kept = (servers.clone(), small.clone());
    Ok(Subject::new(connect(config)?)
        .with_peer(move || std::future::ready(connect(other.clone())))
        .with_limited(move || std::future::ready(limited(&small)))
        .with_expiring(move || std::future::ready(expiring(&brief, &servers)))
        .keeping(servers_kept))
}

fn expiring(config: &Config, servers: &Arc<Vec<Running>>) -> Outcome<Expiring> {
    let (store, prefix, servers) = (connect(config.clone())?, config.prefix.clone(), servers.clone());
    Ok(Expiring::new(store, move |key| {
        let name = format!("{prefix}{}", key.to_hex());
        let held = servers.iter().map(|server| is_held(server, &name)).collect::<io::Result<Vec<_>>>();
        let held = held.map_err(|error| Failure::new("an answer", error.to_string()));
        std::future::ready(held.map(|held| held.contains(&true)))
    }))
}

/// Asks a server past the engine.
fn is_held(server: &Running, name: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(server.address())?;
    stream.write_all(format!("mg {name}\r\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    match answer.trim_end() {
        "HD" => Ok(true),
        "EN" => Ok(false),
        _ => Err(io::Error::other(answer)),
    }
}

/// With a deadline that a busy machine does not miss.
fn config(servers: &[Running]) -> Config {
    Config::new(servers.iter().map(|server| server.address().to_string()))
        .with_timeout(Duration::from_secs(30))
}

fn connect(config: Config) -> Outcome<MemcachedStore> {
    Ok(MemcachedStore::connect(config)?)
}

/// On a server that may not evict, with room for some thousand records.
fn limited(kept: &Mutex<Vec<Running>>) -> Outcome<MemcachedStore> {
    let options = Options { memory: 4, arguments: vec!["-M".to_owned()] };
    let failed = |absent: Absent| Failure::new("a small server", absent.to_string());
    let server = memcached::start_with(options).map_err(failed)?;
    let store = connect(config(std::slice::from_ref(&server)))?;
    kept.lock().push(server);
    Ok(store)
}
