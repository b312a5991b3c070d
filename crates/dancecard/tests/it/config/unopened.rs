//! An engine is made when it is chosen, and asks for its server when it is used.

use dancecard::Store as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, timeout};

use super::load_in;

trials! {
    opening_makes_no_file,
    opening_connects_to_nothing_and_using_does,
}

const PATIENCE: Duration = Duration::from_secs(30);

async fn opening_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let nowhere = nowhere.display();
    let objects = format!("object:fs?root={nowhere}/objects&last_writer_wins=true");
    let objects = cfg!(feature = "object-fs").then_some(objects);
    for engine in
        [format!("sqlite:{nowhere}/s.db"), format!("file:{nowhere}/sessions")].into_iter().chain(objects)
    {
        let config = load_in(folder.path(), &format!("session: '{engine}'")).unwrap();
        assert!(config.http().is_ok(), "{engine}");
    }
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["config.yml"]);
}

/// Connections are accepted in the order in which they were made: if the first one is ours, nobody connected before.
async fn opening_connects_to_nothing_and_using_does() {
    let folder = tempfile::tempdir().unwrap();
    for engine in ["redis", "postgres", "mysql", "memcached", "mongodb", "s3"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let Some(text) = chosen(engine, &address.to_string()) else { continue };
        let config = load_in(folder.path(), &text).unwrap_or_else(|error| panic!("{engine}: {error}"));
        let http = config.http().unwrap_or_else(|error| panic!("{engine}: {error}"));
        // What an engine might have left to a task of its own gets its turn.
        for _ in 0..10 {
            tokio::task::yield_now().await;
            let own = TcpStream::connect(address).await.unwrap();
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, own.local_addr().unwrap(), "{engine} connected");
        }
        let store = http.manager().store().clone();
        let used = tokio::spawn(async move { store.health().await });
        let accepted = timeout(PATIENCE, listener.accept()).await;
        assert!(accepted.is_ok(), "{engine} does not connect to where it was told");
        used.abort();
    }
}

/// A configuration of this engine at this address, if the build has it.
fn chosen(engine: &str, address: &str) -> Option<String> {
    let s3 = format!(
        "session: object\nengines: {{ session: {{ object: {{ backend: s3, options: {{ bucket: b, region: r, endpoint: \
         'http://{address}', access_key_id: a, secret_access_key: b }} }} }} }}\n"
    );
    match engine {
        "s3" => Some(s3).filter(|_| cfg!(feature = "object-s3")),
        "mongodb" if !cfg!(feature = "mongodb") => None,
        _ => Some(format!("session: '{engine}://{address}/'\n")),
    }
}
