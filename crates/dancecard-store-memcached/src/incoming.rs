//! Bytes that have come, until they are whole replies.

use crate::reply::{Garbled, Parsed, Reply, parse};

/// What is read at once.
const ROOM: usize = 16 << 10;
/// A buffer that has grown beyond this is let go of when it is empty.
const KEPT: usize = 256 << 10;

/// A buffer that bytes are read into, and replies are read from.
#[derive(Debug)]
pub(crate) struct Incoming {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// How many bytes the reply that has begun needs, as far as is known.
    wanted: usize,
}

impl Incoming {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; ROOM], start: 0, end: 0, wanted: 0 }
    }

    /// Where the next bytes go.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > KEPT {
                self.bytes = vec![0; ROOM];
            }
        }
        let needed = self.start + self.wanted;
        if self.end == self.bytes.len() || needed > self.bytes.len() {
            self.make_room();
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// So many bytes were put there.
    pub(crate) fn filled(&mut self, count: usize) {
        self.end += count;
    }

    /// Takes each whole reply.
    ///
    /// # Errors
    /// What `take` refuses, or that the bytes are no reply.
    pub(crate) fn each<E: From<Garbled>>(
        &mut self,
        largest: usize,
        mut take: impl FnMut(Reply<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.wanted = 0;
        loop {
            let bytes = self.bytes.get(self.start..self.end).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(());
            }
            match parse(bytes, largest)? {
                Parsed::Partial(wanted) => {
                    self.wanted = wanted;
                    return Ok(());
                }
                Parsed::Reply(reply, length) => {
                    take(reply)?;
                    self.start += length;
                }
            }
        }
    }

    /// Moves what is there to the beginning, and grows if that is not enough.
    fn make_room(&mut self) {
        self.move_to_the_front();
        let length = (self.wanted + ROOM).max(self.end + ROOM);
        if length > self.bytes.len() {
            self.bytes.resize(length, 0);
        }
    }

    fn move_to_the_front(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes in pieces, and what came of them.
    fn replies(pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, Garbled> {
        let mut incoming = Incoming::new();
        let mut values = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let room = incoming.room();
                let count = room.len().min(rest.len());
                room[..count].copy_from_slice(&rest[..count]);
                incoming.filled(count);
                rest = &rest[count..];
                incoming.each(1 << 20, |reply| {
                    values.push(reply.value.to_vec());
                    Ok::<_, Garbled>(())
                })?;
            }
        }
        Ok(values)
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same_replies(lengths in proptest::collection::vec(0..60_000_usize, 1..8), piece in 1..50_000_usize) {
            let values: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(i, length)| vec![i as u8; *length]).collect();
            let mut bytes = Vec::new();
            for value in &values {
                bytes.extend(format!("VA {} c1\r\n", value.len()).bytes());
                bytes.extend(value);
                bytes.extend(b"\r\n");
            }
            let pieces: Vec<&[u8]> = bytes.chunks(piece).collect();
            prop_assert_eq!(replies(&pieces), Ok(values));
        }
    }

    #[test]
    fn a_buffer_that_was_needed_once_is_not_kept() {
        let mut incoming = Incoming::new();
        let value = [b"VA 1000000 c1\r\n".to_vec(), vec![b'x'; 1_000_000], b"\r\n".to_vec()].concat();
        let mut rest = &value[..];
        while !rest.is_empty() {
            let room = incoming.room();
            let count = room.len().min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            incoming.filled(count);
            rest = &rest[count..];
            incoming.each(1 << 20, |_| Ok::<_, Garbled>(())).unwrap();
        }
        assert_eq!(incoming.room().len(), ROOM);
    }
}
