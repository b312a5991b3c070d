//! The server as the engine sees it: asked, it answers within the time that an operation has, or an error says why not.

use std::time::Duration;

use dancecard_core::{ErrorKind, Result};
use mysql_async::{Pool, Value};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::config::Config;
use crate::connect::Opener;
use crate::connections::{Connections, Seat, pause};
use crate::error::{Failure, Fate};
use crate::lent::Lent;
use crate::link::Answer;
use crate::schema::Table;
use crate::statements::{Query, Statements};

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
    Own(Connections),
    Lent(Box<Lent>),
}

/// What is asked. It is made anew for each try, since the client consumes it.
#[derive(Clone, Copy)]
pub(crate) enum Question<'a> {
    /// One prepared statement, and its values.
    One(Query, &'a (dyn Fn() -> Vec<Value> + Sync)),
    /// Several statements that are one transaction.
    Replace(&'a (dyn Fn(&str) -> String + Sync)),
}

impl Question<'_> {
    fn operation(self) -> &'static str {
        match self {
            Self::One(query, _) => query.operation(),
            Self::Replace(_) => "replace",
        }
    }

    fn reads(self) -> bool {
        matches!(self, Self::One(query, _) if query.reads())
    }

    fn is_repeatable(self) -> bool {
        matches!(self, Self::One(query, _) if query.is_repeatable())
    }
}

impl Server {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        Ok(Self::with(Ways::Own(Connections::new(config, Opener::new(config)?)), config))
    }

    pub(crate) fn with_pool(config: &Config, pool: Pool) -> Self {
        Self::with(Ways::Lent(Box::new(Lent::new(config, pool))), config)
    }

    fn with(ways: Ways, config: &Config) -> Self {
        Self { ways, statements: Statements::new(&Table::new(config)), timeout: config.timeout() }
    }

    /// Asks, in one round trip, and again if that can help and do no harm.
    ///
    /// # Errors
    /// Those that the contract names, in the operation of the question.
    pub(crate) async fn ask(&self, question: Question<'_>) -> Result<Answer> {
        let told = |failure: Failure| failure.to_error(question.operation(), question.reads());
        Handle::try_current().map_err(|_| told(Failure::no_runtime()))?;
        let deadline = Instant::now() + self.timeout;
        for tries in 0.. {
            let failure = match self.ask_once(question, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let next = Instant::now() + pause(tries);
            if next >= deadline || !failure.allows_another_try(question.is_repeatable()) {
                return Err(told(failure));
            }
            sleep_until(next).await;
        }
        Err(told(Failure::new(ErrorKind::Unavailable, Fate::Unsent, LATE)))
    }

    async fn ask_once(&self, question: Question<'_>, deadline: Instant) -> Result<Answer, Failure> {
        let mut seat = match timeout_at(deadline, self.seat()).await {
            Ok(seat) => seat?,
            Err(_) => return Err(self.unconnected()),
        };
        let asked = timeout_at(deadline, self.put(&mut seat, question)).await;
        let sent = if seat.link.has_sent() { Fate::Lost } else { Fate::Unsent };
        let failure = match asked {
            Ok(Ok(answer)) => {
                seat.give_back();
                return Ok(answer);
            }
            Ok(Err(error)) => Failure::asking(&error, sent),
            Err(_) => return Err(Failure::new(ErrorKind::Unavailable, sent, LATE)),
        };
        self.draw_conclusions(seat, question, &failure, deadline).await;
        Err(failure)
    }

    async fn seat(&self) -> Result<Seat<'_>, Failure> {
        match &self.ways {
            Ways::Own(connections) => connections.seat().await,
            Ways::Lent(lent) => lent.seat().await,
        }
    }

    async fn put(&self, seat: &mut Seat<'_>, question: Question<'_>) -> mysql_async::Result<Answer> {
        match question {
            Question::One(query, values) => seat.link.ask(query, &self.statements, values()).await,
            Question::Replace(text) => {
                let counts = seat.link.ask_all(text(self.statements.table())).await?;
                // The transaction's beginning, the new record, the old one, and its end.
                Ok(Answer { rows: Vec::new(), count: counts.get(1).copied().unwrap_or(0) })
            }
        }
    }

    /// A connection on which something else than an answer came is closed, and with it those that wait, unless the
    /// server refused in order.
    async fn draw_conclusions(
        &self,
        mut seat: Seat<'_>,
        question: Question<'_>,
        failure: &Failure,
        deadline: Instant,
    ) {
        if failure.is_missing_table() {
            self.forget_table();
        }
        if failure.ends_connection() || failure.asks_for_another_connection() && seat.link.is_old() {
            return self.give_up_idle();
        }
        let is_done = match question {
            Question::One(..) => true,
            // The transaction is still open.
            Question::Replace(_) => {
                matches!(timeout_at(deadline, seat.link.run("ROLLBACK")).await, Ok(Ok(())))
            }
        };
        if is_done {
            seat.give_back();
        }
    }

    fn forget_table(&self) {
        match &self.ways {
            Ways::Own(connections) => connections.forget_table(),
            Ways::Lent(lent) => lent.forget_table(),
        }
    }

    /// Those of the application are not the engine's to close.
    fn give_up_idle(&self) {
        if let Ways::Own(connections) = &self.ways {
            connections.give_up_idle();
        }
    }

    fn unconnected(&self) -> Failure {
        let cause = match &self.ways {
            Ways::Own(connections) => connections.last_failure(),
            Ways::Lent(_) => None,
        };
        Failure::new(ErrorKind::Unavailable, Fate::Unsent, UNCONNECTED).after(cause)
    }
}
