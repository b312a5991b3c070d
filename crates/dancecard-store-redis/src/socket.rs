//! Sockets: TCP, TLS over it, and unix.

use tokio::net::{TcpStream, UnixStream};

use crate::address::Address;
use crate::error::Trouble;
use crate::tls::Tls;
use crate::wire::Duplex;

/// Connects to a server, over TLS if there is any to be used. A unix socket is never encrypted.
///
/// # Errors
/// When nobody listens there, or the server does not prove to be the one.
pub(crate) async fn connect(address: &Address, tls: Option<&Tls>) -> Result<Box<dyn Duplex>, Trouble> {
    match (address, tls) {
        (Address::Unix(path), _) => Ok(Box::new(UnixStream::connect(path).await?)),
        (Address::Tcp(host, port), None) => Ok(Box::new(open(host, *port).await?)),
        (Address::Tcp(host, port), Some(tls)) => tls.wrap(host, open(host, *port).await?).await,
    }
}

async fn open(host: &str, port: u16) -> Result<TcpStream, Trouble> {
    let stream = TcpStream::connect((host, port)).await?;
    // A command that waited for more to be sent with it would wait for the reply to the one before.
    stream.set_nodelay(true)?;
    Ok(stream)
}
