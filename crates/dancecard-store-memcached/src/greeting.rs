//! What is said first on a connection: who we are, and what the server is.
//!
//! A server's compare-and-swap numbers begin anew when it is restarted, so a number alone would not tell a record from
//! one that an earlier life of the server had. Each life is therefore marked with a random number, kept in an item
//! that goes with everything else when the server goes. A version holds that mark too. It is read when a connection
//! is made; since no connection outlives the server, a command always meets the life that its connection was told of.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::address::Address;
use crate::command::{Command, Condition, Item};
use crate::config::Config;
use crate::connection::{Answer, Connection, Reply};
use crate::error::Failure;
use crate::reply::{Refusal, Status};
use crate::stream::Stream;

/// What memcached adds to key and value, at most: its header, the number for compare-and-swap, flags, ends.
const OVERHEAD: usize = 128;
/// Before the server has said how large its items may be, a reply may have this many bytes.
const MODEST: usize = 64 << 10;
/// What a record has beside its payload, usually far less.
const BESIDE_PAYLOAD: usize = 64 << 10;

/// What is known of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The mark of its present life.
    pub(crate) life: u64,
    /// How large an item may be, with its key and what memcached adds; `usize::MAX` if it would not say.
    pub(crate) item_limit: usize,
}

impl Facts {
    /// How many bytes an item of this key and value takes, if that is more than the server has room for.
    pub(crate) fn excess(&self, key: &[u8], value: usize) -> Option<usize> {
        let bytes = key.len() + value + OVERHEAD;
        (bytes > self.item_limit).then_some(bytes)
    }
}

/// Connects to a server, signs in if there is a user, and asks what must be known: one round trip, two with a user.
///
/// # Errors
/// When the server is not there, not memcached, too old, or refuses the user.
pub(crate) async fn open(
    address: &Address,
    config: &Config,
    runtime: &Handle,
    deadline: Instant,
) -> Result<(Arc<Connection>, Facts), Failure> {
    let stream = Stream::connect(address).await.map_err(|cause| Failure::unreachable(address, cause))?;
    let connection = Connection::start(stream, config.queue, MODEST, runtime);
    let greeting = Greeting { address, connection: &connection, deadline };
    let facts = greeting.run(config).await.inspect_err(|_| connection.close())?;
    let known = facts.item_limit.min(config.max_payload.saturating_add(BESIDE_PAYLOAD));
    connection.set_largest_value(if facts.item_limit == usize::MAX { known } else { facts.item_limit });
    Ok((connection, facts))
}

struct Greeting<'a> {
    address: &'a Address,
    connection: &'a Connection,
    deadline: Instant,
}

impl Greeting<'_> {
    async fn run(&self, config: &Config) -> Result<Facts, Failure> {
        if let (Some(user), Some(password)) = (&config.username, &config.password) {
            // Alone: until it is done, the server reads nothing else.
            self.accept(self.send(&Command::SignIn { user, password })?).await?;
        }
        let key = mark_key(&config.prefix);
        let own = random()?;
        let text = format!("{own:016x}");
        let item = Item { head: text.as_bytes(), body: b"", flags: 0, ttl: 0 };
        let mark = Command::Set { key: &key, item, condition: Condition::Absent };
        let (marked, found) = (self.send(&mark)?, self.send(&Command::Get(&key))?);
        let settings = self.send(&Command::Settings)?;
        self.check_mark(self.wait(marked).await?)?;
        // A server that is full may have no room for the mark. Then versions are good for this connection only.
        let life = life(&self.accept(found).await?.value).unwrap_or(own);
        let item_limit = item_limit(&self.accept(settings).await?.value).unwrap_or(usize::MAX);
        Ok(Facts { life, item_limit })
    }

    /// Whether the mark was set, or is there; and whether the server tells its compare-and-swap numbers when it is
    /// written to, as old ones don't.
    fn check_mark(&self, answer: Answer) -> Result<(), Failure> {
        match answer {
            Answer { status: Status::Refused(Refusal::OutOfMemory), .. } => Ok(()),
            Answer { status: Status::Done | Status::NotStored, cas: Some(_), .. } => Ok(()),
            Answer { status: Status::Refused(refusal), .. } => Err(Failure::refused(self.address, refusal)),
            _ => Err(Failure::stranger(self.address)),
        }
    }

    fn send(&self, command: &Command<'_>) -> Result<Reply, Failure> {
        self.connection.submit(command).map_err(|lost| Failure::greeting(self.address, lost))
    }

    async fn wait(&self, reply: Reply) -> Result<Answer, Failure> {
        let answer = self.connection.wait(reply, self.deadline).await;
        answer.map_err(|lost| Failure::greeting(self.address, lost))
    }

    async fn accept(&self, reply: Reply) -> Result<Answer, Failure> {
        match self.wait(reply).await? {
            Answer { status: Status::Refused(refusal), .. } => Err(Failure::refused(self.address, refusal)),
            answer => Ok(answer),
        }
    }
}

/// No record has this key: theirs end in an even number of hexadecimal digits.
fn mark_key(prefix: &str) -> Vec<u8> {
    format!("{prefix}server-life").into_bytes()
}

fn random() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| Failure::no_randomness())?;
    Ok(u64::from_le_bytes(bytes))
}

fn life(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 16)?;
    u64::from_str_radix(text, 16).ok()
}

fn item_limit(settings: &[u8]) -> Option<usize> {
    let settings = std::str::from_utf8(settings).ok()?;
    let line = settings.lines().find_map(|line| line.strip_prefix("STAT item_size_max "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_read_as_it_is_written() {
        for mark in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            assert_eq!(life(format!("{mark:016x}").as_bytes()), Some(mark));
        }
        for foreign in [&b""[..], b"12", b"zzzzzzzzzzzzzzzz", b"0123456789abcdef0", b"\xff\xff"] {
            assert_eq!(life(foreign), None);
        }
    }

    #[test]
    fn the_limit_is_found_among_the_settings() {
        let settings = b"STAT maxconns 1024\r\nSTAT item_size_max 1048576\r\nSTAT x y\r\n";
        assert_eq!(item_limit(settings), Some(1 << 20));
        assert_eq!(item_limit(b""), None);
    }
}
