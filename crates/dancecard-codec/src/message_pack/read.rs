//! MessagePack that may be anything: a value is read within its bytes, or not at all.

use rmp::Marker;

use super::JSON_TEXT;
use crate::json::{is_value, write_scalar};

/// Deeper than what is written here, and than what any value is read back from.
const DEPTH: usize = 64;

/// What is left to read.
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

/// A value, or how many values one begins.
enum Head<'a> {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(&'a str),
    Json(&'a str),
    List(usize),
    Map(usize),
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many members the map has that begins here.
    pub(super) fn map(&mut self) -> Option<usize> {
        match self.head()? {
            Head::Map(members) => Some(members),
            _ => None,
        }
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        match self.head()? {
            Head::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes of the next value, which is looked at no closer than to find its end.
    pub(super) fn pass(&mut self) -> Option<&'a [u8]> {
        let begin = self.rest;
        let mut due = 1usize;
        while due > 0 {
            due -= 1;
            due = due.checked_add(match self.head()? {
                Head::List(items) => items,
                Head::Map(members) => members * 2,
                _ => 0,
            })?;
        }
        begin.get(..begin.len() - self.rest.len())
    }

    /// Writes the next value as JSON text.
    pub(super) fn write_json(&mut self, out: &mut Vec<u8>) -> Option<()> {
        self.write_nested(out, DEPTH)
    }

    fn write_nested(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        match self.head()? {
            Head::Null => out.extend_from_slice(b"null"),
            Head::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Head::Signed(value) => write_scalar(&value, out),
            Head::Unsigned(value) => write_scalar(&value, out),
            Head::Float(value) => write_scalar(&value, out),
            Head::Text(value) => write_scalar(value, out),
            Head::Json(text) => out.extend_from_slice(text.as_bytes()),
            Head::List(items) => self.write_list(items, out, depth.checked_sub(1)?)?,
            Head::Map(members) => self.write_map(members, out, depth.checked_sub(1)?)?,
        }
        Some(())
    }

    fn write_list(&mut self, items: usize, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        out.push(b'[');
        for index in 0..items {
            if index > 0 {
                out.push(b',');
            }
            self.write_nested(out, depth)?;
        }
        out.push(b']');
        Some(())
    }

    fn write_map(&mut self, members: usize, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        out.push(b'{');
        for index in 0..members {
            if index > 0 {
                out.push(b',');
            }
            write_scalar(self.text()?, out);
            out.push(b':');
            self.write_nested(out, depth)?;
        }
        out.push(b'}');
        Some(())
    }

    /// `None` also for what JSON has no word for: bytes, other extensions, numbers that are not finite.
    fn head(&mut self) -> Option<Head<'a>> {
        let marker = Marker::from_u8(self.byte()?);
        Some(match marker {
            Marker::Null => Head::Null,
            Marker::True => Head::Bool(true),
            Marker::False => Head::Bool(false),
            Marker::FixPos(value) => Head::Unsigned(value.into()),
            Marker::U8 => Head::Unsigned(self.byte()?.into()),
            Marker::U16 => Head::Unsigned(u16::from_be_bytes(self.array()?).into()),
            Marker::U32 => Head::Unsigned(u32::from_be_bytes(self.array()?).into()),
            Marker::U64 => Head::Unsigned(u64::from_be_bytes(self.array()?)),
            Marker::FixNeg(value) => Head::Signed(value.into()),
            Marker::I8 => Head::Signed(i8::from_be_bytes(self.array()?).into()),
            Marker::I16 => Head::Signed(i16::from_be_bytes(self.array()?).into()),
            Marker::I32 => Head::Signed(i32::from_be_bytes(self.array()?).into()),
            Marker::I64 => Head::Signed(i64::from_be_bytes(self.array()?)),
            Marker::F32 => finite(f32::from_be_bytes(self.array()?).into())?,
            Marker::F64 => finite(f64::from_be_bytes(self.array()?))?,
            _ => return self.sized(marker),
        })
    }

    /// What has its length ahead.
    fn sized(&mut self, marker: Marker) -> Option<Head<'a>> {
        match marker {
            Marker::FixStr(length) => self.string(length.into()),
            Marker::Str8 | Marker::Str16 | Marker::Str32 => {
                let length = self.length(marker)?;
                self.string(length)
            }
            Marker::FixArray(items) => self.list(items.into()),
            Marker::Array16 | Marker::Array32 => {
                let items = self.length(marker)?;
                self.list(items)
            }
            Marker::FixMap(members) => self.members(members.into()),
            Marker::Map16 | Marker::Map32 => {
                let members = self.length(marker)?;
                self.members(members)
            }
            _ => self.extension(marker),
        }
    }

    fn length(&mut self, marker: Marker) -> Option<usize> {
        match marker {
            Marker::Str8 | Marker::Ext8 => self.byte().map(usize::from),
            Marker::Str16 | Marker::Array16 | Marker::Map16 | Marker::Ext16 => {
                Some(u16::from_be_bytes(self.array()?).into())
            }
            _ => usize::try_from(u32::from_be_bytes(self.array()?)).ok(),
        }
    }

    fn string(&mut self, length: usize) -> Option<Head<'a>> {
        std::str::from_utf8(self.take(length)?).ok().map(Head::Text)
    }

    /// Each item takes a byte or more, so a length that lies is found out before anything is made of it.
    fn list(&self, items: usize) -> Option<Head<'a>> {
        (items <= self.rest.len()).then_some(Head::List(items))
    }

    fn members(&self, members: usize) -> Option<Head<'a>> {
        (members <= self.rest.len() / 2).then_some(Head::Map(members))
    }

    fn extension(&mut self, marker: Marker) -> Option<Head<'a>> {
        let length = match marker {
            Marker::FixExt1 => 1,
            Marker::FixExt2 => 2,
            Marker::FixExt4 => 4,
            Marker::FixExt8 => 8,
            Marker::FixExt16 => 16,
            Marker::Ext8 | Marker::Ext16 | Marker::Ext32 => self.length(marker)?,
            _ => return None,
        };
        let kind = i8::from_be_bytes(self.array()?);
        let text = std::str::from_utf8(self.take(length)?).ok()?;
        // It goes into the document as it is, so it must be one value and no more.
        (kind == JSON_TEXT && is_value(text)).then_some(Head::Json(text))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }
}

/// JSON has no name for what is not finite.
fn finite<'a>(value: f64) -> Option<Head<'a>> {
    value.is_finite().then_some(Head::Float(value))
}
