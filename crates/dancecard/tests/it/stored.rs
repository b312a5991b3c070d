//! How much room a session takes on a server, by the server's own word.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use dancecard::codec::MessagePackCodec;
use dancecard::redis::{Config, RedisStore};
use dancecard::{Session, SessionId, SessionManager, SharedStore, Store, TokenAction};
use dancecard_servers::{Absent, Running, redis, valkey};
use libtest_mimic::Trial;

use profile::PROFILE;

/// The session of the benchmarks. They are a workspace of their own.
#[allow(unreachable_pub)]
#[path = "../../../../benches/src/profile.rs"]
mod profile;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("redis", redis::check(), redis::start), trial("valkey", valkey::check(), valkey::start)]
}

type Start = fn() -> Result<Running, Absent>;

fn trial(name: &str, found: Result<(), Absent>, start: Start) -> Trial {
    match found {
        Ok(()) => crate::trial(format!("stored::{name}"), move || hardly_more_than_the_session(start)),
        Err(absent) => absent.trial(name),
    }
}

/// What is under its key is at most 1.1 times what the serializer made of the session, and at most 950 bytes.
async fn hardly_more_than_the_session(start: Start) {
    let server = start().unwrap();
    let visitor: fn(&Session) = |_| {};
    let member = |session: &Session| session.sign_in("ada@example.org").unwrap();
    for who in [visitor, member] {
        let (serialized, stored) = sizes(&server, who).await;
        println!("{serialized} bytes of MessagePack are stored in {stored}");
        assert!(serialized > 750, "{serialized}: this is not the session of the benchmarks");
        assert!(stored > serialized && stored * 10 <= serialized * 11, "{serialized} {stored}");
        assert!(stored <= 950, "{stored}");
    }
}

/// The bytes of the session of the benchmarks as the serializer gives them, and as the server has them.
async fn sizes(server: &Running, who: fn(&Session)) -> (usize, usize) {
    let config = Config::from_url(&server.url()).unwrap();
    let store = SharedStore::new(RedisStore::connect(config.clone()).unwrap());
    let manager = SessionManager::new(store.clone()).with_codec(MessagePackCodec);
    let session = manager.open([]);
    session.set("user", "ada").unwrap();
    session.set("profile", &*PROFILE).unwrap();
    who(&session);
    let TokenAction::Set { token, .. } = manager.commit(&session).await.unwrap().token else {
        panic!("no token")
    };
    let key = SessionId::parse(token.as_str().as_bytes()).unwrap().key("");
    let record = store.load(&key).await.unwrap().unwrap();
    // It is what comes back.
    let again = manager.open([token.as_str().as_bytes()]);
    let found: serde_json::Value = again.get("profile").await.unwrap().unwrap();
    assert_eq!(found, serde_json::to_value(&*PROFILE).unwrap());
    let name = [config.prefix.as_bytes(), b"s", key.as_bytes()].concat();
    (record.payload().len(), strlen(server.address(), &name))
}

/// Asks the server past the engine.
fn strlen(server: SocketAddr, name: &[u8]) -> usize {
    let mut stream = TcpStream::connect(server).unwrap();
    let head = format!("*2\r\n$6\r\nSTRLEN\r\n${}\r\n", name.len());
    stream.write_all(&[head.as_bytes(), name, b"\r\n"].concat()).unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    answer.strip_prefix(':').unwrap().trim_end().parse().unwrap()
}
