//! Which slot a key is in, and which node serves it.

use crate::address::Address;
use crate::wire::Reply;

pub(crate) const SLOTS: usize = 16_384;

/// The slot of a key: CRC-16 (XMODEM) of the part in braces, if there is one, or of all of it.
///
/// Source: the cluster specification of Redis, "Key distribution model" and "Hash tags".
pub(crate) fn slot_of(key: &[u8]) -> u16 {
    crc16(hashed_part(key)) % SLOTS as u16
}

fn hashed_part(key: &[u8]) -> &[u8] {
    let position = |bytes: &[u8], letter| bytes.iter().position(|byte| *byte == letter);
    let Some(rest) = position(key, b'{').and_then(|open| key.get(open + 1..)) else { return key };
    match position(rest, b'}') {
        Some(close) if close > 0 => rest.get(..close).unwrap_or(key),
        _ => key,
    }
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        let place = usize::from((crc >> 8) as u8 ^ byte);
        crc << 8 ^ TABLE.get(place).copied().unwrap_or_default()
    })
}

const TABLE: [u16; 256] = table();

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut place = 0;
    while place < 256 {
        let mut crc = (place as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
            bit += 1;
        }
        table[place] = crc;
        place += 1;
    }
    table
}

/// Slots, from the first to the last, and the master that serves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: u16,
    pub(crate) last: u16,
    pub(crate) master: Address,
}

/// Reads the answer of the node that was asked for `CLUSTER SLOTS`. Empty when there is nothing in it.
pub(crate) fn ranges(reply: &Reply, asked: &Address) -> Vec<Range> {
    reply.as_many().unwrap_or_default().iter().filter_map(|range| read(range, asked)).collect()
}

/// First, last, master, replicas. A node is host, port, and more.
fn read(range: &Reply, asked: &Address) -> Option<Range> {
    let [first, last, master, ..] = range.as_many()? else { return None };
    let [host, port, ..] = master.as_many()? else { return None };
    let slot =
        |reply: &Reply| u16::try_from(reply.as_number()?).ok().filter(|slot| usize::from(*slot) < SLOTS);
    let port = u16::try_from(port.as_number()?).ok()?;
    let master = Address::of_node(host.as_text().unwrap_or_default(), port, asked)?;
    Some(Range { first: slot(first)?, last: slot(last)?, master })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"foo"), 12182);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"{user1000}.followers"));
        assert_eq!(slot_of(b"foo{}{bar}"), crc16(b"foo{}{bar}") % 16384);
        assert_eq!(slot_of(b"foo{{bar}}zap"), slot_of(b"{bar"));
        assert_eq!(slot_of(b"foo{bar}{zap}"), slot_of(b"bar"));
        assert_eq!(slot_of(b"foo{bar"), crc16(b"foo{bar") % 16384);
    }

    #[test]
    fn answers_are_read() {
        let (text, number) = (|text: &str| Reply::Bytes(text.into()), Reply::Number);
        let node = |host, port| Reply::Many(vec![text(host), number(port), text("id"), Reply::Many(vec![])]);
        let range = |first, last| vec![number(first), number(last), node("10.0.0.1", 7000), node("x", 1)];
        let asked = Address::Tcp("db".into(), 7000);
        let answer =
            Reply::Many(vec![Reply::Many(range(0, 5460)), Reply::Many(range(0, 99_999)), Reply::Nil]);
        let master = Address::Tcp("10.0.0.1".into(), 7000);
        assert_eq!(ranges(&answer, &asked), [Range { first: 0, last: 5460, master }]);
        assert_eq!(ranges(&Reply::Nil, &asked), []);
        let nameless = Reply::Many(vec![number(1), number(1), Reply::Many(vec![Reply::Nil, number(7001)])]);
        let same = Address::Tcp("db".into(), 7001);
        assert_eq!(ranges(&Reply::Many(vec![nameless]), &asked)[0].master, same);
    }
}
