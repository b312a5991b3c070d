//! What changes records: each a script, and in a cluster one more for the index, which comes first.
//!
//! A principal's index is on another node than most of its records. It is told of a record before the record is
//! stored, and never told of an earlier end than it knew. So whatever happens in between, an index may name what is not
//! there, which a listing looks after, and never lacks what is.

use dancecard_core::{ErrorKind, RecordKey, Result, Timestamp, Version};

use crate::backend::Inner;
use crate::error::{self, Refusal, Trouble};
use crate::form::{Tag, sortable};
use crate::lives::Life;
use crate::scripts::{self, Arg, Call};
use crate::servers::Effort;
use crate::wire::Reply;

/// Where a script learns the length of the prefix: nowhere, as it has no index to keep.
const NO_INDEX: Arg<'static> = Arg::Bytes(b"");

/// On what condition a record is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Absent,
    Any,
    At([u8; 8]),
}

impl Condition {
    /// The record must have this version. `None` for one that this engine can't have made.
    pub(crate) fn of(version: &Version) -> Option<Self> {
        version.as_bytes().try_into().ok().map(Self::At)
    }

    fn arg(&self) -> Arg<'_> {
        match self {
            Self::Absent => Arg::Bytes(b""),
            Self::Any => Arg::Bytes(b"*"),
            Self::At(version) => Arg::Bytes(version),
        }
    }
}

/// What is stored of a record.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) bytes: Vec<u8>,
    pub(crate) version: u64,
    pub(crate) tag: Option<Tag>,
    pub(crate) life: Life,
}

impl Inner {
    /// The length of the prefix for a script that keeps indexes.
    fn prefix(&self) -> Arg<'static> {
        if self.config.is_cluster() { NO_INDEX } else { Arg::Number(self.names.length()) }
    }

    /// Stores a record on a condition.
    pub(crate) async fn store(&self, key: &RecordKey, value: &Value, condition: Condition) -> Result<()> {
        let (name, effort) = (self.names.record(key), self.writing());
        if let Some(tag) = value.tag.filter(|_| self.config.is_cluster()) {
            let grows = condition == Condition::Absent;
            self.announce(key, tag, &value.life, grows, effort, "write").await?;
        }
        let args = [
            condition.arg(),
            Arg::Bytes(&value.bytes),
            value.life.span(),
            self.prefix(),
            value.life.minute(),
            value.life.since(),
        ];
        // A visitor is in no index.
        let count = if value.tag.is_some() { 6 } else { 4 };
        let args = args.get(..count).unwrap_or_default();
        let call = Call { script: &scripts::WRITE, keys: &[&name], args };
        let reply = self.run(&call, effort, "write").await?;
        if reply == Reply::Refused(Refusal::Full) && condition != Condition::Absent {
            // A record that does not grow needs no memory. An ended session must be able to be marked as such.
            let smaller = Call { script: &scripts::SHRINK, ..call };
            return done(self.run(&smaller, effort, "write").await?, "write");
        }
        done(reply, "write")
    }

    /// Retires one record and stores its successor, in one step.
    pub(crate) async fn exchange(
        &self,
        old: &RecordKey,
        condition: Condition,
        retired: &Value,
        new: &RecordKey,
        value: &Value,
    ) -> Result<()> {
        let (old, new) = (self.names.record(old), self.names.record(new));
        let args = [
            condition.arg(),
            Arg::Bytes(&retired.bytes),
            retired.life.span(),
            Arg::Bytes(&value.bytes),
            value.life.span(),
            self.prefix(),
            value.life.minute(),
            value.life.since(),
        ];
        let call = Call { script: &scripts::REPLACE, keys: &[&old, &new], args: &args };
        done(self.run(&call, self.writing(), "replace").await?, "replace")
    }

    /// Removes a record.
    pub(crate) async fn remove(&self, key: &RecordKey) -> Result<()> {
        let name = self.names.record(key);
        let call = Call { script: &scripts::DELETE, keys: &[&name], args: &[self.prefix()] };
        done(self.run(&call, self.repeating(), "delete").await?, "delete")
    }

    /// Moves the end of a record forward, and says whether there is one.
    pub(crate) async fn extend(&self, key: &RecordKey, expires_at: Timestamp) -> Result<bool> {
        let (name, effort) = (self.names.record(key), self.repeating());
        let (moment, life) = (sortable(expires_at), Life::until(expires_at, self.config.slack()));
        let mut told: Option<Tag> = None;
        loop {
            let tag = told.as_ref().map_or(&b""[..], Tag::as_bytes);
            let args = [
                Arg::Bytes(&moment),
                life.span(),
                self.prefix(),
                life.minute(),
                life.since(),
                Arg::Bytes(tag),
            ];
            let call = Call { script: &scripts::TOUCH, keys: &[&name], args: &args };
            match self.run(&call, effort, "touch").await? {
                // In a cluster: somebody's index has to know of it first. It may be another's by the next time.
                Reply::Bytes(tag) => {
                    let tag = Tag::from_bytes(&tag).ok_or_else(|| error::unreadable("touch"))?;
                    self.announce(key, tag, &life, false, effort, "touch").await?;
                    told = Some(tag);
                }
                Reply::Number(0) => return Ok(false),
                reply => return done(reply, "touch").map(|()| true),
            }
        }
    }

    /// Tells an index of a record that is about to be stored, or to end later.
    async fn announce(
        &self,
        key: &RecordKey,
        tag: Tag,
        life: &Life,
        grows: bool,
        effort: Effort,
        operation: &'static str,
    ) -> Result<()> {
        // It can be told twice, and a crash after it harms nothing.
        let effort = Effort { repeats: true, ..effort };
        let name = self.names.index(&tag);
        let args = [Arg::Bytes(key.as_bytes()), life.minute(), life.since()];
        let call = Call { script: &scripts::INDEX, keys: &[&name], args: &args };
        let reply = self.servers.run(&call, effort).await.map_err(|failure| failure.of_read(operation))?;
        if reply == Reply::Refused(Refusal::Full) && !grows {
            let in_place = Call { script: &scripts::REINDEX, ..call };
            let reply = self.servers.run(&in_place, effort).await;
            return done(reply.map_err(|failure| failure.of_read(operation))?, operation);
        }
        done(reply, operation)
    }

    async fn run(&self, call: &Call<'_>, effort: Effort, operation: &'static str) -> Result<Reply> {
        self.servers.run(call, effort).await.map_err(|failure| failure.of_write(operation))
    }
}

/// What the scripts' numbers mean.
fn done(reply: Reply, operation: &'static str) -> Result<()> {
    match reply {
        Reply::Number(1) => Ok(()),
        Reply::Number(0) => Err(error::conflict(operation)),
        Reply::Number(-1) => Err(error::unreadable(operation)),
        Reply::Number(-2) => Err(Refusal::Full.to_error(operation)),
        Reply::Refused(refusal) => Err(refusal.to_error(operation)),
        _ => {
            let trouble =
                Trouble::new(ErrorKind::Other, "the server answered with something else than it was asked");
            Err(trouble.to_error(operation, dancecard_core::Retry::Unknown))
        }
    }
}
