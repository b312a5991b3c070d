//! Where a server is.

use std::fmt;
use std::path::PathBuf;

const USUAL_PORT: u16 = 6379;
const USUAL_SENTINEL_PORT: u16 = 26379;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    /// A host's name or number, and a port.
    Tcp(String, u16),
    /// A socket on this machine.
    Unix(PathBuf),
}

impl Address {
    /// Reads `host`, `host:port`, `[::1]:port`, or a path that begins with a slash. `None` for anything else.
    pub(crate) fn parse(text: &str, sentinel: bool) -> Option<Self> {
        if text.starts_with('/') {
            return Some(Self::Unix(text.into()));
        }
        let (host, port) = split(text)?;
        let usual = if sentinel { USUAL_SENTINEL_PORT } else { USUAL_PORT };
        let port = port.map_or(Some(usual), |port| port.parse().ok().filter(|port| *port > 0))?;
        let is_host = |host: &str| !host.is_empty() && !host.contains(['@', '/', ' ', '[', ']']);
        is_host(host).then(|| Self::Tcp(host.to_owned(), port))
    }

    /// What a cluster's node says of another: `host:port`, without a host where it is the same. IPv6 has no brackets.
    pub(crate) fn of_redirection(text: &str, asked: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        // The bus port may follow.
        let port = port.split_once('@').map_or(port, |(port, _)| port);
        Self::of_node(host, port.parse().ok()?, asked)
    }

    /// A node that has no name, or an unknown one, is where the one is that was asked.
    pub(crate) fn of_node(host: &str, port: u16, asked: &Self) -> Option<Self> {
        match (host, asked) {
            ("" | "?", Self::Tcp(same, _)) => Some(Self::Tcp(same.clone(), port)),
            ("" | "?", Self::Unix(_)) => None,
            _ => Some(Self::Tcp(host.to_owned(), port)),
        }
    }
}

/// Host and port. More than one colon is an address without port, unless there are brackets.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        return match port.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => port.is_empty().then_some((host, None)),
        };
    }
    match text.matches(':').count() {
        1 => text.split_once(':').map(|(host, port)| (host, Some(port))),
        _ => Some((text, None)),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Option<Address> {
        Some(Address::Tcp(host.into(), port))
    }

    #[test]
    fn addresses_are_read() {
        let read = |text| Address::parse(text, false);
        assert_eq!(read("db"), tcp("db", 6379));
        assert_eq!(read("db:7000"), tcp("db", 7000));
        assert_eq!(read("[::1]:7000"), tcp("::1", 7000));
        assert_eq!(read("::1"), tcp("::1", 6379));
        assert_eq!(read("/run/redis.sock"), Some(Address::Unix("/run/redis.sock".into())));
        assert_eq!(Address::parse("db", true), tcp("db", 26379));
        for bad in ["", ":6379", "db:", "db:0", "db:x", "db:70000", "user@db", "[::1", "[::1]x", "a/b"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn nodes_are_found_from_where_they_were_named() {
        let asked = Address::Tcp("db".into(), 7000);
        assert_eq!(Address::of_redirection("10.0.0.2:7001", &asked), tcp("10.0.0.2", 7001));
        assert_eq!(Address::of_redirection(":7001", &asked), tcp("db", 7001));
        assert_eq!(Address::of_redirection("?:7001", &asked), tcp("db", 7001));
        assert_eq!(Address::of_redirection("::1:7001", &asked), tcp("::1", 7001));
        assert_eq!(Address::of_redirection("nonsense", &asked), None);
    }
}
