//! The server, over a real socket.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use shop::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::opened::Opened;

/// Sends a request and reads until `end` has come.
async fn ask(address: SocketAddr, path: &str, cookie: &str, end: &str) -> Result<(TcpStream, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\nCookie: {cookie}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains(end) {
        ensure!(stream.read_buf(&mut answer).await? > 0, "it ends without {end}");
    }
    Ok((stream, String::from_utf8(answer)?))
}

#[tokio::test]
async fn closing_ends_what_would_last_for_ever() -> Result<()> {
    let shop = Opened::new()?;
    let cookie = shop.member("Ada").await?.cookie().unwrap_or_default();
    let server = Server::bind(0).await?;
    let address = server.address()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(shop.shop.clone(), async { drop(stopped.await) }));

    let (mut events, head) = ask(address, "/live/events", &cookie, "event: hello").await?;
    ensure!(head.contains("content-type: text/event-stream"), "{head}");
    let (_idle, page) = ask(address, "/", &cookie, "</html>").await?;
    ensure!(page.starts_with("HTTP/1.1 200 OK"), "{page}");

    let _ = stop.send(());
    let mut rest = String::new();
    events.read_to_string(&mut rest).await?;
    ensure!(rest.contains("event: closing"), "{rest}");
    serving.await?
}

#[tokio::test]
async fn the_device_list_has_the_address_of_the_connection() -> Result<()> {
    let shop = Opened::new()?;
    let server = Server::bind(0).await?;
    let address = server.address()?;
    let serving = tokio::spawn(server.run(shop.shop.clone(), std::future::pending()));
    let mut stream = TcpStream::connect(address).await?;
    let body = "product=fan";
    let request = format!(
        "POST /cart/add HTTP/1.1\r\nHost: shop.example\r\nSec-Fetch-Site: same-origin\r\nUser-Agent: Lynx\r\n\
        Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let sessions = shop.sessions().await?;
    let [session] = sessions.as_slice() else { panic!("{answer}") };
    assert_eq!((session.meta.user_agent(), session.meta.address()), (Some("Lynx"), Some("127.0.0.1")));
    serving.abort();
    Ok(())
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() -> Result<()> {
    let first = Server::bind(0).await?;
    let port = first.address()?.port();
    let error = Server::bind(port).await.map(drop).unwrap_err().to_string();
    assert_eq!(error, format!("can't listen at 127.0.0.1:{port}; PORT sets another port"));
    Ok(())
}
