//! Short exchanges with servers, in their own languages.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Longer than any server that is up takes, and short enough to try again.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that does not wait for ever.
///
/// # Errors
/// When nobody listens.
pub(crate) fn connect(port: u16) -> io::Result<TcpStream> {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends bytes, and returns as many as asked for of what comes back.
///
/// # Errors
/// When the connection fails or ends before.
pub(crate) fn exchange(stream: &mut TcpStream, question: &[u8], length: usize) -> io::Result<Vec<u8>> {
    stream.write_all(question)?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// The error for an answer that is none.
pub(crate) fn unexpected(answer: &[u8]) -> io::Error {
    io::Error::other(format!("unexpected answer: {:?}", String::from_utf8_lossy(answer)))
}
