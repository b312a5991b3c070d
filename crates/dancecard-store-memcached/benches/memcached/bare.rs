//! Bare clients: commands and replies, no deadlines, no reconnecting, no checks.

use std::future::Future;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, mpsc, oneshot};

/// A value, or nothing, and the number that came with it.
type Reply = (Vec<u8>, u64);

/// What both do.
pub(crate) trait Client {
    fn ask(&self, command: Vec<u8>) -> impl Future<Output = Reply> + Send;

    fn get(&self, key: &str) -> impl Future<Output = Vec<u8>> + Send {
        let asked = self.ask(format!("mg {key} v c\r\n").into_bytes());
        async { asked.await.0 }
    }

    fn set(&self, key: &str, value: &[u8], cas: Option<u64>) -> impl Future<Output = u64> + Send {
        let mut command = Vec::with_capacity(key.len() + value.len() + 64);
        let condition = cas.map(|cas| format!(" C{cas}")).unwrap_or_default();
        command.extend(format!("ms {key} {} c T3600{condition}\r\n", value.len()).bytes());
        command.extend_from_slice(value);
        command.extend_from_slice(b"\r\n");
        let asked = self.ask(command);
        async { asked.await.1 }
    }
}

/// One connection for all callers.
pub(crate) struct Shared(mpsc::UnboundedSender<(Vec<u8>, oneshot::Sender<Reply>)>);

impl Shared {
    pub(crate) async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (read, write) = stream.into_split();
        let (commands, waiting) = mpsc::unbounded_channel();
        let (asked, answers) = mpsc::unbounded_channel();
        tokio::spawn(write_all(write, waiting, asked));
        tokio::spawn(read_all(read, answers));
        Self(commands)
    }
}

type Commands = mpsc::UnboundedReceiver<(Vec<u8>, oneshot::Sender<Reply>)>;

async fn write_all(
    mut write: OwnedWriteHalf,
    mut waiting: Commands,
    asked: mpsc::UnboundedSender<oneshot::Sender<Reply>>,
) {
    let (mut some, mut bytes) = (Vec::new(), Vec::new());
    while waiting.recv_many(&mut some, 1024).await > 0 {
        for (command, answer) in some.drain(..) {
            bytes.extend_from_slice(&command);
            let _ = asked.send(answer);
        }
        write.write_all(&bytes).await.unwrap();
        bytes.clear();
    }
}

async fn read_all(read: OwnedReadHalf, mut answers: mpsc::UnboundedReceiver<oneshot::Sender<Reply>>) {
    let mut read = BufReader::with_capacity(64 << 10, read);
    while let Some(answer) = answers.recv().await {
        let _ = answer.send(reply(&mut read).await);
    }
}

async fn reply(read: &mut (impl AsyncBufReadExt + Unpin)) -> Reply {
    let mut line = String::new();
    read.read_line(&mut line).await.unwrap();
    let mut words = line.split_ascii_whitespace();
    let mut value = Vec::new();
    if words.next().unwrap() == "VA" {
        value = vec![0; words.next().unwrap().parse::<usize>().unwrap() + 2];
        read.read_exact(&mut value).await.unwrap();
        value.truncate(value.len() - 2);
    }
    let cas = words.find_map(|word| word.strip_prefix('c')).unwrap();
    (value, cas.parse().unwrap())
}

impl Client for Arc<Shared> {
    async fn ask(&self, command: Vec<u8>) -> Reply {
        let (answer, reply) = oneshot::channel();
        self.0.send((command, answer)).unwrap();
        reply.await.unwrap()
    }
}

/// A connection of one's own.
pub(crate) struct Alone(Mutex<BufReader<TcpStream>>);

impl Alone {
    pub(crate) async fn connect(address: String) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(Mutex::new(BufReader::new(stream)))
    }
}

impl Client for Alone {
    async fn ask(&self, command: Vec<u8>) -> Reply {
        let mut stream = self.0.lock().await;
        stream.write_all(&command).await.unwrap();
        reply(&mut *stream).await
    }
}
