//! Commands of the meta protocol, as bytes.
//!
//! Each carries an opaque number (`O`) that its reply repeats, so that a reply can't reach another caller.

/// What a command about a key does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Command<'a> {
    /// Reads value, compare-and-swap number and client flags.
    Get(&'a [u8]),
    /// Stores a value.
    Set { key: &'a [u8], item: Item<'a>, condition: Condition },
    /// Removes whatever is there.
    Delete(&'a [u8]),
    /// Does nothing.
    Ping,
    /// Asks for the server's settings. Not of the meta protocol: its reply repeats no number.
    Settings,
    /// Signs in to a server with an authentication file. As with the settings, no number comes back.
    SignIn { user: &'a str, password: &'a str },
}

/// What is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    /// The value is these two, one after the other.
    pub(crate) head: &'a [u8],
    pub(crate) body: &'a [u8],
    /// Client flags, a number that comes back with the value.
    pub(crate) flags: u32,
    /// Seconds, or, beyond thirty days, a moment; 0 is for ever.
    pub(crate) ttl: u32,
}

/// When a value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Always,
    /// Nothing is there.
    Absent,
    /// What is there has this compare-and-swap number.
    Unchanged(u64),
}

impl Command<'_> {
    /// Appends the bytes of the command.
    pub(crate) fn encode(&self, opaque: u32, out: &mut Vec<u8>) {
        match *self {
            Self::Get(key) => {
                parts(out, &[b"mg ", key, b" v c f O"]);
                end(out, opaque);
            }
            Self::Delete(key) => {
                parts(out, &[b"md ", key, b" O"]);
                end(out, opaque);
            }
            Self::Set { key, item, condition } => set(out, key, item, condition, opaque),
            Self::Ping => out.extend_from_slice(b"mn\r\n"),
            Self::Settings => out.extend_from_slice(b"stats settings\r\n"),
            // The key means nothing; user and password are the value. A server that asks for none would store them,
            // but not what has expired already.
            Self::SignIn { user, password } => {
                out.extend_from_slice(b"set dancecard-sign-in 0 -1 ");
                decimal(out, (user.len() + 1 + password.len()) as u64);
                parts(out, &[b"\r\n", user.as_bytes(), b" ", password.as_bytes(), b"\r\n"]);
            }
        }
    }

    /// Whether the reply repeats the command's number.
    pub(crate) fn is_numbered(&self) -> bool {
        matches!(self, Self::Get(_) | Self::Set { .. } | Self::Delete(_))
    }

    /// How many bytes the command has, about.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Set { item, .. } => item.head.len() + item.body.len() + 256,
            _ => 256,
        }
    }
}

fn set(out: &mut Vec<u8>, key: &[u8], item: Item<'_>, condition: Condition, opaque: u32) {
    let Item { head, body, flags, ttl } = item;
    out.reserve(key.len() + head.len() + body.len() + 96);
    parts(out, &[b"ms ", key, b" "]);
    decimal(out, (head.len() + body.len()) as u64);
    out.extend_from_slice(b" c F");
    decimal(out, flags.into());
    out.extend_from_slice(b" T");
    decimal(out, ttl.into());
    match condition {
        Condition::Always => {}
        Condition::Absent => out.extend_from_slice(b" ME"),
        Condition::Unchanged(cas) => {
            out.extend_from_slice(b" C");
            decimal(out, cas);
        }
    }
    out.extend_from_slice(b" O");
    end(out, opaque);
    parts(out, &[head, body, b"\r\n"]);
}

fn parts(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

fn end(out: &mut Vec<u8>, opaque: u32) {
    decimal(out, opaque.into());
    out.extend_from_slice(b"\r\n");
}

fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        start -= 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(command: Command<'_>) -> String {
        let mut out = Vec::new();
        command.encode(7, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn commands_as_bytes() {
        let item = Item { head: b"he", body: b"ad", flags: 12, ttl: 60 };
        let set = |condition| bytes(Command::Set { key: b"k", item, condition });
        assert_eq!(bytes(Command::Get(b"k")), "mg k v c f O7\r\n");
        assert_eq!(bytes(Command::Delete(b"k")), "md k O7\r\n");
        assert_eq!(set(Condition::Always), "ms k 4 c F12 T60 O7\r\nhead\r\n");
        assert_eq!(set(Condition::Absent), "ms k 4 c F12 T60 ME O7\r\nhead\r\n");
        assert_eq!(set(Condition::Unchanged(90)), "ms k 4 c F12 T60 C90 O7\r\nhead\r\n");
        assert_eq!(
            bytes(Command::SignIn { user: "u", password: "pw" }),
            "set dancecard-sign-in 0 -1 4\r\nu pw\r\n"
        );
    }

    #[test]
    fn numbers_of_every_length() {
        for number in [0, 9, 10, 99, 100, 12_345, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            decimal(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
