//! Where in the table the row of a key is.
//!
//! A row's number is made from its key, so that a load goes down one tree, that of the table. An index of the keys would
//! be a second one, and with a million sessions most of its pages are far away. Different keys may want the same number:
//! the first has it, and the others get numbers below zero, by which alone they are in an index of their keys. With keys
//! that are hashes that does not happen; with whatever keys, it is as slow as an index of all keys would be, and as right.

/// The number that the row of this key has, unless another key's row has it already: the last eight bytes, without the
/// highest bit. The last, because keys may begin with a common prefix.
///
/// It is in the files, so it must never change.
pub(crate) fn of(key: &[u8]) -> i64 {
    let last = &key[key.len().saturating_sub(8)..];
    let number = last.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    (number & (u64::MAX >> 1)).cast_signed()
}

/// In SQL: the number of the row of a key, of which place and bytes are in these parameters; NULL if there is none.
macro_rules! found {
    ($place:literal, $key:literal) => {
        concat!(
            "(SELECT id FROM dancecard_session WHERE id = ",
            $place,
            " AND key = ",
            $key,
            " UNION ALL SELECT id FROM dancecard_session WHERE id < 0 AND key = ",
            $key,
            " LIMIT 1)"
        )
    };
}

/// In SQL: the number of the row of the key `?2`, whose place is `?1`, or the one that a new row gets.
macro_rules! found_or_free {
    () => {
        concat!(
            "coalesce(",
            $crate::place::found!("?1", "?2"),
            ", iif(EXISTS (SELECT 1 FROM dancecard_session WHERE id = ?1), \
                   min((SELECT min(id) FROM dancecard_session), 0) - 1, ?1))"
        )
    };
}

pub(crate) use {found, found_or_free};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_the_same_in_every_release() {
        let hash: Vec<u8> = (1..=32).collect();
        let cases: [(&[u8], i64); 8] = [
            (b"", 0),
            (b"\0", 0),
            (b"a", 0x61),
            (b"12345678", 0x3132_3334_3536_3738),
            (b"prefix\x1f12345678", 0x3132_3334_3536_3738),
            (&hash, 0x191a_1b1c_1d1e_1f20),
            (&[0xff; 32], i64::MAX),
            (&[0x80, 0, 0, 0, 0, 0, 0, 1], 1),
        ];
        for (key, place) in cases {
            assert_eq!(of(key), place, "{key:?}");
        }
    }
}
