//! Connections that the application lends.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use dancecard_core::ErrorKind;
use tokio_postgres::Client;

use crate::config::Config;
use crate::error::{Failure, Fate};
use crate::link::{Answer, Values, ask_unprepared};
use crate::readiness::Readiness;
use crate::statements::{Query, Statements};

/// A client while it is lent: it goes back when this is dropped.
pub type LentClient = Box<dyn Deref<Target = Client> + Send + Sync>;

/// What a pool answers when it is asked for a client.
pub type LentResult = Result<LentClient, Box<dyn std::error::Error + Send + Sync>>;

/// A pool of connections that the application has already, for the engine to use too.
///
/// A closure that gives something with a client in it is one.
pub trait ClientPool: Send + Sync + 'static {
    /// A connection, for one operation. Dropped before it is ready, it must lend nothing.
    ///
    /// # Errors
    /// Why there is none. It becomes the source of an error, and must not hold a password.
    fn lend(&self) -> Pin<Box<dyn Future<Output = LentResult> + Send + '_>>;
}

impl<F, Fut, C, E> ClientPool for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<C, E>> + Send + 'static,
    C: Deref<Target = Client> + Send + Sync + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn lend(&self) -> Pin<Box<dyn Future<Output = LentResult> + Send + '_>> {
        let lending = self();
        Box::pin(async move {
            match lending.await {
                Ok(client) => Ok(Box::new(client) as LentClient),
                Err(error) => Err(error.into()),
            }
        })
    }
}

pub(crate) struct Lent {
    pool: Arc<dyn ClientPool>,
    table: Readiness,
    config: Config,
}

impl Lent {
    pub(crate) fn new(config: &Config, pool: Arc<dyn ClientPool>) -> Self {
        Self { pool, table: Readiness::default(), config: config.clone() }
    }

    pub(crate) async fn seat(&self) -> Result<Seat, Failure> {
        let lent = self.pool.lend().await.map_err(|cause| {
            Failure::new(ErrorKind::Unavailable, Fate::Unsent, "the application's pool lends no connection")
                .because(cause)
        })?;
        self.table.ensure(&lent, &self.config).await?;
        Ok(Seat(lent))
    }

    pub(crate) fn forget_table(&self) {
        self.table.forget();
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}

/// A lent client, for one operation. Which statements are prepared on it nobody knows.
pub(crate) struct Seat(LentClient);

impl Seat {
    pub(crate) async fn ask(
        &self,
        query: Query,
        statements: &Statements,
        values: Values<'_>,
    ) -> Result<Answer, tokio_postgres::Error> {
        ask_unprepared(&self.0, query, statements, values).await
    }
}
