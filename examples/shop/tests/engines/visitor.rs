//! A browser as far as the shop can tell: it keeps cookies, and says where its forms come from.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use parking_lot::Mutex;

/// Nothing here takes as long; what hangs is to be told.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser. A clone is another tab of it, with the same cookies.
#[derive(Clone)]
pub(crate) struct Visitor {
    agent: &'static str,
    address: SocketAddr,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    text: String,
}

impl Visitor {
    pub(crate) fn new(agent: &'static str, address: SocketAddr) -> Self {
        Self { agent, address, cookies: Arc::default() }
    }

    /// The same browser, when the shop has moved.
    pub(crate) fn at(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    /// Someone who has copied all cookies, and gets no others.
    pub(crate) fn thief(&self) -> Self {
        Self { cookies: Arc::new(Mutex::new(self.cookies.lock().clone())), ..self.clone() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.lock().clone()
    }

    pub(crate) fn get(&self, path: &str) -> Result<Reply> {
        self.send(&format!("GET {path} HTTP/1.1\r\n"), "").with_context(|| format!("GET {path}"))
    }

    /// Sends a form of one of the shop's own pages. Its values have letters, digits and spaces only.
    pub(crate) fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Reply> {
        let fields = form.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+")));
        let body = fields.collect::<Vec<_>>().join("&");
        let head = format!(
            "POST {path} HTTP/1.1\r\nSec-Fetch-Site: same-origin\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n",
            body.len()
        );
        self.send(&head, &body).with_context(|| format!("POST {path}"))
    }

    fn send(&self, head: &str, body: &str) -> Result<Reply> {
        let Self { agent, address, .. } = self;
        let cookies = self.cookies();
        let cookies = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let cookies =
            if cookies.is_empty() { String::new() } else { format!("Cookie: {}\r\n", cookies.join("; ")) };
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let common = format!("Host: {address}\r\nUser-Agent: {agent}\r\nConnection: close\r\n");
        stream.write_all(format!("{head}{common}{cookies}\r\n{body}").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let reply = Reply::parse(&answer)?;
        self.keep(&reply);
        Ok(reply)
    }

    fn keep(&self, reply: &Reply) {
        let mut cookies = self.cookies.lock();
        for line in reply.header("set-cookie") {
            let Some((name, value)) = line.split(';').next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            match line.contains("Max-Age=0") {
                true => drop(cookies.remove(name)),
                false => drop(cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
    }
}

impl Reply {
    fn parse(answer: &str) -> Result<Self> {
        let (head, text) = answer.split_once("\r\n\r\n").context("it has a head")?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok(Self { status: status.context("it has a status")?, head: head.to_owned(), text: text.to_owned() })
    }

    /// The values of all header lines of this name.
    pub(crate) fn header(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Fails unless it sends the browser to another page.
    pub(crate) fn leads_to(&self, path: &str) -> Result<()> {
        let is_there = self.status == 303 && self.header("location").eq([path]);
        ensure!(is_there, "it does not lead to {path}: {}\n{}", self.head, self.text);
        Ok(())
    }

    /// Fails unless the page is there, and has each of these.
    pub(crate) fn shows(&self, texts: &[&str]) -> Result<()> {
        let missing = texts.iter().find(|text| !self.text.contains(**text));
        ensure!(self.status == 200 && missing.is_none(), "{missing:?}: {}\n{}", self.head, self.text);
        Ok(())
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// What stands between two texts, wherever that is.
    pub(crate) fn between<'a>(&'a self, before: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
        self.text.split(before).skip(1).filter_map(move |rest| rest.split(after).next())
    }
}
