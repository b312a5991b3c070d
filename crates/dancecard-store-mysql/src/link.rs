//! One connection to the server, and what is asked on it.

use std::fmt;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Params, Row, Statement, Value};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use crate::statements::{Query, Statements};

/// One that was not used for longer is asked whether it lives before it is used again.
const RESTED: Duration = Duration::from_secs(1);
/// How long taking leave may take.
const FAREWELL: Duration = Duration::from_millis(500);
/// Of a statement, beside the bytes of its values, and more than that.
const FRAME: usize = 1024;
/// A connection that is given up sooner than this after it was made would soon be given up again.
const LEAST_AGE: Duration = Duration::from_secs(1);

/// What the server answers.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    /// How many rows it found, stored or removed.
    pub(crate) count: u64,
}

/// A connection of this engine, for one operation at a time. Dropped in the middle of one, it is closed.
pub(crate) struct Link {
    conn: Option<Conn>,
    prepared: [Option<Statement>; Query::COUNT],
    /// How many bytes the server takes at once.
    largest: usize,
    has_sent: bool,
    born: Instant,
    used: Instant,
}

impl Link {
    pub(crate) fn new(conn: Conn) -> Self {
        let now = Instant::now();
        let (prepared, largest) = (Default::default(), usize::MAX);
        Self { conn: Some(conn), prepared, largest, has_sent: false, born: now, used: now }
    }

    /// Sets the connection up by statements of which the last one asks how much the server takes at once.
    pub(crate) async fn set_up(&mut self, statements: String) -> mysql_async::Result<()> {
        let Some(conn) = &mut self.conn else { return Ok(()) };
        let mut result = conn.query_iter(statements).await?;
        let mut rows: Vec<Option<usize>> = Vec::new();
        while !result.is_empty() {
            rows = result.collect().await?;
        }
        result.drop_result().await?;
        self.largest = rows.into_iter().flatten().next().unwrap_or(usize::MAX);
        Ok(())
    }

    /// Whether what was asked last was sent, beyond its preparation, which changes nothing.
    pub(crate) fn has_sent(&self) -> bool {
        self.has_sent
    }

    /// Whether so much time has passed that the server may have closed it.
    pub(crate) fn is_rested(&self) -> bool {
        self.used.elapsed() > RESTED
    }

    /// Whether another one, made now, might be any different.
    pub(crate) fn is_old(&self) -> bool {
        self.born.elapsed() >= LEAST_AGE
    }

    /// Asks for a sign of life.
    pub(crate) async fn lives(&mut self) -> bool {
        match &mut self.conn {
            Some(conn) => conn.ping().await.is_ok(),
            None => false,
        }
    }

    pub(crate) async fn ask(
        &mut self,
        query: Query,
        statements: &Statements,
        values: Vec<Value>,
    ) -> mysql_async::Result<Answer> {
        self.has_sent = false;
        self.fits(values.iter().map(length).sum())?;
        let Some(conn) = &mut self.conn else { return Ok(Answer::default()) };
        let statement = match self.prepared.get(query as usize) {
            Some(Some(statement)) => statement.clone(),
            _ => conn.prep(statements.text(query)).await?,
        };
        if let Some(place @ None) = self.prepared.get_mut(query as usize) {
            *place = Some(statement.clone());
        }
        self.has_sent = true;
        let mut result = conn.exec_iter(statement, Params::Positional(values)).await?;
        let count = result.affected_rows();
        let rows = result.collect().await?;
        self.used = Instant::now();
        Ok(Answer { rows, count })
    }

    /// Sends several statements at once, of which the first that fails is the last, and says how many rows each found.
    pub(crate) async fn ask_all(&mut self, statements: String) -> mysql_async::Result<Vec<u64>> {
        self.has_sent = false;
        self.fits(statements.len())?;
        let Some(conn) = &mut self.conn else { return Ok(Vec::new()) };
        self.has_sent = true;
        let mut result = conn.query_iter(statements).await?;
        let mut counts = Vec::new();
        loop {
            counts.push(result.affected_rows());
            let _: Vec<Row> = result.collect().await?;
            if result.is_empty() {
                break;
            }
        }
        // An error in place of a further answer is told only now.
        result.drop_result().await?;
        self.used = Instant::now();
        Ok(counts)
    }

    /// The server would end the connection in the middle of what it does not take.
    fn fits(&self, bytes: usize) -> mysql_async::Result<()> {
        let fits = bytes.saturating_add(FRAME) <= self.largest;
        if fits { Ok(()) } else { Err(DriverError::PacketTooLarge.into()) }
    }

    /// The one value of an answer to a plain statement.
    pub(crate) async fn value(&mut self, statement: String) -> mysql_async::Result<Option<Value>> {
        match &mut self.conn {
            Some(conn) => Ok(conn.query_first::<Option<Value>, _>(statement).await?.flatten()),
            None => Ok(None),
        }
    }

    pub(crate) async fn run(&mut self, statement: &str) -> mysql_async::Result<()> {
        match &mut self.conn {
            Some(conn) => conn.query_drop(statement).await,
            None => Ok(()),
        }
    }

    /// Back to the pool that it is from.
    pub(crate) fn release(mut self) {
        drop(self.conn.take());
    }

    /// Major and minor version of the server.
    pub(crate) fn server_version(&self) -> (u16, u16) {
        self.conn.as_ref().map_or((0, 0), |conn| {
            let (major, minor, _) = conn.server_version();
            (major, minor)
        })
    }
}

fn length(value: &Value) -> usize {
    if let Value::Bytes(bytes) = value { bytes.len() } else { 0 }
}

impl Drop for Link {
    /// The client would wait for what is still to be answered, which may be for ever.
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(timeout(FAREWELL, conn.disconnect()))),
            Err(_) => drop(conn),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}
