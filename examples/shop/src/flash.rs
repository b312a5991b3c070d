//! A sentence that the next page shows, once.

use dancecard::{Result, Session};

const KEY: &str = "flash";

/// Leaves a sentence for the next page.
pub(crate) fn leave(session: &Session, sentence: impl AsRef<str>) -> Result<()> {
    session.set(KEY, sentence.as_ref())
}

/// Takes the sentence out of the session, so that no other page shows it.
pub(crate) async fn take(session: &Session) -> Result<Option<String>> {
    session.take(KEY).await
}
