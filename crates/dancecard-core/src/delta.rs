//! What one request did to a session: a log of operations that can be applied to any base, again and again.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use smallvec::SmallVec;

use crate::document;
use crate::error::{Error, ErrorKind, Result};

/// From the present value, as JSON text, to the next one. Run again when another request got in first.
pub(crate) type Apply = Arc<dyn Fn(Option<&[u8]>) -> Result<Vec<u8>> + Send + Sync>;

const FIRST_RESERVE: usize = 960;
const COMPACT_ABOVE: usize = 16 * 1024;

/// A log of changes to top-level keys.
///
/// Keys and values lie in one buffer, and a handful of operations need no allocation of their own. A later operation
/// on a key takes the place of an earlier one, unless the earlier is part of a save that is under way.
#[derive(Clone, Default)]
pub(crate) struct Delta {
    text: Vec<u8>,
    ops: SmallVec<[Op; 4]>,
    applies: Vec<Apply>,
    frozen: usize,
    /// Something came after what is frozen, or was: a key may stand twice, and a clear need not come first.
    layered: bool,
}

#[derive(Clone, Copy)]
struct Op {
    hash: u32,
    start: u32,
    key_end: u32,
    end: u32,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Clear,
    Set,
    Remove,
    Apply(u32),
}

/// What a log knows about one key without a base.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known<'a> {
    /// The value, or that there is none.
    Yes(Option<&'a [u8]>),
    /// It depends on what is stored.
    No,
}

impl Delta {
    pub(crate) fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    pub(crate) fn set(&mut self, key: &str, value: &impl Serialize) -> Result<()> {
        self.compact();
        let start = self.text.len();
        let key_end = self.push_key(key);
        self.text.push(b':');
        if let Err(error) = serde_json::to_writer(&mut self.text, value) {
            self.text.truncate(start);
            return Err(document::unrepresentable("set", &error));
        }
        self.supersede(key);
        self.push(key, start, key_end, Kind::Set)
    }

    pub(crate) fn remove(&mut self, key: &str) -> Result<()> {
        let start = self.text.len();
        let key_end = self.push_key(key);
        self.supersede(key);
        self.push(key, start, key_end, Kind::Remove)
    }

    pub(crate) fn apply(&mut self, key: &str, apply: Apply) -> Result<()> {
        let start = self.text.len();
        let key_end = self.push_key(key);
        self.applies.push(apply);
        self.push(key, start, key_end, Kind::Apply(self.applies.len() as u32 - 1))
    }

    pub(crate) fn clear(&mut self) {
        self.ops.truncate(self.frozen);
        if self.frozen == 0 {
            self.text.clear();
            self.applies.clear();
        }
        self.layered = self.frozen > 0;
        self.ops.push(Op { hash: 0, start: 0, key_end: 0, end: 0, kind: Kind::Clear });
    }

    fn push_key(&mut self, key: &str) -> usize {
        // One allocation that is large enough for most requests, instead of growing step by step. The first is had without
        // the detour of growing nothing.
        let room = key.len() + FIRST_RESERVE;
        match self.text.capacity() {
            0 => self.text = Vec::with_capacity(room),
            _ => self.text.reserve(room),
        }
        document::quote_into(&mut self.text, key);
        self.text.len()
    }

    fn push(&mut self, key: &str, start: usize, key_end: usize, kind: Kind) -> Result<()> {
        let offset = |at: usize| u32::try_from(at).map_err(|_| Error::new(ErrorKind::TooLarge, "set"));
        let (start, key_end, end) = (offset(start)?, offset(key_end)?, offset(self.text.len())?);
        self.layered |= self.frozen > 0;
        self.ops.push(Op { hash: document::hash(key.as_bytes()), start, key_end, end, kind });
        Ok(())
    }

    /// Drops earlier operations on a key, but for those that a save has in hand.
    fn supersede(&mut self, key: &str) {
        let hash = document::hash(key.as_bytes());
        let mut index = self.frozen;
        while let Some(op) = self.ops.get(index).copied() {
            if op.kind != Kind::Clear && op.hash == hash && document::is_named(self.quoted(op), key) {
                self.ops.remove(index);
            } else {
                index += 1;
            }
        }
    }

    /// Gives back the text of superseded operations once it outweighs the rest.
    fn compact(&mut self) {
        let live: usize = self.ops.iter().map(|op| (op.end - op.start) as usize).sum();
        if self.text.len() < COMPACT_ABOVE || live * 2 > self.text.len() {
            return;
        }
        let mut text = Vec::with_capacity(live);
        for op in &mut self.ops {
            let moved = text.len() as u32;
            text.extend_from_slice(self.text.get(op.start as usize..op.end as usize).unwrap_or_default());
            (op.key_end, op.end) = (op.key_end - op.start + moved, op.end - op.start + moved);
            op.start = moved;
        }
        self.text = text;
    }

    fn quoted(&self, op: Op) -> &[u8] {
        self.text.get(op.start as usize..op.key_end as usize).unwrap_or_default()
    }

    fn value(&self, op: Op) -> &[u8] {
        self.text.get(op.key_end as usize + 1..op.end as usize).unwrap_or_default()
    }

    fn of_key<'a>(&'a self, key: &'a str) -> impl DoubleEndedIterator<Item = Op> + 'a {
        let hash = document::hash(key.as_bytes());
        let named = move |op: &Op| op.hash == hash && document::is_named(self.quoted(*op), key);
        self.ops.iter().copied().filter(move |op| op.kind == Kind::Clear || named(op))
    }

    /// What can be said of a key without a base.
    pub(crate) fn known(&self, key: &str) -> Known<'_> {
        if self.ops.is_empty() {
            return Known::No;
        }
        match self.of_key(key).next_back() {
            None => Known::No,
            Some(op) => match op.kind {
                Kind::Set => Known::Yes(Some(self.value(op))),
                Kind::Remove | Kind::Clear => Known::Yes(None),
                Kind::Apply(_) => Known::No,
            },
        }
    }

    /// The value of a key after this log, over a base value.
    pub(crate) fn resolve<'a>(&'a self, key: &str, base: Option<&'a [u8]>) -> Result<Option<Cow<'a, [u8]>>> {
        let mut value = base.map(Cow::Borrowed);
        for op in self.of_key(key) {
            value = self.step(op, value)?;
        }
        Ok(value)
    }

    fn step<'a>(&'a self, op: Op, value: Option<Cow<'a, [u8]>>) -> Result<Option<Cow<'a, [u8]>>> {
        Ok(match op.kind {
            Kind::Clear | Kind::Remove => None,
            Kind::Set => Some(Cow::Borrowed(self.value(op))),
            Kind::Apply(index) => match self.applies.get(index as usize) {
                Some(apply) => Some(Cow::Owned(apply(value.as_deref())?)),
                None => value,
            },
        })
    }

    /// The same effect without functions and with each key at most once, given what is `stored` under a key.
    pub(crate) fn flatten<'a>(
        &self,
        stored: impl Fn(&str) -> Result<Option<Cow<'a, [u8]>>>,
    ) -> Result<Cow<'_, Self>> {
        if self.applies.is_empty() && !self.layered {
            return Ok(Cow::Borrowed(self));
        }
        let mut flat = Self::default();
        if self.clears() {
            flat.clear();
        }
        for (index, op) in self.ops.iter().enumerate().filter(|(_, op)| op.kind != Kind::Clear) {
            let key = self.key(*op)?;
            if self.is_before(index, &key) {
                continue;
            }
            let base = stored(&key)?;
            flat.put(&key, self.resolve(&key, base.as_deref())?.as_deref())?;
        }
        Ok(Cow::Owned(flat))
    }

    fn clears(&self) -> bool {
        self.ops.iter().any(|op| op.kind == Kind::Clear)
    }

    fn key(&self, op: Op) -> Result<Cow<'_, str>> {
        document::unquote(self.quoted(op)).ok_or_else(document::corrupt)
    }

    fn is_before(&self, index: usize, key: &str) -> bool {
        let named = |op: &Op| op.kind != Kind::Clear && document::is_named(self.quoted(*op), key);
        self.ops.iter().take(index).any(named)
    }

    /// The keys that there are after this log, given those before. No function is run for that.
    pub(crate) fn keys_over(&self, mut keys: Vec<String>) -> Result<Vec<String>> {
        for op in &self.ops {
            if op.kind == Kind::Clear {
                keys.clear();
                continue;
            }
            let key = self.key(*op)?;
            keys.retain(|other| *other != key);
            if op.kind != Kind::Remove {
                keys.push(key.into_owned());
            }
        }
        Ok(keys)
    }

    fn put(&mut self, key: &str, value: Option<&[u8]>) -> Result<()> {
        let start = self.text.len();
        let key_end = self.push_key(key);
        if let Some(value) = value {
            self.text.push(b':');
            self.text.extend_from_slice(value);
        }
        self.push(key, start, key_end, if value.is_some() { Kind::Set } else { Kind::Remove })
    }

    /// A log that sets every one of these members, for a change of codec.
    pub(crate) fn of_members<'a>(
        members: impl Iterator<Item = Result<(String, Cow<'a, [u8]>)>>,
    ) -> Result<Self> {
        let mut whole = Self::default();
        for member in members {
            let (key, value) = member?;
            whole.put(&key, Some(&value))?;
        }
        Ok(whole)
    }

    /// The log that has the effect of this one and then that of another, both flat.
    pub(crate) fn then(mut self, next: &Self) -> Result<Self> {
        if next.clears() {
            self.clear();
        }
        for change in next.changes().iter() {
            self.supersede(&change.key());
            self.put(&change.key(), change.value())?;
        }
        Ok(self)
    }

    /// The changes of a log that [`Delta::flatten`] returned.
    pub(crate) fn changes(&self) -> Changes<'_> {
        Changes(self)
    }

    /// From now on, what is in the log is in the hand of a commit: later operations leave it alone.
    pub(crate) fn freeze(&mut self) {
        self.frozen = self.ops.len();
    }

    /// The commit came to nothing; its operations are ordinary again.
    pub(crate) fn thaw(&mut self) {
        self.frozen = 0;
    }

    /// The commit happened: what was in its hand is done.
    pub(crate) fn drop_frozen(&mut self) {
        self.ops.drain(..self.frozen.min(self.ops.len()));
        // What came later is one layer.
        self.layered &= self.frozen == 0;
        self.frozen = 0;
        if self.ops.is_empty() {
            *self = Self::default();
        }
    }

    /// Whether a function is in the hand of a commit.
    pub(crate) fn has_functions_in_hand(&self) -> bool {
        self.ops.iter().take(self.frozen).any(|op| matches!(op.kind, Kind::Apply(_)))
    }
}

impl fmt::Debug for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delta").field("ops", &self.ops.len()).finish_non_exhaustive()
    }
}

/// What a request changes, as a [`Codec`](crate::Codec) sees it: each key at most once.
#[derive(Debug, Clone, Copy)]
pub struct Changes<'a>(&'a Delta);

impl<'a> Changes<'a> {
    /// Whether everything that was stored goes, before the changes are made.
    pub fn clears(&self) -> bool {
        self.0.ops.first().is_some_and(|op| op.kind == Kind::Clear)
    }

    /// The changes.
    pub fn iter(&self) -> impl Iterator<Item = Change<'a>> + use<'a> {
        let delta = self.0;
        delta.ops.iter().filter(|op| op.kind != Kind::Clear).map(|op| Change { delta, op: *op })
    }

    pub(crate) fn log(&self) -> &'a Delta {
        self.0
    }
}

/// One key that is set or removed.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    delta: &'a Delta,
    op: Op,
}

impl<'a> Change<'a> {
    /// The key.
    pub fn key(&self) -> Cow<'a, str> {
        document::unquote(self.quoted_key()).unwrap_or_default()
    }

    /// The new value as JSON text, or `None` when the key is removed.
    pub fn value(&self) -> Option<&'a [u8]> {
        (self.op.kind == Kind::Set).then(|| self.delta.value(self.op))
    }

    pub(crate) fn quoted_key(&self) -> &'a [u8] {
        self.delta.quoted(self.op)
    }

    pub(crate) fn hash(&self) -> u32 {
        self.op.hash
    }

    /// `"key":value` of a key that is set.
    pub(crate) fn member(&self) -> Option<&'a [u8]> {
        let text = self.delta.text.get(self.op.start as usize..self.op.end as usize);
        text.filter(|_| self.op.kind == Kind::Set)
    }
}

impl fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change").field("removes", &self.value().is_none()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
