//! Replies, read from whatever bytes have come.

use memchr::memchr;

/// Longer lines are none of memcached's.
const LONGEST_LINE: usize = 2048;
/// Longer listings of settings are none of memcached's.
const LONGEST_LISTING: usize = 64 * 1024;

/// A reply, its value still in the bytes it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reply<'a> {
    pub(crate) status: Status,
    /// The compare-and-swap number, if one came.
    pub(crate) cas: Option<u64>,
    /// Client flags.
    pub(crate) flags: u32,
    /// The number of the command that it answers, if one came.
    pub(crate) opaque: Option<u32>,
    pub(crate) value: &'a [u8],
}

/// What the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Here it is.
    Value,
    /// It is done.
    Done,
    /// There is nothing under the key.
    Absent,
    /// It is not stored: something is there already.
    NotStored,
    /// It is not stored: what is there has another compare-and-swap number.
    Changed,
    Refused(Refusal),
}

/// Why the server does not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    TooLarge,
    OutOfMemory,
    /// It asks for a user name and a password.
    Unauthenticated,
    /// These are not the right ones.
    WrongPassword,
    /// It does not know the command, or not this form of it.
    Unknown,
    Other,
}

impl Refusal {
    /// Whether what comes next on the connection may be out of step.
    pub(crate) fn ends_the_connection(self) -> bool {
        !matches!(self, Self::TooLarge | Self::OutOfMemory | Self::Other)
    }
}

/// These bytes are no reply of memcached's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Garbled;

/// What the bytes hold so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    /// A reply, and how many bytes it took.
    Reply(Reply<'a>, usize),
    /// The beginning of one, which has so many bytes in all, as far as one can see.
    Partial(usize),
}

/// Reads the reply at the beginning of the bytes. A value may have `largest` bytes.
///
/// # Errors
/// When that is no reply.
pub(crate) fn parse(bytes: &[u8], largest: usize) -> Result<Parsed<'_>, Garbled> {
    let window = bytes.get(..LONGEST_LINE).unwrap_or(bytes);
    let Some(length) = memchr(b'\n', window) else {
        return if bytes.len() < LONGEST_LINE { Ok(Parsed::Partial(bytes.len() + 1)) } else { Err(Garbled) };
    };
    let line = window.get(..length).and_then(|line| line.strip_suffix(b"\r")).ok_or(Garbled)?;
    let (word, rest) = split(line);
    match word {
        b"VA" => value(bytes, length + 1, rest, largest),
        b"STAT" | b"END" => listing(bytes),
        _ => {
            let status = status(word, rest)?;
            Ok(Parsed::Reply(flagged(status, rest, b""), length + 1))
        }
    }
}

fn status(word: &[u8], rest: &[u8]) -> Result<Status, Garbled> {
    Ok(match word {
        b"HD" | b"MN" | b"STORED" => Status::Done,
        b"EN" | b"NF" => Status::Absent,
        b"NS" => Status::NotStored,
        b"EX" => Status::Changed,
        b"ERROR" => Status::Refused(Refusal::Unknown),
        b"CLIENT_ERROR" => Status::Refused(client_error(rest)),
        b"SERVER_ERROR" => Status::Refused(server_error(rest)),
        _ => return Err(Garbled),
    })
}

fn client_error(text: &[u8]) -> Refusal {
    match text {
        b"unauthenticated" => Refusal::Unauthenticated,
        b"authentication failure" => Refusal::WrongPassword,
        _ => Refusal::Unknown,
    }
}

fn server_error(text: &[u8]) -> Refusal {
    match text {
        _ if text.starts_with(b"object too large") => Refusal::TooLarge,
        _ if text.starts_with(b"out of memory") => Refusal::OutOfMemory,
        _ => Refusal::Other,
    }
}

/// `VA <length> <flags>`, the value, and the end of a line.
fn value<'a>(bytes: &'a [u8], start: usize, rest: &[u8], largest: usize) -> Result<Parsed<'a>, Garbled> {
    let (length, flags) = split(rest);
    let length = number(length).and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| *length <= largest).ok_or(Garbled)?;
    let end = start + length;
    let Some(tail) = bytes.get(end..end + 2) else { return Ok(Parsed::Partial(end + 2)) };
    let value = bytes.get(start..end).filter(|_| tail == b"\r\n").ok_or(Garbled)?;
    Ok(Parsed::Reply(flagged(Status::Value, flags, value), end + 2))
}

/// `STAT name value`, line by line, and `END`.
fn listing(bytes: &[u8]) -> Result<Parsed<'_>, Garbled> {
    const END: &[u8] = b"END\r\n";
    let window = bytes.get(..LONGEST_LISTING).unwrap_or(bytes);
    let place = if window.starts_with(END) {
        Some(0)
    } else {
        window
            .windows(END.len() + 1)
            .position(|part| part.starts_with(b"\n") && part.ends_with(END))
            .map(|at| at + 1)
    };
    match place {
        Some(place) => {
            let value = bytes.get(..place).unwrap_or_default();
            Ok(Parsed::Reply(flagged(Status::Value, b"", value), place + END.len()))
        }
        None if bytes.len() < LONGEST_LISTING => Ok(Parsed::Partial(bytes.len() + 1)),
        None => Err(Garbled),
    }
}

/// Reads the flags that were asked for.
fn flagged<'a>(status: Status, mut rest: &[u8], value: &'a [u8]) -> Reply<'a> {
    let mut reply = Reply { status, cas: None, flags: 0, opaque: None, value };
    if matches!(status, Status::Refused(_)) {
        return reply;
    }
    while !rest.is_empty() {
        let (word, others) = split(rest);
        rest = others;
        let Some((name, token)) = word.split_first() else { continue };
        match name {
            b'c' => reply.cas = number(token),
            b'f' => reply.flags = number(token).and_then(|flags| u32::try_from(flags).ok()).unwrap_or(0),
            b'O' => reply.opaque = number(token).and_then(|opaque| u32::try_from(opaque).ok()),
            _ => {}
        }
    }
    reply
}

fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let place = memchr(b' ', line).unwrap_or(line.len());
    let (word, rest) = line.split_at(place);
    (word, rest.get(1..).unwrap_or_default())
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(bytes: &[u8]) -> Reply<'_> {
        match parse(bytes, 100).unwrap() {
            Parsed::Reply(reply, length) if length == bytes.len() => reply,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn replies_of_memcached() {
        let value = whole(b"VA 5 c12 f4294967295 O9\r\na\r\nb\n\r\n");
        let expected = Reply {
            status: Status::Value,
            cas: Some(12),
            flags: u32::MAX,
            opaque: Some(9),
            value: b"a\r\nb\n",
        };
        assert_eq!(value, expected);
        let statuses: [(&[u8], Status); 12] = [
            (b"HD\r\n", Status::Done),
            (b"MN\r\n", Status::Done),
            (b"EN\r\n", Status::Absent),
            (b"NF O1\r\n", Status::Absent),
            (b"NS c0 O1\r\n", Status::NotStored),
            (b"EX c0 O1\r\n", Status::Changed),
            (b"ERROR\r\n", Status::Refused(Refusal::Unknown)),
            (b"CLIENT_ERROR invalid flag\r\n", Status::Refused(Refusal::Unknown)),
            (b"CLIENT_ERROR unauthenticated\r\n", Status::Refused(Refusal::Unauthenticated)),
            (b"SERVER_ERROR object too large for cache\r\n", Status::Refused(Refusal::TooLarge)),
            (b"SERVER_ERROR out of memory storing object\r\n", Status::Refused(Refusal::OutOfMemory)),
            (b"SERVER_ERROR c1 O1\r\n", Status::Refused(Refusal::Other)),
        ];
        for (bytes, status) in statuses {
            assert_eq!(whole(bytes).status, status);
        }
        assert_eq!((whole(b"HD c4 O1\r\n").cas, whole(b"HD O77\r\n").opaque), (Some(4), Some(77)));
    }

    #[test]
    fn settings_are_one_reply() {
        let settings = b"STAT maxconns 1024\r\nSTAT item_size_max 1048576\r\nEND\r\n";
        assert_eq!(whole(settings).value, &settings[..settings.len() - 5]);
        assert_eq!(whole(b"END\r\n").value, b"");
        for length in 0..settings.len() {
            assert!(matches!(parse(&settings[..length], 100), Ok(Parsed::Partial(_))), "{length}");
        }
    }

    #[test]
    fn other_bytes_are_no_reply() {
        let long = [b'H'; LONGEST_LINE];
        let endless = b"STAT a b\r\n".repeat(LONGEST_LISTING / 10 + 1);
        let cases: [&[u8]; 10] = [
            b"VA 101 c1\r\n",
            b"VA -1 c1\r\n",
            b"VA 99999999999999999999 c1\r\n",
            b"VA 2 c1\r\nabcd",
            b"VA\r\n",
            b"HTTP/1.1 400 Bad Request\r\n",
            b"-ERR unknown command\r\n",
            b"HD\n",
            &long,
            &endless,
        ];
        for bytes in cases {
            assert_eq!(
                parse(bytes, 100),
                Err(Garbled),
                "{:?}",
                String::from_utf8_lossy(&bytes[..20.min(bytes.len())])
            );
        }
    }

    #[test]
    fn a_partial_value_says_how_long_it_will_be() {
        assert_eq!(parse(b"VA 50 c1\r\nab", 100), Ok(Parsed::Partial(62)));
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes, 1000);
        }

        #[test]
        fn what_is_cut_is_partial_and_what_follows_is_left(value: Vec<u8>, cas: u64, opaque: u32, behind: Vec<u8>) {
            let mut bytes = format!("VA {} c{cas} f0 O{opaque}\r\n", value.len()).into_bytes();
            bytes.extend(&value);
            bytes.extend(b"\r\n");
            let end = bytes.len();
            for length in 0..end {
                prop_assert!(matches!(parse(&bytes[..length], 1000), Ok(Parsed::Partial(more)) if more > length));
            }
            bytes.extend(behind);
            let reply = Reply { status: Status::Value, cas: Some(cas), flags: 0, opaque: Some(opaque), value: &value };
            prop_assert_eq!(parse(&bytes, 1000), Ok(Parsed::Reply(reply, end)));
        }
    }
}
