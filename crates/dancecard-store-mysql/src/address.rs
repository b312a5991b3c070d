//! Where a server is, in words.

use std::net::IpAddr;

/// The hosts of a list, each with its port. `None` when one is not readable, or there is none.
pub(crate) fn read(hosts: &str, usual_port: u16) -> Option<Vec<(String, u16)>> {
    hosts.split(',').map(|host| one(host.trim(), usual_port)).collect()
}

/// Whether every host of a list is this machine, so that nobody on a network can listen.
pub(crate) fn all_local(hosts: &str) -> bool {
    read(hosts, 0).is_some_and(|hosts| hosts.iter().all(|(host, _)| is_local(host)))
}

/// `NAME`, `NAME:PORT`, `[ADDRESS]:PORT`, a bare address, or a folder.
fn one(host: &str, usual_port: u16) -> Option<(String, u16)> {
    if host.starts_with('/') || host.parse::<IpAddr>().is_ok() {
        return Some((host.to_owned(), usual_port));
    }
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, rest)) => (address, Some(rest.strip_prefix(':')?)),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let port = port.map_or(Some(usual_port), |port| port.parse().ok())?;
    let is_plain = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control());
    is_plain.then(|| (name.to_owned(), port))
}

fn is_local(host: &str) -> bool {
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    host.starts_with('/') || host.eq_ignore_ascii_case("localhost") || is_loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read() {
        let cases = [
            ("db", ("db", 1)),
            ("db:2", ("db", 2)),
            ("127.0.0.1", ("127.0.0.1", 1)),
            ("127.0.0.1:2", ("127.0.0.1", 2)),
            ("::1", ("::1", 1)),
            ("[::1]", ("::1", 1)),
            ("[::1]:2", ("::1", 2)),
            ("/run/postgresql", ("/run/postgresql", 1)),
        ];
        for (text, (host, port)) in cases {
            assert_eq!(read(text, 1), Some(vec![(host.to_owned(), port)]), "{text}");
        }
        assert_eq!(read("a, b:2", 1), Some(vec![("a".to_owned(), 1), ("b".to_owned(), 2)]));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", "a,", "a:b", "a:70000", "[::1", "[::1]2", "a b", ":5432", "a\0"] {
            assert_eq!(read(text, 1), None, "{text:?}");
        }
    }

    #[test]
    fn this_machine_is_known() {
        for local in ["localhost", "LocalHost:5", "127.0.0.9", "::1", "/tmp", "/tmp,localhost"] {
            assert!(all_local(local), "{local}");
        }
        for remote in ["db", "10.0.0.1", "localhost.example", "localhost,db", ""] {
            assert!(!all_local(remote), "{remote}");
        }
    }
}
