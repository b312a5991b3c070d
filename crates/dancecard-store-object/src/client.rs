//! Requests to the service, each with a deadline and in terms of the engine.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use dancecard_core::Result;
use opendal::Operator;
use opendal::options::{DeleteOptions, WriteOptions};

use crate::conditions::Conditions;
use crate::error::{self, Step};
use crate::pages::Listing;
use crate::task::Task;
use crate::version::Token;

/// How often something is asked that changes nothing.
const ATTEMPTS: usize = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The way to a service.
#[derive(Debug)]
pub(crate) struct Client {
    /// Not there before the first use where to set it up is to make a folder.
    operator: OnceLock<Operator>,
    conditions: Conditions,
    /// None for what is in this process.
    deadline: Option<Duration>,
}

/// An object that was read.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) bytes: Bytes,
    /// What the service tells it by, if it does.
    pub(crate) token: Option<Token>,
}

/// What a write depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Condition<'a> {
    Nothing,
    Absent,
    At(&'a Token),
}

impl Client {
    pub(crate) fn new(operator: Operator, conditions: Conditions, deadline: Option<Duration>) -> Self {
        Self { operator: OnceLock::from(operator), conditions, deadline }
    }

    /// One that [`open`](Self::open) sets up.
    pub(crate) fn later(conditions: Conditions, deadline: Option<Duration>) -> Self {
        Self { operator: OnceLock::new(), conditions, deadline }
    }

    /// Has it set up, if it is not. May block for a moment.
    ///
    /// # Errors
    /// Those of `set_up`.
    pub(crate) fn open(&self, set_up: impl FnOnce() -> Result<Operator>) -> Result<()> {
        if self.operator.get().is_none() {
            let operator = set_up()?;
            self.operator.get_or_init(|| operator);
        }
        Ok(())
    }

    pub(crate) fn conditions(&self) -> Conditions {
        self.conditions
    }

    pub(crate) fn can_list(&self) -> bool {
        self.operator.get().is_none_or(|operator| operator.info().capability().list)
    }

    /// The object in a place, if there is one.
    pub(crate) async fn get(&self, path: &str, operation: &'static str) -> Result<Option<Got>> {
        let conditions = self.conditions;
        let read = self.ask(path, move |operator, path| async move {
            let reader = operator.reader(&path).await?;
            let bytes = reader.read(..).await?.to_bytes();
            let token = reader.metadata().and_then(|about| conditions.token(about));
            Ok(Got { bytes, token })
        });
        match self.within(operation, Step::Read, read).await? {
            Ok(got) => Ok(Some(got)),
            Err(cause) if error::is_absent(&cause) => Ok(None),
            Err(cause) => Err(error::refused(operation, Step::Read, &cause)),
        }
    }

    /// Whether there is an object in a place.
    pub(crate) async fn exists(&self, path: &str, operation: &'static str) -> Result<bool> {
        let ask = self.ask(path, |operator, path| async move { operator.exists(&path).await });
        let exists = self.within(operation, Step::Read, ask).await?;
        exists.map_err(|cause| error::refused(operation, Step::Read, &cause))
    }

    /// What the service tells the object in a place by, if there is one, and it does.
    pub(crate) async fn look(&self, path: &str, operation: &'static str) -> Result<Option<Token>> {
        let ask = self.ask(path, |operator, path| async move { operator.stat(&path).await });
        match self.within(operation, Step::Read, ask).await? {
            Ok(about) => Ok(self.conditions.token(&about)),
            Err(cause) if error::is_absent(&cause) => Ok(None),
            Err(cause) => Err(error::refused(operation, Step::Read, &cause)),
        }
    }

    /// Writes an object, and returns what the service tells it by.
    pub(crate) async fn put(
        &self,
        path: &str,
        bytes: Vec<u8>,
        condition: Condition<'_>,
        operation: &'static str,
    ) -> Result<Option<Token>> {
        let mut options = WriteOptions::default();
        match condition {
            Condition::Nothing => {}
            Condition::Absent => options.if_not_exists = true,
            Condition::At(Token::Tag(tag)) => options.if_match = Some(tag.clone()),
            Condition::At(Token::Generation(number)) => options.if_version_match = Some(number.clone()),
            // The service can't compare what it doesn't know.
            Condition::At(Token::Nonce(_)) => {
                return Err(error::new(dancecard_core::ErrorKind::Conflict, operation));
            }
        }
        let write = self
            .tell(path, |operator, path| async move { operator.write_options(&path, bytes, options).await });
        match self.within(operation, Step::Write, write).await? {
            Ok(about) => Ok(self.conditions.token(&about)),
            Err(cause) if matches!(condition, Condition::At(_)) && error::is_absent(&cause) => {
                Err(error::new(dancecard_core::ErrorKind::Conflict, operation))
            }
            Err(cause) => Err(error::refused(operation, Step::Write, &cause)),
        }
    }

    /// Removes whatever is in a place.
    pub(crate) async fn remove(&self, path: &str, operation: &'static str) -> Result<()> {
        let delete = self.tell(path, |operator, path| async move { operator.delete(&path).await });
        let deleted = self.within(operation, Step::Write, delete).await?;
        match deleted {
            // Somebody else was faster.
            Err(cause) if error::is_absent(&cause) => Ok(()),
            deleted => deleted.map_err(|cause| error::refused(operation, Step::Write, &cause)),
        }
    }

    /// Removes an object if it is still this one. `false` when it is not.
    pub(crate) async fn remove_at(&self, path: &str, token: &Token, operation: &'static str) -> Result<bool> {
        let mut options = DeleteOptions::default();
        match token {
            Token::Tag(tag) => options.if_match = Some(tag.clone()),
            Token::Generation(number) => options.if_version_match = Some(number.clone()),
            Token::Nonce(_) => return Ok(false),
        }
        let delete =
            self.tell(path, |operator, path| async move { operator.delete_options(&path, options).await });
        match self.within(operation, Step::Write, delete).await? {
            Ok(()) => Ok(true),
            Err(cause) if is_other(&cause) => Ok(false),
            Err(cause) => Err(error::refused(operation, Step::Write, &cause)),
        }
    }

    /// Begins to list a place.
    pub(crate) async fn list(&self, path: &str, operation: &'static str) -> Result<Listing> {
        let list = self.tell(path, |operator, path| async move { operator.lister(&path).await });
        let lister = self.within(operation, Step::Read, list).await?;
        let lister = lister.map_err(|cause| error::refused(operation, Step::Read, &cause))?;
        Ok(Listing::new(lister, self.deadline, operation))
    }

    /// Waits for an answer, as long as it may take.
    ///
    /// The request is a task of its own, and ends with whoever waits. OpenDAL lets requests queue for the credentials, and
    /// one that is not polled when its turn comes would hold up all others: of a listing, while the application looks at
    /// an entry; of a purge, while it removes what it has found.
    async fn within<T: Send + 'static>(
        &self,
        operation: &'static str,
        step: Step,
        work: impl Future<Output = opendal::Result<T>> + Send + 'static,
    ) -> Result<opendal::Result<T>> {
        let Some(span) = self.deadline else { return Ok(work.await) };
        let answer = Task::spawn(tokio::time::timeout(span, work)).await;
        let answer = answer.ok_or_else(|| error::abandoned(operation, step))?;
        answer.map_err(|_| error::late(operation, step))
    }

    /// A request that may be made again.
    fn ask<T, F, A>(
        &self,
        path: &str,
        ask: A,
    ) -> impl Future<Output = opendal::Result<T>> + Send + use<T, F, A>
    where
        T: Send,
        F: Future<Output = opendal::Result<T>> + Send,
        A: Fn(Operator, String) -> F + Send + Sync,
    {
        let (operator, path) = (self.operator.get().cloned(), path.to_owned());
        again(move || {
            let asked = operator.clone().map(|operator| ask(operator, path.clone()));
            async { asked.ok_or_else(unopened)?.await }
        })
    }

    /// A request that is made once.
    fn tell<T, F, A>(
        &self,
        path: &str,
        tell: A,
    ) -> impl Future<Output = opendal::Result<T>> + Send + use<T, F, A>
    where
        F: Future<Output = opendal::Result<T>> + Send,
        A: FnOnce(Operator, String) -> F,
    {
        let operator = self.operator.get().cloned();
        let told = operator.map(|operator| tell(operator, path.to_owned()));
        async { told.ok_or_else(unopened)?.await }
    }

    /// Whether what is asked for is in this process.
    pub(crate) fn is_here(&self) -> bool {
        self.deadline.is_none()
    }
}

/// Every operation opens the service first, so nobody sees this.
fn unopened() -> opendal::Error {
    opendal::Error::new(opendal::ErrorKind::Unexpected, "the service is not set up")
}

/// Asks again when a connection broke or the service had a weak moment. What changes nothing may be asked again.
async fn again<T, F>(ask: impl Fn() -> F) -> opendal::Result<T>
where
    F: Future<Output = opendal::Result<T>>,
{
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        match ask().await {
            Err(cause) if cause.is_temporary() => tokio::time::sleep(pause).await,
            answer => return answer,
        }
        pause *= 4;
    }
    ask().await
}

/// Whether the object was not the one that was meant, or not there.
fn is_other(cause: &opendal::Error) -> bool {
    use opendal::ErrorKind::{ConditionNotMatch, Conflict};
    matches!(cause.kind(), ConditionNotMatch | Conflict) || error::is_absent(cause)
}
