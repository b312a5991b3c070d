//! The one module that knows the client crate: commands, replies and connections in the engine's own words.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind as ClientErrorKind, ProtocolVersion, PushInfo, PushKind};
use redis::{RedisConnectionInfo, RedisError, RedisWrite, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;

use crate::error::{Refusal, Trouble};

/// How many commands may wait for the task that writes to the socket before callers wait for room.
const QUEUE: usize = 256;

/// A command with its arguments. `Debug` shows neither.
pub(crate) struct Command(Cmd);

impl Command {
    /// A command of this name, with room for so many arguments of so many bytes in all.
    pub(crate) fn with_capacity(name: &str, arguments: usize, bytes: usize) -> Self {
        let mut command = Cmd::with_capacity(arguments + 1, bytes + name.len());
        command.arg(name.as_bytes());
        Self(command)
    }

    pub(crate) fn new(name: &str) -> Self {
        Self::with_capacity(name, 4, 64)
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<[u8]>) -> Self {
        self.push(argument.as_ref());
        self
    }

    pub(crate) fn number(mut self, argument: i64) -> Self {
        self.push_number(argument);
        self
    }

    pub(crate) fn push(&mut self, argument: &[u8]) {
        self.0.write_arg(argument);
    }

    pub(crate) fn push_number(&mut self, argument: i64) {
        self.0.arg(argument);
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Command(..)")
    }
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Nil,
    Number(i64),
    Bytes(Vec<u8>),
    Many(Vec<Reply>),
    Refused(Refusal),
}

impl Reply {
    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// A number, however it was written.
    pub(crate) fn as_number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            reply => reply.as_text()?.parse().ok(),
        }
    }

    pub(crate) fn as_many(&self) -> Option<&[Self]> {
        match self {
            Self::Many(replies) => Some(replies),
            _ => None,
        }
    }
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        match value {
            Value::Int(number) => Self::Number(number),
            Value::BulkString(bytes) => Self::Bytes(bytes),
            Value::SimpleString(text) | Value::VerbatimString { text, .. } => Self::Bytes(text.into_bytes()),
            Value::Okay => Self::Bytes(b"OK".to_vec()),
            Value::Double(number) => Self::Bytes(number.to_string().into_bytes()),
            Value::Boolean(truth) => Self::Number(truth.into()),
            Value::Array(values) | Value::Set(values) | Value::Push { data: values, .. } => {
                Self::Many(values.into_iter().map(Self::from).collect())
            }
            Value::Map(pairs) => {
                Self::Many(pairs.into_iter().flat_map(|(key, value)| [key, value]).map(Self::from).collect())
            }
            Value::Attribute { data, .. } => Self::from(*data),
            Value::ServerError(error) => Self::Refused(Refusal::new(error.code(), error.details())),
            _ => Self::Nil,
        }
    }
}

/// Any socket.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// As whom to greet a server.
pub(crate) struct Login<'a> {
    pub(crate) username: Option<&'a str>,
    pub(crate) password: Option<&'a str>,
    pub(crate) database: u32,
}

/// What a server says by itself about keys that were read through the connection.
#[derive(Debug)]
pub(crate) enum Notice {
    /// These keys may have changed.
    Stale(Vec<Vec<u8>>),
    /// All of them may have.
    AllStale,
    /// The connection is over, and with it the notices.
    Ended,
}

/// Hears of each notice, in the task that reads the socket and before any later reply is handed out.
pub(crate) type Listener = Box<dyn Fn(Notice) + Send + Sync>;

/// A connection that many use at once. Dropped by the last of them, it is closed.
pub(crate) struct Connection {
    shared: MultiplexedConnection,
    ended: Arc<AtomicBool>,
    driver: AbortHandle,
}

impl Connection {
    /// Greets the server at the other end of a socket. With a listener, it also asks for the protocol with notices.
    ///
    /// # Errors
    /// When the server does not let us in, or the socket fails.
    pub(crate) async fn open(
        socket: Box<dyn Duplex>,
        login: Login<'_>,
        listener: Option<Listener>,
    ) -> Result<Self, Trouble> {
        let mut info = RedisConnectionInfo::default().set_skip_set_lib_name().set_db(login.database.into());
        if let Some(username) = login.username {
            info = info.set_username(username);
        }
        if let Some(password) = login.password {
            info = info.set_password(password);
        }
        let mut config =
            AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(QUEUE);
        let listener = listener.map(Arc::new);
        if let Some(listener) = listener.clone() {
            info = info.set_protocol(ProtocolVersion::RESP3);
            config = config.set_push_sender(move |push: PushInfo| {
                hear(push, &listener);
                Ok::<(), ()>(())
            });
        }
        let opened = MultiplexedConnection::new_with_config(&info, socket, config).await;
        let (shared, work) = opened.map_err(refused_greeting)?;
        let ended = Arc::new(AtomicBool::new(false));
        let end = End { ended: ended.clone(), listener };
        let driver = tokio::spawn(async move {
            let _end = end;
            work.await;
        });
        Ok(Self { shared, ended, driver: driver.abort_handle() })
    }

    /// Whether it is closed, so that nothing sent to it could arrive.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Sends a command and waits for its reply.
    ///
    /// # Errors
    /// When the connection breaks. Whether the server got the command is then not known.
    pub(crate) async fn call(&self, command: &Command) -> Result<Reply, Trouble> {
        let reply = self.shared.clone().send_packed_command(&command.0).await;
        reply.map(Reply::from).map_err(broken)
    }

    /// Sends commands together and waits for all replies.
    ///
    /// # Errors
    /// When the connection breaks.
    pub(crate) async fn batch<'a>(
        &self,
        commands: impl IntoIterator<Item = &'a Command>,
    ) -> Result<Vec<Reply>, Trouble> {
        let mut pipeline = redis::Pipeline::new();
        for command in commands {
            pipeline.add_command(command.0.clone());
        }
        let count = pipeline.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let replies = self.shared.clone().send_packed_commands(&pipeline, 0, count).await;
        Ok(replies.map_err(broken)?.into_iter().map(Reply::from).collect())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("ended", &self.has_ended()).finish_non_exhaustive()
    }
}

/// Tells that the task is gone, however it ended: its runtime may have been shut down.
struct End {
    ended: Arc<AtomicBool>,
    listener: Option<Arc<Listener>>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        if let Some(listener) = &self.listener {
            listener(Notice::Ended);
        }
    }
}

fn hear(push: PushInfo, listener: &Listener) {
    if push.kind != PushKind::Invalidate {
        return;
    }
    match push.data.into_iter().next().map(Reply::from) {
        Some(Reply::Many(keys)) => {
            let bytes = |reply| if let Reply::Bytes(bytes) = reply { Some(bytes) } else { None };
            listener(Notice::Stale(keys.into_iter().filter_map(bytes).collect()));
        }
        _ => listener(Notice::AllStale),
    }
}

fn broken(error: RedisError) -> Trouble {
    let trouble = Trouble::unavailable("the connection to the server broke");
    match error.kind() {
        ClientErrorKind::Parse => trouble.with_cause("the reply is not in the protocol of Redis"),
        _ if error.is_io_error() => trouble.with_cause(error),
        _ => trouble,
    }
}

fn refused_greeting(error: RedisError) -> Trouble {
    match error.kind() {
        ClientErrorKind::AuthenticationFailed => Refusal::WrongPass.trouble(),
        ClientErrorKind::RESP3NotSupported => {
            Trouble::config("the server is too old; 7.0 is the first that works")
        }
        ClientErrorKind::Server(_) | ClientErrorKind::Extension => {
            match Refusal::new(error.code().unwrap_or_default(), error.detail()) {
                Refusal::Other(_) => Trouble::config(
                    "the server refuses the login or the database; correct `username`, `password` and `database`",
                ),
                refusal => refusal.trouble(),
            }
        }
        _ => broken(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_not_shown() {
        let command = Command::new("GET").arg("secret");
        assert!(!format!("{command:?}").contains("secret"));
    }

    #[test]
    fn replies_are_read_as_what_they_mean() {
        let reply = Reply::from(Value::Array(vec![Value::Okay, Value::Int(7), Value::Nil]));
        let many = reply.as_many().unwrap();
        assert_eq!((many[0].as_text(), many[1].as_number()), (Some("OK"), Some(7)));
        assert_eq!(Reply::from(Value::BulkString(b"12".to_vec())).as_number(), Some(12));
        assert_eq!(many[2], Reply::Nil);
    }

    #[test]
    fn notices_name_keys_or_all() {
        let heard = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let notes = heard.clone();
        let listener: Listener = Box::new(move |notice| notes.lock().push(format!("{notice:?}")));
        let keys = Value::Array(vec![Value::BulkString(b"a".to_vec())]);
        for (kind, data) in [
            (PushKind::Invalidate, vec![keys]),
            (PushKind::Invalidate, vec![Value::Nil]),
            (PushKind::Message, vec![Value::Nil]),
        ] {
            hear(PushInfo { kind, data }, &listener);
        }
        assert_eq!(*heard.lock(), ["Stale([[97]])", "AllStale"]);
    }
}
