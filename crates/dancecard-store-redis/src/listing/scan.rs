//! The keys of all records, node by node.
//!
//! A server walks through its table of keys in an order that stays the same while it runs, and may give a key twice. So
//! keys are remembered, by a hash each. A server that was restarted, or another that took its place, has another order:
//! then its walk begins again.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};

use dancecard_core::{RecordKey, Result};

use super::{Keys, PAGE};
use crate::backend::Inner;
use crate::dial::Line;
use crate::error::{self, Failure, Trouble};
use crate::link::Link;
use crate::wire::{Command, Reply};

/// How often a walk begins again before it is given up.
const RESTARTS: usize = 16;

#[derive(Default)]
pub(super) struct Scan {
    /// The nodes that are left, the present one last. `None` before the first step.
    nodes: Option<Vec<Arc<Link>>>,
    /// Where the walk through the present node goes on.
    cursor: Vec<u8>,
    /// The connection by which it began.
    line: Weak<Line>,
    restarts: usize,
    seen: Seen,
}

impl Scan {
    /// The next keys. `None` at the end.
    pub(super) async fn next(&mut self, inner: &Inner) -> Result<Keys> {
        loop {
            let Some(link) = self.node(inner).await? else { return Ok(None) };
            let keys = self.step(inner, &link).await?;
            if self.cursor == b"0" {
                self.nodes.as_mut().and_then(Vec::pop);
                self.begin();
            }
            if !keys.is_empty() {
                return Ok(Some(keys));
            }
        }
    }

    async fn node(&mut self, inner: &Inner) -> Result<Option<Arc<Link>>> {
        if self.nodes.is_none() {
            let nodes = inner.servers.nodes(inner.reading()).await;
            self.nodes = Some(nodes.map_err(|failure| failure.of_read("list"))?);
        }
        Ok(self.nodes.as_ref().and_then(|nodes| nodes.last()).cloned())
    }

    /// A walk is begun, and ends, at 0.
    fn begin(&mut self) {
        self.cursor.clear();
        self.line = Weak::new();
    }

    async fn step(&mut self, inner: &Inner, link: &Link) -> Result<Vec<RecordKey>> {
        let from = if self.cursor.is_empty() { &b"0"[..] } else { &self.cursor };
        let scan = Command::new("SCAN").arg(from).arg("MATCH").arg(inner.names.pattern());
        let scan = scan.arg("COUNT").number(PAGE as i64);
        let answer = crate::servers::one(link, &scan, inner.reading()).await;
        let answer = answer.map_err(|failure| failure.of_read("list"))?;
        if !self.cursor.is_empty() && !std::ptr::eq(self.line.as_ptr(), Arc::as_ptr(&answer.line)) {
            self.restart()?;
            return Ok(Vec::new());
        }
        self.line = Arc::downgrade(&answer.line);
        match answer.reply {
            Reply::Refused(refusal) => Err(refusal.to_error("list")),
            reply => self.read(inner, &reply).ok_or_else(|| error::unreadable("list")),
        }
    }

    fn restart(&mut self) -> Result<()> {
        self.begin();
        self.restarts += 1;
        if self.restarts <= RESTARTS {
            return Ok(());
        }
        let trouble = Trouble::unavailable("the connection to a server broke too often during one listing");
        Err(Failure::unsent(trouble).of_read("list"))
    }

    /// The cursor, and the names that it passed.
    fn read(&mut self, inner: &Inner, reply: &Reply) -> Option<Vec<RecordKey>> {
        let [cursor, names] = reply.as_many()? else { return None };
        self.cursor = cursor.as_bytes()?.to_vec();
        let keys = names.as_many()?.iter().filter_map(|name| inner.names.key(name.as_bytes()?));
        Some(keys.filter(|key| self.seen.add(key)).collect())
    }
}

/// Keys that were seen, as 128 bits each: among a billion of them, two have the same with a chance of one in 10^20.
#[derive(Default)]
struct Seen {
    hashers: (RandomState, RandomState),
    hashes: HashSet<(u64, u64)>,
}

impl Seen {
    /// Whether it is new.
    fn add(&mut self, key: &RecordKey) -> bool {
        self.hashes.insert((self.hashers.0.hash_one(key), self.hashers.1.hash_one(key)))
    }
}
