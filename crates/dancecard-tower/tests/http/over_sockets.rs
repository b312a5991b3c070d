//! axum behind a real server and a real connection: what the client gets is read from the wire.

use std::net::SocketAddr;

use dancecard_testkit::http::{Adapter, Closed, Rest, Site};
use http::{HeaderName, HeaderValue, Request, Response};
use libtest_mimic::Trial;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use crate::in_axum::router;

/// Scripts that need more control than two ends of a socket have, and why. In process they run.
const IN_PROCESS_ONLY: [(&str, &str); 3] = [
    ("::stream::", "a socket does not say when the head is sent"),
    ("::dropped::", "a socket can't be cut at each await"),
    ("::not_modified", "the server leaves out the body of 304"),
];

pub(crate) fn trials() -> Vec<Trial> {
    dancecard_testkit::http::trials("served", Served).into_iter().map(or_ignored).collect()
}

fn or_ignored(trial: Trial) -> Trial {
    match IN_PROCESS_ONLY.iter().find(|(area, _)| trial.name().contains(area)) {
        Some((_, reason)) => trial.with_kind(*reason).with_ignored_flag(true),
        None => trial,
    }
}

struct Served;

/// A server that begins to listen with its first request.
struct Server {
    site: Site,
    address: OnceCell<SocketAddr>,
}

impl Server {
    async fn address(&self) -> std::io::Result<SocketAddr> {
        self.address.get_or_try_init(|| listen(self.site.clone())).await.copied()
    }
}

async fn listen(site: Site) -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // It ends with the runtime of the script.
    tokio::spawn(axum::serve(listener, router(site)).into_future());
    Ok(address)
}

impl Adapter for Served {
    type Server = Server;

    fn start(&self, site: Site) -> Server {
        Server { site, address: OnceCell::new() }
    }

    async fn send(&self, server: &Server, request: Request<Vec<u8>>) -> Result<Response<Rest>, Closed> {
        let answer = exchange(server, request).await.map_err(|_| Closed)?;
        parse(&answer).ok_or(Closed)
    }
}

async fn exchange(server: &Server, request: Request<Vec<u8>>) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server.address().await?).await?;
    stream.write_all(&written(&request)).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

fn written(request: &Request<Vec<u8>>) -> Vec<u8> {
    let mut text = format!(
        "{} {} HTTP/1.1\r\nconnection: close\r\ncontent-length: 0\r\n",
        request.method(),
        request.uri()
    )
    .into_bytes();
    for (name, value) in request.headers() {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend(b"\r\n");
    text
}

/// The head line by line, and whatever follows it. The server closes the connection, and sends no chunks of a body
/// whose length it knows.
fn parse(answer: &[u8]) -> Option<Response<Rest>> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let body = dechunked(answer.get(end + 4..)?.to_vec(), head);
    let mut response = Response::new(Box::pin(std::future::ready(body)) as Rest);
    *response.status_mut() = status.try_into().ok()?;
    for line in lines {
        let (name, value) = line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))?;
        let (name, value) = (HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
        response.headers_mut().append(name, value);
    }
    Some(response)
}

/// Joins the pieces of a body that was sent in chunks.
fn dechunked(body: Vec<u8>, head: &str) -> Vec<u8> {
    if !head.contains("transfer-encoding: chunked") {
        return body;
    }
    let (mut whole, mut rest) = (Vec::new(), body.as_slice());
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size =
            std::str::from_utf8(&rest[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let Some(size) = size.filter(|size| *size > 0 && end + 2 + size + 2 <= rest.len()) else { break };
        whole.extend(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    whole
}
