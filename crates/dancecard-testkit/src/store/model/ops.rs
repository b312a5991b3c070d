//! The operations of a sequence. Each makes sense by itself, so that any of them can be left out.

use std::fmt;

use super::super::env::Env;
use crate::random::Random;

/// One of a few keys.
pub(super) type Slot = u8;

const SLOTS: usize = 5;

/// Which version an operation offers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Offer {
    /// The one that the record has.
    Present,
    /// One that it, or its predecessor under the key, had before.
    Earlier,
    /// The present one of another key.
    Foreign,
}

/// What is written: everything about the record follows from these.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft {
    pub(super) size: usize,
    pub(super) fill: u8,
    pub(super) minutes: i64,
    pub(super) principal: Option<u8>,
    pub(super) retired: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    Load(Slot),
    Create(Slot, Draft),
    Update(Slot, Offer, Draft),
    Overwrite(Slot, Draft),
    Delete(Slot),
    Touch(Slot, i64),
    Replace(Slot, Slot, Offer, Draft),
    ListAll,
    ListOf(u8),
    Purge(usize),
    Advance(i64),
    Restart,
}

/// Which operations an engine has.
pub(super) struct Abilities {
    update: bool,
    touch: bool,
    replace: bool,
    list: bool,
    index: bool,
    restart: bool,
}

impl Abilities {
    pub(super) fn of(env: &Env) -> Self {
        let claims = env.capabilities();
        Self {
            update: claims.conditional_write.is_supported(),
            touch: claims.touch.is_supported(),
            replace: claims.replace.is_supported(),
            list: claims.list.is_supported(),
            index: claims.principal_index.is_supported(),
            restart: env.can_restart(),
        }
    }

    fn allow(&self, op: &Op) -> bool {
        match op {
            Op::Update(..) => self.update,
            Op::Touch(..) => self.touch,
            Op::Replace(old, new, ..) => self.replace && old != new,
            Op::ListAll => self.list,
            Op::ListOf(_) => self.index,
            Op::Restart => self.restart,
            _ => true,
        }
    }
}

impl Op {
    pub(super) fn random(random: &mut Random, abilities: &Abilities) -> Self {
        loop {
            let op = Self::any(random);
            if abilities.allow(&op) {
                return op;
            }
        }
    }

    fn any(random: &mut Random) -> Self {
        let slot = random.below(SLOTS) as Slot;
        match random.below(100) {
            0..15 => Self::Load(slot),
            15..28 => Self::Create(slot, Draft::any(random)),
            28..48 => Self::Update(slot, Offer::any(random), Draft::any(random)),
            48..53 => Self::Overwrite(slot, Draft::any(random)),
            53..62 => Self::Delete(slot),
            62..72 => Self::Touch(slot, random.below(120) as i64 - 10),
            72..80 => {
                Self::Replace(slot, random.below(SLOTS) as Slot, Offer::any(random), Draft::any(random))
            }
            80..84 => Self::ListAll,
            84..90 => Self::ListOf(random.below(3) as u8),
            90..94 => Self::Purge(random.below(4)),
            94..98 => Self::Advance(random.below(20) as i64),
            _ => Self::Restart,
        }
    }
}

impl Offer {
    fn any(random: &mut Random) -> Self {
        match random.below(10) {
            0..7 => Self::Present,
            7 | 8 => Self::Earlier,
            _ => Self::Foreign,
        }
    }
}

impl Draft {
    fn any(random: &mut Random) -> Self {
        Self {
            size: [0, 1, 40, 1500][random.below(4)],
            fill: random.below(4) as u8,
            minutes: random.below(100) as i64 - 5,
            principal: [None, Some(0), Some(1), Some(2)][random.below(4)],
            retired: random.chance(100),
        }
    }
}

fn letter(slot: Slot) -> char {
    char::from(b'a' + slot)
}

fn name(principal: u8) -> String {
    format!("user {principal}")
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Present => "its present version",
            Self::Earlier => "an earlier version",
            Self::Foreign => "another key's version",
        })
    }
}

impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {}, {} min", self.size, self.fill, self.minutes)?;
        match self.principal {
            _ if self.retired => f.write_str(", retired"),
            Some(principal) => write!(f, ", {}", name(principal)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(slot) => write!(f, "load {}", letter(*slot)),
            Self::Create(slot, draft) => write!(f, "create {}: {draft}", letter(*slot)),
            Self::Update(slot, offer, draft) => write!(f, "update {} at {offer}: {draft}", letter(*slot)),
            Self::Overwrite(slot, draft) => write!(f, "overwrite {}: {draft}", letter(*slot)),
            Self::Delete(slot) => write!(f, "delete {}", letter(*slot)),
            Self::Touch(slot, minutes) => write!(f, "touch {} to {minutes} min from now", letter(*slot)),
            Self::Replace(old, new, offer, draft) => {
                write!(f, "replace {} at {offer} by {}: {draft}", letter(*old), letter(*new))
            }
            Self::ListAll => f.write_str("list all"),
            Self::ListOf(principal) => write!(f, "list {}", name(*principal)),
            Self::Purge(limit) => write!(f, "purge at most {limit}"),
            Self::Advance(minutes) => write!(f, "{minutes} min pass"),
            Self::Restart => f.write_str("restart"),
        }
    }
}
