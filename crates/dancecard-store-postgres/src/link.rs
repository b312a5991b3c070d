//! One connection to the server, and what is asked on it.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::TryStreamExt;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Row, RowStream, Statement};

use crate::statements::{Query, Statements};

/// A connection that is given up sooner than this after it was made would soon be given up again.
const LEAST_AGE: Duration = Duration::from_secs(1);

/// The values of a statement.
pub(crate) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// What the server answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    /// How many rows it stored, changed or removed.
    pub(crate) count: u64,
}

/// A connection of this engine. Statements are sent without waiting for the answers of those before them.
pub(crate) struct Link {
    // First, so that it is gone when the statements are dropped, and they send nothing more.
    client: Client,
    prepared: Vec<Option<Statement>>,
    born: Instant,
    retired: AtomicBool,
    task: AbortHandle,
}

impl Link {
    pub(crate) fn new(client: Client, prepared: Vec<Option<Statement>>, task: AbortHandle) -> Self {
        Self { client, prepared, born: Instant::now(), retired: AtomicBool::new(false), task }
    }

    pub(crate) fn is_usable(&self) -> bool {
        !self.retired.load(Ordering::Relaxed) && !self.client.is_closed()
    }

    /// Takes it out of use. It is closed when nobody waits for an answer on it any more.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Takes it out of use unless it is new, as another would be the same.
    pub(crate) fn retire_if_old(&self) {
        if self.born.elapsed() >= LEAST_AGE {
            self.retire();
        }
    }

    pub(crate) async fn ask(
        &self,
        query: Query,
        statements: &Statements,
        values: Values<'_>,
    ) -> Result<Answer, tokio_postgres::Error> {
        match self.prepared.get(query as usize) {
            Some(Some(statement)) => {
                collect(self.client.query_raw(statement, values.iter().copied()).await?).await
            }
            _ => ask_unprepared(&self.client, query, statements, values).await,
        }
    }
}

impl Drop for Link {
    /// Without this, one whose peer is silent would stay until the system gives it up.
    fn drop(&mut self) {
        if self.retired.load(Ordering::Relaxed) {
            self.task.abort();
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("usable", &self.is_usable()).finish_non_exhaustive()
    }
}

/// Has the server parse the statement anew, in the same round trip.
pub(crate) async fn ask_unprepared(
    client: &Client,
    query: Query,
    statements: &Statements,
    values: Values<'_>,
) -> Result<Answer, tokio_postgres::Error> {
    let typed = values.iter().copied().zip(query.types().iter().cloned());
    collect(client.query_typed_raw(statements.text(query), typed).await?).await
}

async fn collect(stream: RowStream) -> Result<Answer, tokio_postgres::Error> {
    let mut stream = pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok(Answer { rows, count: stream.rows_affected().unwrap_or(0) })
}

/// Prepares the statements that are asked for, in one round trip.
pub(crate) async fn prepare(
    client: &Client,
    statements: &Statements,
    wanted: impl Fn(Query) -> bool,
) -> Result<Vec<Option<Statement>>, tokio_postgres::Error> {
    let each = Query::ALL.map(|query| {
        let wanted = wanted(query);
        async move {
            if !wanted {
                return Ok(None);
            }
            client.prepare_typed(statements.text(query), query.types()).await.map(Some)
        }
    });
    futures_util::future::try_join_all(each).await
}

/// Bytes as a value of a statement. Unlike a plain slice it does not show them in the client's debug log.
pub(crate) struct Blob<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Blob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blob(..)")
    }
}

impl ToSql for Blob<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0);
        Ok(IsNull::No)
    }

    fn accepts(as_type: &Type) -> bool {
        *as_type == Type::BYTEA
    }

    to_sql_checked!();
}
