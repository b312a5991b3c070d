//! Free ports of the loopback interface.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Below the ports that the kernel gives to outgoing connections. While a server is down, such a connection would
/// otherwise take its port, and a client that tries again could even meet itself.
const RANGE: std::ops::Range<u16> = 10_240..32_000;
const TRIES: usize = 200;

/// A port that no other process that takes its ports this way will get while this is alive.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _claim: Claim,
}

impl Port {
    /// Finds a port on which nothing listens.
    ///
    /// # Errors
    /// When no free one is found.
    pub(crate) fn free() -> io::Result<Self> {
        let found = (0..TRIES).find_map(|_| Self::take(random().ok()?));
        found.ok_or_else(|| io::Error::other("found no free port on the loopback interface"))
    }

    fn take(number: u16) -> Option<Self> {
        let port = Self { number, _claim: claim(number)? };
        is_free(number).then_some(port)
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

/// Whether a server could listen there now.
pub(crate) fn is_free(number: u16) -> bool {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, number))).is_ok()
}

fn random() -> io::Result<u16> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes)?;
    let span = u32::from(RANGE.end - RANGE.start);
    // Below the span, which is a u16.
    Ok(RANGE.start + (u32::from_le_bytes(bytes) % span) as u16)
}

/// A name that only one process can hold, in the same namespace as the ports. It goes with the process.
#[cfg(target_os = "linux")]
type Claim = std::os::unix::net::UnixListener;

#[cfg(target_os = "linux")]
fn claim(number: u16) -> Option<Claim> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};
    let name = SocketAddr::from_abstract_name(format!("dancecard-port-{number}")).ok()?;
    UnixListener::bind_addr(&name).ok()
}

#[cfg(not(target_os = "linux"))]
type Claim = ();

#[cfg(not(target_os = "linux"))]
fn claim(_number: u16) -> Option<Claim> {
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_port_is_not_given_again() {
        let port = Port::free().unwrap();
        assert!(RANGE.contains(&port.number()));
        assert!(Port::take(port.number()).is_none());
        let number = port.number();
        drop(port);
        let again = Port::take(number).unwrap();
        let _listener = TcpListener::bind(("127.0.0.1", number)).unwrap();
        drop(again);
        assert!(Port::take(number).is_none());
    }
}
