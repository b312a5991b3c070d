//! What every page shows of the one who looks at it.

use dancecard::{Result, Session};

use crate::{cart, flash};

/// The key of the name, which is set at sign-in and goes with the session.
const NAME: &str = "name";

/// Whoever looks at a page.
#[derive(Default)]
pub(crate) struct Visitor {
    /// The name, of those who are signed in.
    pub(crate) name: Option<String>,
    /// How many things lie in the cart.
    pub(crate) items: u32,
    /// What the page before had to say.
    pub(crate) flash: Option<String>,
}

impl Visitor {
    /// Reads it from the session: one question to the engine for all of it, and none for a visitor without a cookie.
    pub(crate) async fn of(session: &Session) -> Result<Self> {
        Ok(Self {
            name: session.get(NAME).await?,
            items: cart::of(session).get().await?.count(),
            flash: flash::take(session).await?,
        })
    }
}

/// Keeps the name in the session, for the pages to show.
pub(crate) fn set_name(session: &Session, name: &str) -> Result<()> {
    session.set(NAME, name)
}
