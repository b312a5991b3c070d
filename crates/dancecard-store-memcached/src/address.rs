//! Where a server is.

use std::fmt;
use std::path::PathBuf;

/// Memcached's own port.
pub(crate) const PORT: u16 = 11211;

/// The place of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl Address {
    /// Reads `host`, `host:port`, `[::1]:port` or a path that begins with a slash.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.starts_with('/') {
            return Some(Self::Unix(text.into()));
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let odd = |letter: char| letter.is_whitespace() || letter.is_control() || "@/,".contains(letter);
        if host.is_empty() || host.contains(odd) {
            return None;
        }
        let port = match port {
            "" => PORT,
            port => port.strip_prefix(':')?.parse().ok().filter(|port| *port > 0)?,
        };
        Some(Self::Tcp { host: host.to_owned(), port })
    }

    /// What stands for the server on the ring, as libmemcached spells it: without its port if that is the usual one.
    pub(crate) fn ring_name(&self) -> String {
        match self {
            Self::Tcp { host, port: PORT } => host.clone(),
            Self::Tcp { host, port } => format!("{host}:{port}"),
            Self::Unix(path) => format!("{}:0", path.display()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        let cases = [
            ("localhost", "localhost:11211", "localhost"),
            ("10.0.0.1:11300", "10.0.0.1:11300", "10.0.0.1:11300"),
            ("[::1]:11212", "[::1]:11212", "::1:11212"),
            ("[::1]", "[::1]:11211", "::1"),
            ("/run/memcached.sock", "/run/memcached.sock", "/run/memcached.sock:0"),
        ];
        for (text, shown, name) in cases {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.to_string().as_str(), address.ring_name().as_str()), (shown, name));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", ":11211", "h:", "h:0", "h:70000", "h:x", "u@h", "a b", "[::1", "[::1]x", "h/x", "::1"]
        {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }
}
