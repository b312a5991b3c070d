//! The server as the engine sees it: asked, it answers within the time that an operation has, or an error says why not.

use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::config::Config;
use crate::connect::Opener;
use crate::error::{Failure, Fate};
use crate::lanes::{self, Lanes};
use crate::lent::{ClientPool, Lent};
use crate::link::{Answer, Values};
use crate::schema::Table;
use crate::statements::{Query, Role, Statements};

const LATE: &str = "it was not done within timeout_ms";
const UNCONNECTED: &str = "no connection within timeout_ms; the source says what is in the way";

#[derive(Debug)]
pub(crate) struct Server {
    ways: Ways,
    statements: Statements,
    timeout: Duration,
}

/// Where connections come from.
#[derive(Debug)]
enum Ways {
    Own(Lanes),
    Lent(Box<Lent>),
}

/// A connection, for one operation.
enum Seat<'a> {
    Own(lanes::Seat<'a>),
    Lent(crate::lent::Seat),
}

impl Server {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        Ok(Self::with(Ways::Own(Lanes::new(config, Opener::new(config)?)), config))
    }

    pub(crate) fn with_pool(config: &Config, pool: Arc<dyn ClientPool>) -> Self {
        Self::with(Ways::Lent(Box::new(Lent::new(config, pool))), config)
    }

    fn with(ways: Ways, config: &Config) -> Self {
        Self { ways, statements: Statements::new(&Table::new(config)), timeout: config.timeout() }
    }

    /// Sends a statement, in one round trip, and again if that can help and do no harm.
    ///
    /// # Errors
    /// Those that the contract names, in the operation of the statement.
    pub(crate) async fn ask(&self, query: Query, values: Values<'_>) -> Result<Answer> {
        let told = |failure: Failure| failure.to_error(query.operation(), query.role() == Role::Reads);
        Handle::try_current().map_err(|_| told(Failure::no_runtime()))?;
        let deadline = Instant::now() + self.timeout;
        for tries in 0.. {
            let failure = match self.ask_once(query, values, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let next = Instant::now() + lanes::pause(tries);
            if next >= deadline || !failure.allows_another_try(query.is_repeatable()) {
                return Err(told(failure));
            }
            sleep_until(next).await;
        }
        Err(told(Failure::new(ErrorKind::Unavailable, Fate::Unsent, LATE)))
    }

    async fn ask_once(&self, query: Query, values: Values<'_>, deadline: Instant) -> Result<Answer, Failure> {
        let seat = match timeout_at(deadline, self.seat(query.role())).await {
            Ok(seat) => seat?,
            Err(_) => return Err(self.unconnected(query.role())),
        };
        let asked = timeout_at(deadline, self.put(&seat, query, values)).await;
        let failure = match asked {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Failure::asking(error),
            Err(_) => Failure::new(ErrorKind::Unavailable, Fate::Lost, LATE),
        };
        self.draw_conclusions(&seat, &failure);
        Err(failure)
    }

    async fn seat(&self, role: Role) -> Result<Seat<'_>, Failure> {
        match &self.ways {
            Ways::Own(lanes) => lanes.seat(role).await.map(Seat::Own),
            Ways::Lent(lent) => lent.seat().await.map(Seat::Lent),
        }
    }

    async fn put(
        &self,
        seat: &Seat<'_>,
        query: Query,
        values: Values<'_>,
    ) -> Result<Answer, tokio_postgres::Error> {
        match seat {
            Seat::Own(seat) => seat.link.ask(query, &self.statements, values).await,
            Seat::Lent(seat) => seat.ask(query, &self.statements, values).await,
        }
    }

    /// A connection that did not answer in time would not answer the next one either.
    fn draw_conclusions(&self, seat: &Seat<'_>, failure: &Failure) {
        if failure.is_missing_table() {
            match &self.ways {
                Ways::Own(lanes) => lanes.forget_table(),
                Ways::Lent(lent) => lent.forget_table(),
            }
        }
        match seat {
            Seat::Own(seat) if failure.is_lost() => seat.link.retire(),
            Seat::Own(seat) if failure.asks_for_another_connection() => seat.link.retire_if_old(),
            _ => {}
        }
    }

    fn unconnected(&self, role: Role) -> Failure {
        let cause = match &self.ways {
            Ways::Own(lanes) => lanes.last_failure(role),
            Ways::Lent(_) => None,
        };
        Failure::new(ErrorKind::Unavailable, Fate::Unsent, UNCONNECTED).after(cause)
    }
}
